import { spawn } from "node:child_process";

/** What a program did. */
export interface RunResult {
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Words before the program: `["faketime", "2027-01-01"]`, `["strace", "-f", …]`, a SyslogBed's. */
  readonly through?: readonly string[];
  /** The whole environment; by default the test's own. */
  readonly environment?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Written to standard input, which is empty otherwise. */
  readonly input?: string;
  /** A limit against hanging; the whole process group is killed at its end. */
  readonly limitMs?: number;
}

/** Runs a program to its end and returns what it did, whatever its exit code. Throws where it cannot be started or exceeds its limit. */
export function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const limitMs = options.limitMs ?? 100_000;
  return new Promise((resolve, reject) => {
    const [first = program, ...words] = [
      ...(options.through ?? []),
      program,
      ...args,
    ];
    const child = spawn(first, words, {
      cwd: options.cwd,
      env: options.environment ?? process.env,
      detached: true,
      stdio: "pipe",
    });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    }, limitMs);
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    // A program that reads no input may end before it is written.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
    child.on("error", reject);
    child.on("close", (exitCode, signal) => {
      clearTimeout(timer);
      if (late) reject(new Error(`${program} exceeded ${limitMs} ms`));
      else resolve({ exitCode, signal, stdout: stdout(), stderr: stderr() });
    });
  });
}

/** The same, for set-up steps: anything but exit code 0 throws, with what the program said. */
export async function mustRun(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const result = await run(program, args, options);
  if (result.exitCode !== 0)
    throw new Error(
      `${program} ${args.join(" ")}: exit ${String(result.exitCode ?? result.signal)}\n${result.stdout}${result.stderr}`,
    );
  return result;
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}
