/** Runs programs with something going wrong at one chosen system call; see programs/at-call. x86-64 only. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

const program = join(import.meta.dirname, "programs", "at-call");

export interface Interference {
  /** Which calls count; names are those of system calls on files. */
  readonly calls: "changing" | "all" | readonly string[];
  /** Counting begins when the program opens a file whose path ends in this. */
  readonly from: string;
  /** The first one is 1; 0: none, the calls are only counted. */
  readonly number: number;
  readonly action:
    | { readonly kind: "kill" }
    | { readonly kind: "fail"; readonly error: string }
    /** A file gets this content, then the call goes on. */
    | { readonly kind: "write"; readonly file: string; readonly text: string };
}

export interface InterferenceReport {
  readonly calls: number;
  /** The call and its file; null: there were fewer calls. */
  readonly acted: string | null;
}

/** Words before a program's absolute path. */
export function atCall(
  report: string,
  { calls, from, number, action }: Interference,
): readonly string[] {
  const counted = typeof calls === "string" ? calls : calls.join(",");
  return [program, report, counted, from, String(number), inWords(action)];
}

function inWords(action: Interference["action"]): string {
  switch (action.kind) {
    case "kill":
      return "kill";
    case "fail":
      return `fail:${action.error}`;
    case "write":
      return `write:${action.file}:${action.text}`;
  }
}

export async function readReport(file: string): Promise<InterferenceReport> {
  return JSON.parse(await readFile(file, "utf8")) as InterferenceReport;
}
