/**
 * The lock that all runs share. The kernel holds it, so that no age, pid or heartbeat decides: a child `flock` takes it on
 * a file in the run directory and lives on a pipe from us. When we end, however we end, the child gets end-of-file, and
 * the kernel releases the lock with it. Who holds it is written beside it, for messages only.
 */
import { closeSync, constants, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ProcessIdentity } from "../../core/decision/record.ts";
import { LivecertError } from "../../errors.ts";
import { readFileBounded } from "../files/read-file.ts";
import { startCompanion, type Companion } from "../process/companion.ts";
import { isAlive, ownIdentity } from "../process/processes.ts";
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

/** Released by `await using`, or when the process ends. */
export interface Lock extends AsyncDisposable {
  readonly waitedMs: number;
  /** Aborted when the kernel has taken the lock from us: somebody ended our child. */
  readonly lost: AbortSignal;
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
  const file = await prepareLockFile(request.runDir);
  const child = startCompanion(await findChecked("flock"), [
    "-x",
    file,
    await findChecked("cat"),
  ]);
  child.write("held\n");
  const verdict = await waitForLock(child, request);
  if (verdict === "held") {
    await announce(request);
    return holdLock(child, request.runDir, performance.now() - startedMs);
  }
  await child.terminate();
  request.signal.throwIfAborted();
  if (verdict === "ended")
    throw unavailable(file, `flock ended: ${await child.ended}`);
  throw await locked(request);
}

/** Who holds the lock, as far as the file beside it tells; null where nobody does. */
export async function readHolder(runDir: string): Promise<Holder | null> {
  const reading = await readFileBounded(holderPath(runDir));
  if (reading.kind !== "read") return null;
  const holder = parseHolder(Buffer.from(reading.content).toString("utf8"));
  return holder !== null && isAlive(holder) ? holder : null;
}

async function prepareLockFile(runDir: string): Promise<string> {
  const file = join(runDir, "lock");
  try {
    makeDirectory(runDir);
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
    const opened = openSync(file, flags, 0o600);
    try {
      const ownership = await checkOwnership(file);
      if (ownership.kind === "untrusted")
        throw unsafe(runDir, ownership.reason);
      makePrivate(opened);
    } finally {
      closeSync(opened);
    }
    return file;
  } catch (error) {
    if (error instanceof LivecertError) throw error;
    throw unavailable(file, (error as Error).message, error);
  }
}

function unsafe(runDir: string, reason: string): LivecertError {
  return new LivecertError(
    "configuration-unsafe",
    `the lock could be changed by others: ${reason}`,
    { remedy: `chown root ${runDir} && chmod go-w ${runDir}` },
  );
}

async function findChecked(name: string): Promise<string> {
  const found = await findProgram(name);
  if (found.kind === "found") return found.path;
  const reason = found.kind === "absent" ? "is not installed" : found.reason;
  throw new LivecertError("lock-unavailable", `the program ${name} ${reason}`, {
    remedy: "apt-get install util-linux coreutils",
  });
}

type Verdict = "held" | "timed-out" | "aborted" | "ended";

/** `cat` runs once `flock` has the lock, and echoes what we wrote. */
async function waitForLock(
  child: Companion,
  { waitMs, signal }: LockRequest,
): Promise<Verdict> {
  let timer: NodeJS.Timeout | undefined;
  let abort: () => void = () => undefined;
  const given = new Promise<Verdict>((resolve) => {
    const limitMs = Math.max(waitMs, minimumWaitMs);
    timer = setTimeout(() => resolve("timed-out"), limitMs);
    abort = () => resolve("aborted");
    signal.addEventListener("abort", abort, { once: true });
  });
  const echoed = child.firstOutput.then((text): Verdict =>
    text === null ? "ended" : "held",
  );
  try {
    return await Promise.race([echoed, given]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

function holdLock(child: Companion, runDir: string, waitedMs: number): Lock {
  const lost = new AbortController();
  let isReleased = false;
  void child.ended.then(() => {
    if (!isReleased) lost.abort(new Error("the lock was taken from us"));
  });
  return {
    waitedMs,
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      if (isReleased) return;
      isReleased = true;
      withdraw(runDir);
      await child.finish();
    },
  };
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
  file: string,
  reason: string,
  cause?: unknown,
): LivecertError {
  return new LivecertError(
    "lock-unavailable",
    `cannot lock ${file}: ${reason}`,
    {
      remedy: "run livecert as root, or choose another place with --run-dir",
      cause,
    },
  );
}
