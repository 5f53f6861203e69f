/**
 * How livecert writes files: a reader, and whoever comes after a crash or a power loss, finds the old content or the new
 * one. A temporary file in the same directory is written, synced and renamed over the old one, then the directory synced.
 * Files are 0600 and directories 0700 whatever the umask.
 *
 * Only the disk itself is waited for by promises; a promise for each call that the kernel answers from memory would take
 * ten times as long.
 */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";

const privateFile = 0o600;
const privateDirectory = 0o700;
const createNew =
  constants.O_WRONLY |
  constants.O_CREAT |
  constants.O_EXCL |
  constants.O_NOFOLLOW;
/** No write takes that long, so a temporary file this old has nobody who will rename it. */
const abandonedAfterMs = 3_600_000;

/**
 * Creates the directory and those above it that are missing. Throws what the system throws; Node's own recursive mkdir
 * says `ENOENT` for a file system that is read-only.
 */
export function makeDirectory(path: string): void {
  if (isDirectory(path)) return;
  if (dirname(path) !== path) makeDirectory(dirname(path));
  try {
    mkdirSync(path, { mode: privateDirectory });
    chmodSync(path, privateDirectory);
  } catch (error) {
    if (codeOf(error) !== "EEXIST" || !isDirectory(path)) throw error;
  }
}

/** False for whatever cannot be looked at. */
export function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Throws what the system throws; the temporary file is gone then, and the old content untouched. */
export async function writeAtomically(
  path: string,
  text: string,
): Promise<void> {
  await replace(path, async (file) => {
    writeFileSync(file, text);
    await sync(file);
  });
  await syncDirectory(dirname(path));
}

/** The same for what nobody misses after a power loss: it waits for no disk. */
export async function writeBriefly(
  path: string,
  content: string | Uint8Array,
): Promise<void> {
  await replace(path, (file) => {
    writeFileSync(file, content);
  });
}

/** The same for what everybody may read. */
export async function writeReadable(path: string, text: string): Promise<void> {
  await replace(path, (file) => {
    writeFileSync(file, text);
    fchmodSync(file, 0o644);
  });
}

/** Given a file's descriptor. */
type Fill = (file: number) => void | Promise<void>;

const sync = promisify(fsync);

async function replace(path: string, fill: Fill): Promise<void> {
  try {
    await replaceOnce(path, fill);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    // A sweeper in another pid namespace may have taken the temporary file for a leftover.
    await replaceOnce(path, fill);
  }
}

async function replaceOnce(path: string, fill: Fill): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await withNewFile(temporary, fill);
    renameSync(temporary, path);
  } catch (error) {
    removeLeftover(temporary);
    throw error;
  }
}

/** A file that must not exist yet. Throws what the system throws; a part of the text may be there then. */
export async function writeNew(path: string, text: string): Promise<void> {
  await withNewFile(path, (file) => {
    writeFileSync(file, text);
  });
}

async function withNewFile(path: string, fill: Fill): Promise<void> {
  const file = openSync(path, createNew, privateFile);
  try {
    makePrivate(file);
    await fill(file);
  } finally {
    closeSync(file);
  }
}

function removeLeftover(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The next sweep tries again.
  }
}

/** 0600 also where the umask has taken some of that away. */
export function makePrivate(file: number): void {
  const { mode } = fstatSync(file);
  if ((mode & 0o777) !== privateFile) fchmodSync(file, privateFile);
}

/** Makes names that were created, renamed or removed in a directory outlive a power loss. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = openSync(path, constants.O_RDONLY);
  try {
    await sync(directory);
  } finally {
    closeSync(directory);
  }
}

/**
 * Appends by one write, unless the disk takes only a part, and syncs; the file is created 0600.
 *
 * @param toLines what to append, given the file's last byte; null: it is empty.
 */
export async function append(
  path: string,
  toLines: (last: number | null) => string,
): Promise<void> {
  const flags =
    constants.O_RDWR |
    constants.O_APPEND |
    constants.O_CREAT |
    constants.O_NOFOLLOW;
  const file = openSync(path, flags, privateFile);
  try {
    makePrivate(file);
    writeFileSync(file, toLines(lastByte(file)));
    await sync(file);
  } finally {
    closeSync(file);
  }
}

function lastByte(file: number): number | null {
  const { size } = fstatSync(file);
  const last = Buffer.alloc(1);
  if (size > 0) readSync(file, last, 0, 1, size - 1);
  return size > 0 ? (last[0] ?? null) : null;
}

/** In the same directory; sweepLeftovers knows it by its form. */
function temporaryName(path: string): string {
  const unique = randomBytes(6).toString("hex");
  const name = `.${basename(path)}.${String(process.pid)}.${unique}.tmp`;
  return join(dirname(path), name);
}

/** Removes what killed writers left behind; whatever cannot be removed stays. */
export function sweepLeftovers(directory: string, now: Date): void {
  for (const name of listNames(directory)) {
    const pid = /^\..*\.(\d+)\.[0-9a-f]{12}\.tmp$/.exec(name)?.[1];
    if (pid === undefined) continue;
    const path = join(directory, name);
    if (!isRunning(Number(pid)) || isAbandoned(path, now)) removeLeftover(path);
  }
}

/** Names in a directory, sorted; none where it does not exist. */
export function listNames(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}

function isAbandoned(path: string, now: Date): boolean {
  try {
    const { mtime } = lstatSync(path);
    return now.getTime() - mtime.getTime() > abandonedAfterMs;
  } catch {
    return false;
  }
}

/** The system's name for what went wrong (`ENOENT`), or null. */
export function codeOf(error: unknown): string | null {
  return (error as NodeJS.ErrnoException).code ?? null;
}
