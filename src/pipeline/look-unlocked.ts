/**
 * A hook whose very files were found live before mostly finds them so again. Such a look needs no lock, and does not wait for
 * whoever holds it; its one line in the journal is appended whole, whoever else appends.
 */
import {
  warningsOf,
  written,
  type Written,
} from "../adapters/store/failure.ts";
import type { Records } from "../adapters/store/records.ts";
import type { Store } from "../adapters/store/store.ts";
import { filesKey } from "../core/decision/generations.ts";
import type { JournalEntry, QueueEntry } from "../core/decision/record.ts";
import type { Lineage } from "../core/lineage/lineage.ts";
import type { RunDocument } from "../core/report/document.ts";
import { lineageFiles } from "./candidates.ts";
import { identifyFiles, sourceId } from "./examine.ts";
import { run } from "./run.ts";
import { startStopwatch } from "./stopwatch.ts";
import type { RunRequest, World } from "./world.ts";

/** null: there is something to do or to write down, or the look failed, all of which is for the holder of the lock. */
export async function lookUnlocked(
  world: World,
  request: RunRequest,
  own: readonly QueueEntry[],
): Promise<RunDocument | null> {
  const { log, store, signal } = world;
  const lines: JournalEntry[] = [];
  try {
    if (!(await isKnownLive(world, request, own))) return null;
    const looking: World = {
      ...world,
      store: withoutLock(store, lines),
      stopwatch: startStopwatch(log),
    };
    const document = await run(looking, request);
    // Not before: a run that comes to nothing has no line.
    const told = await store.journal.appendUnlocked(lines);
    const warnings = [...document.warnings, ...warningsOf([told])];
    return { ...document, warnings };
  } catch (error) {
    const isUsual = error instanceof LockNeeded || signal.aborted;
    log[isUsual ? "debug" : "warn"]("the look without the lock failed", {
      error,
    });
    return null;
  }
}

/**
 * As far as the state knows; whether it is so is seen by looking. Nothing is queued meanwhile, so that a kill must lose no
 * renewal.
 */
async function isKnownLive(
  { store, settings }: World,
  { trigger }: RunRequest,
  own: readonly QueueEntry[],
): Promise<boolean> {
  if (trigger !== "hook" || own.length === 0) return false;
  // Publications are written beside the state.
  if (settings.publish.length > 0) return false;
  if ((await store.queue.list()).length > 0) return false;
  for (const { lineage } of own)
    if (!(await wasSeenLive(store, lineage))) return false;
  return true;
}

/** These very files; after `deployed` the first look has `live` to write down. */
async function wasSeenLive(store: Store, lineage: Lineage): Promise<boolean> {
  const files = lineageFiles(lineage);
  const record = await store.sources.get(sourceId(files));
  if (record?.last?.outcome !== "live" || record.seen.length === 0)
    return false;
  const present = filesKey(await identifyFiles(files));
  return record.seen.every((seen) => filesKey(seen.files) === present);
}

class LockNeeded extends Error {}

function refuse(): Promise<Written> {
  return Promise.reject(new LockNeeded());
}

/** Refuses what only the holder of the lock may write. A reload is written down before it is made, so none is made. */
function withoutLock(store: Store, lines: JournalEntry[]): Store {
  return {
    sources: readOnly(store.sources),
    pending: readOnly(store.pending),
    queue: {
      ...store.queue,
      put: refuse,
      removeIfUnchanged: refuse,
      recover: refuse,
    },
    models: readOnly(store.models),
    targets: readOnly(store.targets),
    totals: readOnly(store.totals),
    publications: readOnly(store.publications),
    incidents: readOnly(store.incidents),
    outbox: readOnly(store.outbox),
    journal: {
      ...store.journal,
      append(entries) {
        lines.push(...entries);
        return Promise.resolve(written);
      },
    },
  };
}

function readOnly<T>(records: Records<T>): Records<T> {
  return {
    ...records,
    put: refuse,
    remove: async (id) =>
      (await records.get(id)) === null ? written : refuse(),
  };
}
