/**
 * The state directory: who may write to it, which version of livecert it belongs to, and its folders. It is made only when
 * something is first written, so that commands that look need no state at all.
 */
import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { LivecertError } from "../../errors.ts";
import type { Log } from "../log/log.ts";
import { checkOwnership } from "../process/trust.ts";
import { codeOf, makeDirectory, sweepLeftovers } from "./files.ts";

export const folders = [
  "sources",
  "pending",
  "queue",
  "models",
  "targets",
  "incidents",
  "outbox",
  "totals",
  "publications",
] as const;
export type Folder = (typeof folders)[number];

export interface Place {
  /** `STATE/v1`. */
  readonly directory: string;
  readonly log: Log;
  /** Must have settled before anything is written; makes the folders, and refuses a state that is not ours to write. */
  prepare(): Promise<void>;
}

/**
 * @throws LivecertError `configuration-unsafe` where others may write to the state, `state-newer` where a newer livecert
 *   has written it, `state-unwritable` where we may not even look at it.
 */
export async function openPlace(stateDir: string, log: Log): Promise<Place> {
  const directory = join(stateDir, "v1");
  await refuseUnsafe(directory);
  refuseNewerDirectory(stateDir);
  let prepared: Promise<void> | null = null;
  return {
    directory,
    log,
    prepare() {
      prepared ??= prepare(directory).catch((error: unknown) => {
        // The disk may have room again later, and a service lives long.
        prepared = null;
        throw error;
      });
      return prepared;
    },
  };
}

async function prepare(directory: string): Promise<void> {
  for (const folder of folders) refuseNewerRecords(join(directory, folder));
  makeDirectory(directory);
  await refuseUnsafe(directory);
  for (const folder of folders) {
    makeDirectory(join(directory, folder));
    sweepLeftovers(join(directory, folder), new Date());
  }
}

/** Where the directory does not exist yet, what counts is the nearest one above it that does. */
async function refuseUnsafe(directory: string): Promise<void> {
  let existing = directory;
  while (!exists(existing) && dirname(existing) !== existing)
    existing = dirname(existing);
  const ownership = await checkOwnership(existing);
  if (ownership.kind === "trusted") return;
  throw new LivecertError(
    "configuration-unsafe",
    `the state in ${directory} could be changed by others: ${ownership.reason}`,
    { remedy: `chown root ${existing} && chmod go-w ${existing}` },
  );
}

function exists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EACCES") throw notOurs(path, error);
    return codeOf(error) !== "ENOENT";
  }
}

function notOurs(path: string, cause: unknown): LivecertError {
  return new LivecertError(
    "state-unwritable",
    `the state in ${path} cannot be looked at: permission denied`,
    { remedy: "run livecert as root", cause },
  );
}

function refuseNewerDirectory(stateDir: string): void {
  const newer = namesIn(stateDir).find(
    (name) => Number(/^v(\d+)$/.exec(name)?.[1] ?? 0) > 1,
  );
  if (newer !== undefined) throw newerState(join(stateDir, newer));
}

/** Before the first write, so that nothing at all is written to a newer state. Only the first bytes are read. */
function refuseNewerRecords(folder: string): void {
  for (const name of namesIn(folder)) {
    if (!name.endsWith(".json")) continue;
    const path = join(folder, name);
    const found = /^\s*\{\s*"schema"\s*:\s*(\d+)/.exec(readHead(path))?.[1];
    if (found !== undefined && Number(found) > 1) throw newerState(path);
  }
}

export function newerState(path: string): LivecertError {
  return new LivecertError(
    "state-newer",
    `${path} was written by a newer livecert`,
    { remedy: "install the newer livecert again, or move the state away" },
  );
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    // Absent, or the first real access will say what is wrong.
    return [];
  }
}

function readHead(path: string): string {
  const head = Buffer.alloc(64);
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return head.toString("latin1", 0, readSync(file, head));
    } finally {
      closeSync(file);
    }
  } catch {
    return "";
  }
}
