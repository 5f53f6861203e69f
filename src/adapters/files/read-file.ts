/**
 * Reads files that others wrote, wherever a path may lead: never more than a limit, never a FIFO, device or socket (opening
 * one of these can block for ever, or do something), and what was read belongs to one state of one file.
 */
import { constants, type BigIntStats } from "node:fs";
import { open, realpath, stat, type FileHandle } from "node:fs/promises";
import type { FileIdentity, FileReading } from "../../core/lineage/lineage.ts";

/** No PEM file of a certificate, chain or key comes near it. */
export const defaultMaxBytes = 1024 * 1024;

const readOnly = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
const attempts = 3;

/** Never throws for what a file can be; `absent` where the path leads nowhere. */
export async function readFileBounded(
  path: string,
  options: { readonly maxBytes?: number } = {},
): Promise<FileReading> {
  const maxBytes = options.maxBytes ?? defaultMaxBytes;
  try {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const reading = await readOnce(path, maxBytes);
      if (reading !== null) return reading;
    }
    return unreadable(path, "is being written");
  } catch (error) {
    return readFailure(path, error);
  }
}

/** What the path leads to, without opening it; null where nothing is there or it may not be looked at. */
export async function identifyFile(path: string): Promise<FileIdentity | null> {
  try {
    const resolved = await realpath(path);
    const stats = await stat(resolved, { bigint: true });
    return identityOf(path, resolved, stats);
  } catch {
    return null;
  }
}

/** null: it changed while it was read. */
async function readOnce(
  path: string,
  maxBytes: number,
): Promise<FileReading | null> {
  const resolved = await realpath(path);
  const refusal = refuse(await stat(resolved, { bigint: true }), maxBytes);
  if (refusal !== null) return unreadable(path, refusal);
  const file = await open(resolved, readOnly);
  try {
    const before = await file.stat({ bigint: true });
    const refusalNow = refuse(before, maxBytes);
    if (refusalNow !== null) return unreadable(path, refusalNow);
    const content = await readAll(file, Number(before.size), maxBytes);
    const after = await file.stat({ bigint: true });
    if (!isSame(before, after)) return null;
    const identity = identityOf(path, resolved, after);
    return { kind: "read", identity, content };
  } finally {
    await file.close();
  }
}

/** At most the limit, also of a file that says it is empty and is not (those of /proc do). */
async function readAll(
  file: FileHandle,
  expectedBytes: number,
  maxBytes: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  do {
    const rest = maxBytes - sizeBytes;
    const wanted = expectedBytes > 0 ? expectedBytes - sizeBytes : 65_536;
    const buffer = new Uint8Array(Math.min(rest, wanted));
    const { bytesRead } = await file.read(buffer, 0, buffer.length);
    if (bytesRead === 0) break;
    chunks.push(buffer.subarray(0, bytesRead));
    sizeBytes += bytesRead;
  } while (sizeBytes < (expectedBytes || maxBytes));
  const [first, ...others] = chunks;
  return first !== undefined && others.length === 0
    ? first
    : Buffer.concat(chunks);
}

function refuse(stats: BigIntStats, maxBytes: number): string | null {
  if (stats.isDirectory()) return "is a directory";
  if (stats.isFIFO()) return "is a FIFO";
  if (stats.isSocket()) return "is a socket";
  if (!stats.isFile()) return "is a device";
  if (stats.size > BigInt(maxBytes))
    return `is larger than ${formatLimit(maxBytes)}`;
  return null;
}

function formatLimit(bytes: number): string {
  return bytes % 1_048_576 === 0
    ? `${String(bytes / 1_048_576)} MiB`
    : `${String(bytes)} bytes`;
}

function isSame(before: BigIntStats, after: BigIntStats): boolean {
  return before.size === after.size && before.mtimeNs === after.mtimeNs;
}

function identityOf(
  path: string,
  resolved: string,
  stats: BigIntStats,
): FileIdentity {
  return {
    path,
    resolved,
    device: String(stats.dev),
    inode: String(stats.ino),
    sizeBytes: Number(stats.size),
    modifiedNs: String(stats.mtimeNs),
    changedNs: String(stats.ctimeNs),
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
  };
}

const failures: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  ELOOP: "its links lead in a circle",
  ENAMETOOLONG: "its name is too long",
  EIO: "input/output error",
  ESTALE: "its network file system has lost it",
  EMFILE: "too many open files",
  ENFILE: "too many open files",
  ENXIO: "is a socket",
};

function readFailure(path: string, error: unknown): FileReading {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return { kind: "absent", path };
  if (code === undefined) throw error;
  return unreadable(path, failures[code] ?? message);
}

function unreadable(path: string, reason: string): FileReading {
  return { kind: "unreadable", path, reason };
}
