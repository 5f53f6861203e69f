/**
 * `RUN_DIR/watcher.json`: that a watcher runs, since when, what it last did and what it will try again when. For people and
 * `livecert status`; no run depends on it.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { isAlive, ownIdentity } from "../adapters/process/processes.ts";
import { readFileBounded } from "../adapters/files/read-file.ts";
import { makeDirectory, writeAtomically } from "../adapters/store/files.ts";
import {
  list,
  literal,
  nullable,
  number,
  record,
  string,
} from "../adapters/store/shape.ts";
import type {
  WatcherReport,
  WatcherRetry,
  WatcherRun,
} from "../core/report/document.ts";

interface PresenceFile extends WatcherReport {
  readonly schema: 1;
  readonly startTicks: string;
}

const shape = record<PresenceFile>({
  schema: literal(1),
  pid: number,
  startTicks: string,
  since: string,
  sources: number,
  lastRun: nullable(
    record<WatcherRun>({ at: string, summary: string, reloads: number }),
  ),
  retries: list(
    record<WatcherRetry>({
      name: string,
      outcome: string,
      attempts: number,
      at: string,
    }),
  ),
  reconcileAt: nullable(string),
  http: nullable(string),
});

/**
 * Where two watchers run, the file is that of the first. Throws what the system throws: who calls it goes on without.
 */
export async function writePresence(
  runDir: string,
  report: Omit<WatcherReport, "pid">,
): Promise<void> {
  if ((await otherWatcher(runDir)) !== null) return;
  const file: PresenceFile = { schema: 1, ...ownIdentity(), ...report };
  makeDirectory(runDir);
  await writeAtomically(presencePath(runDir), `${JSON.stringify(file)}\n`);
}

export async function removePresence(runDir: string): Promise<void> {
  if ((await otherWatcher(runDir)) !== null) return;
  await rm(presencePath(runDir), { force: true }).catch(() => undefined);
}

/** The pid of a watcher that runs beside this one; null: there is none. */
export async function otherWatcher(runDir: string): Promise<number | null> {
  const pid = (await readPresence(runDir))?.pid ?? null;
  return pid === process.pid ? null : pid;
}

/** null: no watcher runs. */
export async function readPresence(
  runDir: string,
): Promise<WatcherReport | null> {
  const reading = await readFileBounded(presencePath(runDir));
  if (reading.kind !== "read") return null;
  const file = parse(Buffer.from(reading.content).toString("utf8"));
  if (file === null || !isAlive(file)) return null;
  const { pid, since, sources, lastRun, retries, reconcileAt, http } = file;
  return { pid, since, sources, lastRun, retries, reconcileAt, http };
}

function presencePath(runDir: string): string {
  return join(runDir, "watcher.json");
}

function parse(text: string): PresenceFile | null {
  try {
    const value: unknown = JSON.parse(text);
    return shape(value) ? value : null;
  } catch {
    return null;
  }
}
