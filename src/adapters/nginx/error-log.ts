/**
 * What Nginx itself says about a reload. `nginx -t` cannot foresee everything (a port taken meanwhile, no memory): the
 * master then writes an `[emerg]` line and keeps its old workers. So the ends of its error logs are remembered before,
 * and what the master adds is read after. Logs may be rotated, truncated, absent or appear between the two.
 */
import { constants } from "node:fs";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { redactQuotation } from "../../core/report/redact.ts";
import type { ErrorLogMark } from "../../ports.ts";

/** More than this is not read of one log: a refusal is one line, and what precedes it may be a flood. */
const maxBytes = 1024 * 1024;
const maxLines = 50;
const maxSiblings = 1_000;

interface Position {
  readonly path: string;
  /** Null: there was no such file. */
  readonly end: FileEnd | null;
}

interface FileEnd {
  readonly device: bigint;
  readonly inode: bigint;
  readonly sizeBytes: number;
}

/** Remembers where the logs end. */
export async function markLogs(
  paths: readonly string[],
): Promise<ErrorLogMark> {
  const positions = await Promise.all([...new Set(paths)].map(positionOf));
  return {
    readable: positions.some(({ end }) => end !== null),
    refusals: async (master) => {
      const added = await Promise.all(positions.map(readAdded));
      const lines = added.flatMap((text) => refusalLines(text, master.pid));
      return [...new Set(lines)].slice(-maxLines);
    },
  };
}

/**
 * The complete lines of level `emerg`, `alert` or `crit` that this process wrote, without any key material.
 *
 * @param pid null: any process
 */
export function refusalLines(
  text: string,
  pid: number | null,
): readonly string[] {
  const complete = text.slice(0, text.lastIndexOf("\n") + 1);
  const stamp = new RegExp(
    `^\\d{4}/\\d\\d/\\d\\d \\d\\d:\\d\\d:\\d\\d \\[(?:emerg|alert|crit)\\] ${pid === null ? "\\d+" : String(pid)}#`,
  );
  // Before it is cut into lines: a key in a message spans several of them.
  return redactQuotation(complete)
    .split("\n")
    .filter((line) => stamp.test(line));
}

async function positionOf(path: string): Promise<Position> {
  return { path, end: await withLog(path, (_, end) => end) };
}

/** What was added at this path since: to the very file, wherever rotation has put it, and to the one that took its place. */
async function readAdded({ path, end }: Position): Promise<string> {
  const now = await withLog(path, async (log, current) => {
    const isSame = end !== null && isSameFile(current, end);
    // A smaller file was truncated in place (logrotate's `copytruncate`).
    const start =
      isSame && current.sizeBytes >= end.sizeBytes ? end.sizeBytes : 0;
    return { isSame, text: await readFrom(log, start, current.sizeBytes) };
  });
  if (now?.isSame === true || end === null) return now?.text ?? "";
  return (await readRotated(path, end)) + (now?.text ?? "");
}

async function readRotated(path: string, end: FileEnd): Promise<string> {
  const directory = dirname(path);
  const names = await readdir(directory).catch(() => []);
  const siblings = names
    .filter((name) => name.startsWith(basename(path)))
    .slice(0, maxSiblings);
  for (const name of siblings) {
    const text = await withLog(join(directory, name), (log, current) =>
      isSameFile(current, end)
        ? readFrom(log, end.sizeBytes, current.sizeBytes)
        : null,
    );
    if (text !== null) return text;
  }
  return "";
}

/** Only regular files, opened without waiting: a pipe in a log's place must not hold us. Null: there is none to read. */
async function withLog<Result>(
  path: string,
  use: (log: FileHandle, end: FileEnd) => Result | Promise<Result>,
): Promise<Result | null> {
  let log: FileHandle;
  try {
    log = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return null;
  }
  try {
    const { dev, ino, size, mode } = await log.stat({ bigint: true });
    if ((mode & BigInt(constants.S_IFMT)) !== BigInt(constants.S_IFREG))
      return null;
    return await use(log, {
      device: dev,
      inode: ino,
      sizeBytes: Number(size),
    });
  } catch (error) {
    // A disk that fails takes what Nginx said with it, not the reload.
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return null;
  } finally {
    await log.close();
  }
}

/** The last part of what lies between the two positions. */
async function readFrom(
  log: FileHandle,
  start: number,
  end: number,
): Promise<string> {
  const from = Math.max(start, end - maxBytes);
  const buffer = Buffer.alloc(Math.max(0, end - from));
  const { bytesRead } = await log.read(buffer, 0, buffer.length, from);
  return buffer.toString("utf8", 0, bytesRead);
}

function isSameFile(one: FileEnd, other: FileEnd): boolean {
  return one.device === other.device && one.inode === other.inode;
}
