/**
 * How livecert writes files: a reader, and whoever comes after a crash or a power loss, finds the old content or the new
 * one. A temporary file in the same directory is written, synced and renamed over the old one, then the directory synced.
 * Files are 0600 and directories 0700 whatever the umask.
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import {
  chmod,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  stat,
  type FileHandle,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";

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
export async function makeDirectory(path: string): Promise<void> {
  if (await isDirectory(path)) return;
  if (dirname(path) !== path) await makeDirectory(dirname(path));
  try {
    await mkdir(path, { mode: privateDirectory });
    await chmod(path, privateDirectory);
  } catch (error) {
    if (codeOf(error) !== "EEXIST" || !(await isDirectory(path))) throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => null);
  return stats?.isDirectory() === true;
}

/** Throws what the system throws; the temporary file is gone then, and the old content untouched. */
export async function writeAtomically(
  path: string,
  text: string,
): Promise<void> {
  await replace(path, async (file) => {
    await file.writeFile(text);
    await file.sync();
  });
  await syncDirectory(dirname(path));
}

/** The same for what nobody misses after a power loss: it waits for no disk. */
export async function writeBriefly(path: string, text: string): Promise<void> {
  await replace(path, (file) => file.writeFile(text));
}

/** The same for what everybody may read. */
export async function writeReadable(path: string, text: string): Promise<void> {
  await replace(path, async (file) => {
    await file.writeFile(text);
    await file.chmod(0o644);
  });
}

type Fill = (file: FileHandle) => Promise<void>;

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
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** A file that must not exist yet. Throws what the system throws; a part of the text may be there then. */
export async function writeNew(path: string, text: string): Promise<void> {
  await withNewFile(path, (file) => file.writeFile(text));
}

async function withNewFile(path: string, fill: Fill): Promise<void> {
  const file = await open(path, createNew, privateFile);
  try {
    await makePrivate(file);
    await fill(file);
  } finally {
    await file.close();
  }
}

/** 0600 also where the umask has taken some of that away. */
export async function makePrivate(file: FileHandle): Promise<void> {
  const { mode } = await file.stat();
  if ((mode & 0o777) !== privateFile) await file.chmod(privateFile);
}

/** Makes names that were created, renamed or removed in a directory outlive a power loss. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Opens for one appending write; created 0600. Reading is allowed, so that the last byte can be looked at. */
export async function openForAppend(path: string): Promise<FileHandle> {
  const flags =
    constants.O_RDWR |
    constants.O_APPEND |
    constants.O_CREAT |
    constants.O_NOFOLLOW;
  const file = await open(path, flags, privateFile);
  try {
    await makePrivate(file);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** In the same directory; sweepLeftovers knows it by its form. */
export function temporaryName(path: string): string {
  const unique = randomBytes(6).toString("hex");
  const name = `.${basename(path)}.${String(process.pid)}.${unique}.tmp`;
  return join(dirname(path), name);
}

/** Removes what killed writers left behind; whatever cannot be removed stays. */
export async function sweepLeftovers(
  directory: string,
  now: Date,
): Promise<void> {
  for (const name of await listNames(directory)) {
    const pid = /^\..*\.(\d+)\.[0-9a-f]{12}\.tmp$/.exec(name)?.[1];
    if (pid === undefined) continue;
    const path = join(directory, name);
    if (!isRunning(Number(pid)) || (await isAbandoned(path, now)))
      await rm(path, { force: true }).catch(() => undefined);
  }
}

/** Names in a directory, sorted; none where it does not exist. */
export async function listNames(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).sort();
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

async function isAbandoned(path: string, now: Date): Promise<boolean> {
  const stats = await lstat(path).catch(() => null);
  return (
    stats !== null && now.getTime() - stats.mtime.getTime() > abandonedAfterMs
  );
}

/** The system's name for what went wrong (`ENOENT`), or null. */
export function codeOf(error: unknown): string | null {
  return (error as NodeJS.ErrnoException).code ?? null;
}
