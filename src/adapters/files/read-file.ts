/**
 * Reads files that others wrote, wherever a path may lead: never more than a limit, never a FIFO, device or socket (opening
 * one of these can block for ever, or do something), and what was read belongs to one state of one file.
 *
 * A file is read in seven calls that the kernel answers from memory; by a promise each they would take ten times as long.
 */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  statSync,
  type BigIntStats,
} from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { FileIdentity, FileReading } from "../../core/lineage/lineage.ts";
import { placeOf, realPath, realPathOfOpen } from "./real-path.ts";

/** No PEM file of a certificate, chain or key comes near it. */
export const defaultMaxBytes = 1024 * 1024;

/** The one reason that goes away by itself. */
export const beingWritten = "is being written";

const readOnly = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
const attempts = 3;

/** Never throws for what a file can be; `absent` where the path leads nowhere. */
export async function readFileBounded(
  path: string,
  options: { readonly maxBytes?: number } = {},
): Promise<FileReading> {
  const maxBytes = options.maxBytes ?? defaultMaxBytes;
  if (isTurnDue()) await nextTurn();
  try {
    return readQuiet(path, maxBytes);
  } catch (error) {
    return readFailure(path, error);
  }
}

/** The same at once; null for whatever cannot be read. */
export function readNow(
  path: string,
  options: { readonly maxBytes?: number } = {},
): Buffer | null {
  try {
    const reading = readQuiet(path, options.maxBytes ?? defaultMaxBytes);
    if (reading.kind !== "read") return null;
    const { buffer, byteOffset, byteLength } = reading.content;
    return Buffer.from(buffer, byteOffset, byteLength);
  } catch {
    return null;
  }
}

/** The same as text. */
export function readTextNow(
  path: string,
  options: { readonly maxBytes?: number } = {},
): string | null {
  return readNow(path, options)?.toString("utf8") ?? null;
}

/** What the path leads to, without opening it; null where nothing is there or it may not be looked at. */
export async function identifyFile(path: string): Promise<FileIdentity | null> {
  if (isTurnDue()) await nextTurn();
  try {
    const resolved = realPath(path);
    return identityOf(path, resolved, statSync(resolved, { bigint: true }));
  } catch {
    return null;
  }
}

const turnEveryMs = 5;
let lastTurnMs = 0;

/** However many files are read in a row, timers and signals must not be kept waiting. */
function isTurnDue(): boolean {
  const nowMs = performance.now();
  const isDue = nowMs - lastTurnMs > turnEveryMs;
  if (isDue) lastTurnMs = nowMs;
  return isDue;
}

/** A state that did not change while it was read. */
function readQuiet(path: string, maxBytes: number): FileReading {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const reading = readOnce(path, maxBytes);
    if (reading !== null) return reading;
  }
  return unreadable(path, beingWritten);
}

/** null: it changed while it was read. */
function readOnce(path: string, maxBytes: number): FileReading | null {
  const place = placeOf(path);
  const refusal = refuse(statSync(place, { bigint: true }), maxBytes);
  if (refusal !== null) return unreadable(path, refusal);
  const file = openSync(place, readOnly);
  try {
    const before = fstatSync(file, { bigint: true });
    const refusalNow = refuse(before, maxBytes);
    if (refusalNow !== null) return unreadable(path, refusalNow);
    const content = readAll(file, Number(before.size), maxBytes);
    const resolved = realPathOfOpen(file, place);
    const after = fstatSync(file, { bigint: true });
    if (resolved === null || !isSame(before, after)) return null;
    const identity = identityOf(path, resolved, after);
    return { kind: "read", identity, content };
  } finally {
    closeSync(file);
  }
}

/** At most the limit, also of a file that says it is empty and is not (those of /proc do). */
function readAll(
  file: number,
  expectedBytes: number,
  maxBytes: number,
): Uint8Array {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  do {
    const rest = maxBytes - sizeBytes;
    const wanted = expectedBytes > 0 ? expectedBytes - sizeBytes : 65_536;
    const buffer = new Uint8Array(Math.min(rest, wanted));
    const bytesRead = readSync(file, buffer);
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
