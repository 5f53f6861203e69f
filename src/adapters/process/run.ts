/**
 * The one way in which livecert runs other programs to their end.
 *
 * No shell; an absolute program; a clean environment; a process group of its own, so that the limit reaches everything
 * that the program started: TERM, a second later KILL. Output is bounded. Standard input is empty unless given.
 * A program that leaves something running in the background does not hold us by the pipes that this keeps open.
 */
import { isAbsolute } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { execa, type ResultPromise } from "execa";
import { outOfDescriptors, unlessOutOfDescriptors } from "./descriptors.ts";
import { cleanEnvironment } from "./environment.ts";

export interface ProgramRequest {
  /** Absolute path; who may write to it is the caller's to check (trust.ts). */
  readonly program: string;
  readonly args: readonly string[];
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Written to standard input, which is empty otherwise; or an open file, by its descriptor, that it gets as such. */
  readonly input?: string | Uint8Array | number | undefined;
  /** Added to PATH, LC_ALL and HOME, which are all that a program gets. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  /** For each of the two outputs; 64 MiB unless told. A program that writes more is ended. */
  readonly maxOutputBytes?: number | undefined;
}

export interface ProgramOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** How a program ended; the output is whatever it had written by then, as UTF-8 with its final newline. */
export type ProgramResult =
  | (ProgramOutput & { readonly kind: "exited"; readonly exitCode: number })
  /** By a signal that was not ours. */
  | (ProgramOutput & { readonly kind: "killed"; readonly signal: string })
  | (ProgramOutput & { readonly kind: "timed-out"; readonly timeoutMs: number })
  | (ProgramOutput & { readonly kind: "aborted" })
  | (ProgramOutput & {
      readonly kind: "overflowed";
      readonly maxOutputBytes: number;
    })
  | (ProgramOutput & { readonly kind: "not-started"; readonly reason: string });

type StopReason = "timed-out" | "aborted" | "overflowed";
type Child = ResultPromise<ReturnType<typeof childOptions>>;

const nothingWritten: ProgramOutput = { stdout: "", stderr: "" };
const defaultMaxOutputBytes = 64 * 1024 * 1024;
const killAfterMs = 1_000;
const giveUpAfterKillMs = 1_000;
const backgroundHolderMs = 250;

/**
 * Runs a program and waits for its end, at most `timeoutMs` and the second that a TERM is given.
 *
 * @throws TypeError when `program` is not absolute: a defect of the caller. Every other end is a value.
 */
export async function runProgram(
  request: ProgramRequest,
): Promise<ProgramResult> {
  if (!isAbsolute(request.program))
    throw new TypeError(`not an absolute path: ${request.program}`);
  if (request.signal?.aborted === true)
    return { kind: "aborted", ...nothingWritten };
  if ([request.program, ...request.args].some((word) => word.includes("\0")))
    return { kind: "not-started", reason: "a NUL byte", ...nothingWritten };

  const maxOutputBytes = request.maxOutputBytes ?? defaultMaxOutputBytes;
  const child = unlessOutOfDescriptors(() =>
    execa(request.program, request.args, childOptions(request)),
  );
  if (child === null)
    return { kind: "not-started", reason: outOfDescriptors, ...nothingWritten };
  const forget = endWithUs(child);
  const stop = watchLimits(request);
  const output = gather(child, maxOutputBytes, () => stop.ask("overflowed"));
  try {
    const first = await Promise.race([waitForEnd(child), stop.asked]);
    if (first.kind !== "stop") return { ...first, ...output.text() };
    await endGroup(child);
    return stopped(first.reason, request.timeoutMs, maxOutputBytes, output);
  } finally {
    stop.dispose();
    output.dispose();
    forget();
  }
}

/** What became of the program, to follow its name in a sentence: `exited with 1: cannot open …`. */
export function describeEnd(result: ProgramResult): string {
  switch (result.kind) {
    case "exited":
      return `exited with ${String(result.exitCode)}${lastWords(result)}`;
    case "killed":
      return `was killed by ${result.signal}${lastWords(result)}`;
    case "timed-out":
      return `did not end within ${String(result.timeoutMs / 1_000)} s`;
    case "aborted":
      return "was stopped";
    case "overflowed":
      return `wrote more than ${String(result.maxOutputBytes)} bytes`;
    case "not-started":
      return `could not be started: ${result.reason}`;
  }
}

function lastWords(output: ProgramOutput): string {
  const line = output.stderr.trimEnd().split("\n").at(-1) ?? "";
  return line === "" ? "" : `: ${line}`;
}

function childOptions(request: ProgramRequest) {
  return {
    env: cleanEnvironment(request.environment),
    extendEnv: false,
    cwd: request.cwd ?? "/",
    ...standardInput(request.input),
    stdout: "pipe",
    stderr: "pipe",
    buffer: false,
    reject: false,
    detached: true,
    cleanup: false,
  } as const;
}

function standardInput(input: ProgramRequest["input"]) {
  if (input === undefined) return { stdin: "ignore" } as const;
  if (typeof input !== "number") return { input } as const;
  // Node.js takes every descriptor; the types of execa know those up to 9.
  return { stdin: input as 9 } as const;
}

const runningGroups = new Set<number>();

/** Nothing that we started outlives a regular end of ours, wherever it comes from. */
function endWithUs(child: { readonly pid?: number | undefined }): () => void {
  const { pid } = child;
  if (pid === undefined) return () => undefined;
  if (runningGroups.size === 0) process.once("exit", killRunningGroups);
  runningGroups.add(pid);
  return () => {
    runningGroups.delete(pid);
    if (runningGroups.size === 0) process.off("exit", killRunningGroups);
  };
}

function killRunningGroups(): void {
  for (const pid of runningGroups) signalGroup(pid, "SIGKILL");
}

interface Stop {
  readonly kind: "stop";
  readonly reason: StopReason;
}

/** Settles `asked` at the time limit, when the caller aborts, or when told to. */
function watchLimits({ timeoutMs, signal }: ProgramRequest) {
  let ask: (reason: StopReason) => void = () => undefined;
  const asked = new Promise<Stop>((resolve) => {
    ask = (reason) => resolve({ kind: "stop", reason });
  });
  const timer = setTimeout(() => ask("timed-out"), timeoutMs);
  const abort = () => ask("aborted");
  signal?.addEventListener("abort", abort, { once: true });
  return {
    asked,
    ask,
    dispose() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    },
  };
}

interface Gathered {
  text(): ProgramOutput;
  dispose(): void;
}

function gather(child: Child, limit: number, overflow: () => void): Gathered {
  const stdout = collect(child.stdout, limit, overflow);
  const stderr = collect(child.stderr, limit, overflow);
  return {
    text: () => ({ stdout: stdout(), stderr: stderr() }),
    dispose() {
      child.stdout.destroy();
      child.stderr.destroy();
    },
  };
}

function collect(
  stream: Readable,
  limit: number,
  overflow: () => void,
): () => string {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  stream.on("data", (chunk: Buffer) => {
    const room = limit - sizeBytes;
    chunks.push(chunk.subarray(0, room));
    sizeBytes += Math.min(chunk.length, room);
    if (chunk.length > room) overflow();
  });
  return () => Buffer.concat(chunks).toString("utf8");
}

type End =
  | { readonly kind: "exited"; readonly exitCode: number }
  | { readonly kind: "killed"; readonly signal: string }
  | { readonly kind: "not-started"; readonly reason: string };

/** The end of the program itself; its outputs are waited for only briefly, since its own children may hold them open. */
async function waitForEnd(child: Child): Promise<End> {
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
  });
  const released = exited.then(() =>
    delay(backgroundHolderMs, {}, { ref: false }),
  );
  const result = await Promise.race([child, released]);
  if (child.signalCode !== null)
    return { kind: "killed", signal: child.signalCode };
  if (child.exitCode !== null && child.pid !== undefined)
    return { kind: "exited", exitCode: child.exitCode };
  return { kind: "not-started", reason: startFailure(result) };
}

const startFailures: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  ENOEXEC: "not a program",
  EAGAIN: "too many processes",
  ENOMEM: "not enough memory",
  EMFILE: outOfDescriptors,
  E2BIG: "its arguments are too long",
  ETXTBSY: "it is being written",
};

function startFailure(result: {
  readonly code?: string | undefined;
  readonly originalMessage?: string | undefined;
}): string {
  const known = startFailures[result.code ?? ""];
  return known ?? result.originalMessage ?? "unknown reason";
}

/** TERM to the whole group, KILL a second later; a program that even KILL cannot end (disk sleep) is left behind. */
async function endGroup(child: Child): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  signalGroup(pid, "SIGTERM");
  if (await comesTrue(() => !signalGroup(pid, 0), killAfterMs)) return;
  signalGroup(pid, "SIGKILL");
  // Of the program alone: dead members of the group count as living until somebody else collects them.
  await comesTrue(() => hasEnded(child), giveUpAfterKillMs);
}

function hasEnded(child: Child): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function comesTrue(
  condition: () => boolean,
  limitMs: number,
): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() >= deadline) return false;
    await delay(10);
  }
  return true;
}

/** False where the group has no process left. */
function signalGroup(pid: number, signal: "SIGTERM" | "SIGKILL" | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    // EPERM: it changed its user, so it is still there and not ours to end.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function stopped(
  reason: StopReason,
  timeoutMs: number,
  maxOutputBytes: number,
  output: Gathered,
): ProgramResult {
  switch (reason) {
    case "timed-out":
      return { kind: reason, timeoutMs, ...output.text() };
    case "aborted":
      return { kind: reason, ...output.text() };
    case "overflowed":
      return { kind: reason, maxOutputBytes, ...output.text() };
  }
}
