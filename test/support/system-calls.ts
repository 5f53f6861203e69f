/** What a program and its children ask of the kernel, as strace(1) shows it. */
import { readFile } from "node:fs/promises";

export interface SystemCall {
  readonly pid: number;
  readonly name: string;
  /** The arguments as strace prints them, strings with their very bytes (latin1). */
  readonly args: string;
}

/** Words before a program, so that these calls of it and of its children are written to a file. */
export function tracing(
  file: string,
  calls: readonly string[],
): readonly string[] {
  return [
    ...["strace", "-f", "-v", "-xx", "-s", "10000000", "-o", file],
    ...["-e", `trace=${calls.join(",")}`, "-e", "signal=none"],
  ];
}

export async function tracedCalls(
  file: string,
): Promise<readonly SystemCall[]> {
  const lines = (await readFile(file, "latin1")).split("\n");
  return lines.flatMap((line) => {
    const [, pid, name, args] = /^(\d+) +(\w+)\((.*)$/s.exec(line) ?? [];
    if (pid === undefined || name === undefined || args === undefined)
      return [];
    return [{ pid: Number(pid), name, args: withoutEscapes(args) }];
  });
}

function withoutEscapes(text: string): string {
  return text.replaceAll(/\\x([0-9a-f]{2})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}
