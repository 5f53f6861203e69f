import { spawn } from "node:child_process";
import { once } from "node:events";

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

/** A program under way, in a process group of its own. */
export interface RunningProgram {
  readonly pid: number;
  /** What it has written to stdout so far. */
  readonly stdout: () => string;
  /** The same of stderr. */
  readonly stderr: () => string;
  /** Signals the whole group, as a terminal does; nothing when it has ended. */
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Rejects where the program exceeds its limit. */
  readonly ended: Promise<RunResult>;
}

/** Starts a program; throws where it cannot be started. */
export async function start(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunningProgram> {
  const limitMs = options.limitMs ?? 100_000;
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
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  // A program that reads no input may end before it is written.
  child.stdin.on("error", () => undefined);
  const closed = once(child, "close") as Promise<
    [number | null, NodeJS.Signals | null]
  >;
  // Where the start fails, "error" rejects this one as well.
  closed.catch(() => undefined);
  await once(child, "spawn");
  child.stdin.end(options.input ?? "");
  const pid = child.pid ?? 0;
  const signal = (name: NodeJS.Signals): void => {
    if (child.exitCode === null && child.signalCode === null)
      process.kill(-pid, name);
  };
  const finish = async (): Promise<RunResult> => {
    let late = false as boolean;
    const timer = setTimeout(() => {
      late = true;
      signal("SIGKILL");
    }, limitMs);
    const [exitCode, ended] = await closed;
    clearTimeout(timer);
    if (late) throw new Error(`${program} exceeded ${limitMs} ms`);
    return { exitCode, signal: ended, stdout: stdout(), stderr: stderr() };
  };
  return { pid, stdout, stderr, signal, ended: finish() };
}

/** Runs a program to its end and returns what it did, whatever its exit code. Throws where it cannot be started or exceeds its limit. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return (await start(program, args, options)).ended;
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
