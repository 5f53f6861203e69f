/**
 * Renewed lineages that wait for a run: one file each, written by any process at any time, removed only by the one that
 * holds the lock.
 */
import { linkSync, readFileSync, renameSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import type { QueueEntry } from "../../core/decision/record.ts";
import { attemptWrite, type Written } from "./failure.ts";
import { codeOf, listNames, syncDirectory } from "./files.ts";
import type { Place } from "./place.ts";
import { fileName, listRecords, readRecord, writeRecord } from "./records.ts";
import { queueEntry } from "./shapes.ts";

/** An entry as it was read. */
export interface Queued {
  readonly entry: QueueEntry;
  readonly file: string;
  /** The file's content: whether it is still the same. */
  readonly text: string;
}

export interface Queue {
  /** Replaces an earlier entry of the same lineage. */
  put(entry: QueueEntry): Promise<Written>;
  list(): Promise<readonly Queued[]>;
  /** The entry for that lineage as it is now. */
  get(lineagePath: string): Promise<Queued | null>;
  /** Leaves an entry that was replaced since it was read. Only for the holder of the lock. */
  removeIfUnchanged(queued: Queued): Promise<Written>;
  /** Takes up what a killed run was about to remove. Only for the holder of the lock. */
  recover(): Promise<Written>;
}

/** Suffix of an entry on its way out. Its name has no `.json` at its end, so nobody reads it. */
const taken = ".taken";

export function openQueue(place: Place): Queue {
  const directory = join(place.directory, "queue");
  const pathOf = (lineagePath: string) =>
    join(directory, fileName(lineagePath));
  const read = async (path: string): Promise<Queued | null> => {
    const found = await readRecord(place, path, queueEntry);
    if (found === null) return null;
    return { entry: found.value, file: path, text: found.text };
  };
  return {
    put({ lineage, version, at, certbot }) {
      const entry: QueueEntry = { schema: 1, lineage, version, at, certbot };
      return writeRecord(place, pathOf(lineage.path), entry);
    },
    get: (lineagePath) => read(pathOf(lineagePath)),
    async list() {
      const names = listRecords(directory);
      const found: Queued[] = [];
      for (const name of names) {
        const queued = await read(join(directory, name));
        if (queued !== null) found.push(queued);
      }
      return found;
    },
    removeIfUnchanged: remove,
    recover: () => recover(directory),
  };
}

/** Takes the file away first and looks then: between a look and a removal somebody could put another one in its place. */
async function remove({ file, text }: Queued): Promise<Written> {
  return attemptWrite(file, async () => {
    const aside = `${file}${taken}`;
    if (!moved(file, aside)) return;
    if (readFileSync(aside, "utf8") === text) unlinkSync(aside);
    else putBack(aside, file);
    await syncDirectory(dirname(file));
  });
}

async function recover(directory: string): Promise<Written> {
  return attemptWrite(directory, () => {
    for (const name of listNames(directory)) {
      if (!name.endsWith(taken)) continue;
      const aside = join(directory, name);
      putBack(aside, aside.slice(0, -taken.length));
    }
  });
}

/** Unless a newer entry has taken its place. */
function putBack(aside: string, path: string): void {
  try {
    linkSync(aside, path);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
  unlinkSync(aside);
}

function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}
