/**
 * `journal.jsonl`: one line per lineage and run, written by one appending write, so that lines of several processes never
 * mix. A line torn by a crash is skipped by readers and ended by the next writer. At the size limit the file becomes
 * `journal.1.jsonl`, whose predecessor goes.
 */
import { renameSync, statSync } from "node:fs";
import { join } from "node:path";
import type { JournalEntry } from "../../core/decision/record.ts";
import { readFileBounded } from "../files/read-file.ts";
import { attemptWrite, type Written } from "./failure.ts";
import { append, syncDirectory } from "./files.ts";
import type { Place } from "./place.ts";
import { serialise } from "./records.ts";
import { journalEntry } from "./shapes.ts";

export interface Journal {
  /** Only the holder of the lock lets a full file give way to a new one. */
  append(entries: readonly JournalEntry[]): Promise<Written>;
  appendUnlocked(entries: readonly JournalEntry[]): Promise<Written>;
  /** The newest that match, newest first. `lineage` is a lineage's name or a certificate's path. */
  read(filter: {
    readonly limit: number;
    readonly lineage?: string | undefined;
  }): Promise<readonly JournalEntry[]>;
}

const defaultMaxBytes = 1024 * 1024;
const maxDetailLength = 2_000;
const newline = 0x0a;

export function openJournal(
  place: Place,
  options: { readonly maxBytes?: number } = {},
): Journal {
  const maxBytes = options.maxBytes ?? defaultMaxBytes;
  const current = join(place.directory, "journal.jsonl");
  const older = join(place.directory, "journal.1.jsonl");
  const add = (
    entries: readonly JournalEntry[],
    then: () => Promise<void>,
  ): Promise<Written> =>
    attemptWrite(current, async () => {
      if (entries.length === 0) return;
      await place.prepare();
      const lines = entries.map(toLine).join("");
      await append(current, (last) => (isTorn(last) ? `\n${lines}` : lines));
      await then();
    });
  const rotate = async (): Promise<void> => {
    if (statSync(current).size < maxBytes) return;
    renameSync(current, older);
    await syncDirectory(place.directory);
  };
  return {
    append: (entries) => add(entries, rotate),
    appendUnlocked: (entries) => add(entries, () => Promise.resolve()),
    async read({ limit, lineage }) {
      const found: JournalEntry[] = [];
      for (const path of [current, older]) {
        const entries = await readEntries(path, maxBytes);
        found.push(...entries.filter((entry) => isAbout(entry, lineage)));
        if (found.length >= limit) break;
      }
      return found.slice(0, limit);
    },
  };
}

function toLine(entry: JournalEntry): string {
  const detail = entry.detail?.slice(0, maxDetailLength) ?? null;
  const bounded: JournalEntry = { ...entry, detail };
  return serialise(bounded);
}

/** By a crash, given the journal's last byte. */
function isTorn(last: number | null): boolean {
  return last !== null && last !== newline;
}

/** Newest first; lines that cannot be understood are left out. */
async function readEntries(
  path: string,
  maxBytes: number,
): Promise<readonly JournalEntry[]> {
  // One run's lines may lie beyond the limit, which is looked at afterwards.
  const reading = await readFileBounded(path, { maxBytes: 64 * maxBytes });
  if (reading.kind !== "read") return [];
  const lines = Buffer.from(reading.content).toString("utf8").split("\n");
  return lines.reverse().flatMap(parseLine);
}

function parseLine(line: string): readonly JournalEntry[] {
  try {
    const value: unknown = JSON.parse(line);
    return journalEntry(value) ? [value] : [];
  } catch {
    return [];
  }
}

function isAbout(entry: JournalEntry, lineage: string | undefined): boolean {
  return (
    lineage === undefined ||
    entry.lineage === lineage ||
    entry.certificate === lineage
  );
}
