/**
 * The lock that all runs share. The kernel holds it, so that no age, pid or heartbeat decides: `flock` takes it on a file of
 * the run directory that we have opened, and ends. A lock taken so belongs to the open file (flock(2)), so it lasts until we
 * close that, or end, however we end. Who holds it is written beside it, for messages only.
 */
import { closeSync, constants, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ProcessIdentity } from "../../core/decision/record.ts";
import { LivecertError } from "../../errors.ts";
import { readFileBounded } from "../files/read-file.ts";
import { isAlive, ownIdentity } from "../process/processes.ts";
import { describeEnd, runProgram } from "../process/run.ts";
import { checkOwnership, findProgram } from "../process/trust.ts";
import {
  makeDirectory,
  makePrivate,
  sweepLeftovers,
  writeBriefly,
} from "./files.ts";
import { number, record, string } from "./shape.ts";

export interface LockRequest {
  readonly runDir: string;
  /** How long to wait for another run; 0: only one try. */
  readonly waitMs: number;
  /** Ours, e.g. `hook`: what others are told while we hold it. */
  readonly command: string;
  readonly signal: AbortSignal;
}

/** Released by `using`, or when the process ends. */
export interface Lock extends Disposable {
  readonly waitedMs: number;
}

export interface Holder extends ProcessIdentity {
  readonly command: string;
  /** ISO 8601. */
  readonly since: string;
}

/** For a lock that nobody else wants, a child's start is all it takes. */
const minimumWaitMs = 1_000;

/**
 * @throws LivecertError `locked` naming the holder when the time is over, `lock-unavailable` where no lock can be taken at
 *   all, `configuration-unsafe` where others may write to the run directory; the signal's reason when it is aborted.
 */
export async function takeLock(request: LockRequest): Promise<Lock> {
  request.signal.throwIfAborted();
  const startedMs = performance.now();
  const descriptor = await openLockFile(request.runDir);
  try {
    await lock(descriptor, request);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  await announce(request);
  return heldLock(descriptor, request.runDir, performance.now() - startedMs);
}

/**
 * One try; null: another process holds it.
 *
 * @throws as `takeLock` does, but for `locked`
 */
export async function tryLock(
  request: Omit<LockRequest, "waitMs">,
): Promise<Lock | null> {
  try {
    return await takeLock({ ...request, waitMs: 0 });
  } catch (error) {
    if (error instanceof LivecertError && error.code === "locked") return null;
    throw error;
  }
}

/** Who holds the lock, as far as the file beside it tells; null where nobody does. */
export async function readHolder(runDir: string): Promise<Holder | null> {
  const reading = await readFileBounded(holderPath(runDir));
  if (reading.kind !== "read") return null;
  const holder = parseHolder(Buffer.from(reading.content).toString("utf8"));
  return holder !== null && isAlive(holder) ? holder : null;
}

/** Node.js opens files so that no program inherits them; the lock is not kept by one that outlives us. */
async function openLockFile(runDir: string): Promise<number> {
  const file = lockPath(runDir);
  let opened: number | null = null;
  try {
    makeDirectory(runDir);
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
    opened = openSync(file, flags, 0o600);
    const ownership = await checkOwnership(file);
    if (ownership.kind === "untrusted") throw unsafe(runDir, ownership.reason);
    makePrivate(opened);
    return opened;
  } catch (error) {
    if (opened !== null) closeSync(opened);
    if (error instanceof LivecertError) throw error;
    throw unavailable(runDir, (error as Error).message, error);
  }
}

function unsafe(runDir: string, reason: string): LivecertError {
  return new LivecertError(
    "configuration-unsafe",
    `the lock could be changed by others: ${reason}`,
    { remedy: `chown root ${runDir} && chmod go-w ${runDir}` },
  );
}

async function findFlock(): Promise<string> {
  const found = await findProgram("flock");
  if (found.kind === "found") return found.path;
  const reason = found.kind === "absent" ? "is not installed" : found.reason;
  throw new LivecertError("lock-unavailable", `the program flock ${reason}`, {
    remedy: "apt-get install util-linux",
  });
}

async function lock(descriptor: number, request: LockRequest): Promise<void> {
  const { runDir, waitMs, signal } = request;
  const result = await runProgram({
    program: await findFlock(),
    args: ["-x", "0"],
    input: descriptor,
    timeoutMs: Math.max(waitMs, minimumWaitMs),
    signal,
  });
  signal.throwIfAborted();
  if (result.kind === "timed-out") throw await locked(request);
  if (result.kind !== "exited" || result.exitCode !== 0)
    throw unavailable(runDir, `flock ${describeEnd(result)}`);
}

function heldLock(descriptor: number, runDir: string, waitedMs: number): Lock {
  let isReleased = false;
  return {
    waitedMs,
    [Symbol.dispose]() {
      if (isReleased) return;
      isReleased = true;
      withdraw(runDir);
      closeSync(descriptor);
    },
  };
}

function lockPath(runDir: string): string {
  return join(runDir, "lock");
}

function holderPath(runDir: string): string {
  return join(runDir, "holder.json");
}

async function announce({ runDir, command }: LockRequest): Promise<void> {
  const since = new Date().toISOString();
  const holder: Holder = { ...ownIdentity(), command, since };
  try {
    sweepLeftovers(runDir, new Date());
    await writeBriefly(holderPath(runDir), `${JSON.stringify(holder)}\n`);
  } catch {
    // Its only use is a better message, which a full disk does not take away for long.
  }
}

function withdraw(runDir: string): void {
  try {
    rmSync(holderPath(runDir), { force: true });
  } catch {
    // Whoever reads it sees that we have ended.
  }
}

const holderShape = record<Holder>({
  pid: number,
  startTicks: string,
  command: string,
  since: string,
});

function parseHolder(text: string): Holder | null {
  try {
    const value: unknown = JSON.parse(text);
    return holderShape(value) ? value : null;
  } catch {
    return null;
  }
}

async function locked({ runDir, waitMs }: LockRequest): Promise<LivecertError> {
  const holder = await readHolder(runDir);
  const waited = `waited ${String(waitMs / 1_000)} s for the lock`;
  if (holder === null)
    return new LivecertError("locked", `${waited}, which another run holds`, {
      remedy: "livecert retry",
    });
  const { pid, command, since } = holder;
  return new LivecertError(
    "locked",
    `${waited}, which livecert ${command} holds since ${since} (pid ${String(pid)})`,
    { remedy: `look at what it waits for: ps -fp ${String(pid)}` },
  );
}

function unavailable(
  runDir: string,
  reason: string,
  cause?: unknown,
): LivecertError {
  return new LivecertError(
    "lock-unavailable",
    `cannot lock ${lockPath(runDir)}: ${reason}`,
    {
      remedy: "run livecert as root, or choose another place with --run-dir",
      cause,
    },
  );
}
