/**
 * `RUN_DIR/board.json`: what the watcher's runs have found out about every certificate. Lost, or written by another
 * livecert, it is put together again from what is on record.
 */
import { join } from "node:path";
import { readFileBounded } from "../adapters/files/read-file.ts";
import { makeDirectory, writeBriefly } from "../adapters/store/files.ts";
import type { Board, BoardEntry } from "../core/report/board.ts";
import { redact } from "../core/report/redact.ts";
import { version } from "../version.ts";

interface BoardFile extends Omit<Board, "entries"> {
  readonly version: string;
  readonly entries: readonly (Omit<BoardEntry, "at"> & {
    readonly at: string;
  })[];
}

/** Ten thousand certificates take some 20 MB. */
const maxBytes = 256 * 1024 * 1024;

/** null: there is none to be believed. */
export async function readBoard(runDir: string): Promise<Board | null> {
  const reading = await readFileBounded(boardPath(runDir), { maxBytes });
  if (reading.kind !== "read") return null;
  const file = parse(Buffer.from(reading.content).toString("utf8"));
  if (file?.version !== version) return null;
  const { entries, nginx, publications, warnings } = file;
  return {
    entries: new Map(
      entries.map(({ report, at, liveSince }) => [
        report.path,
        { report, at: new Date(at), liveSince },
      ]),
    ),
    nginx,
    publications,
    warnings,
  };
}

/** Throws what the system throws. */
export async function writeBoard(runDir: string, board: Board): Promise<void> {
  const { entries, nginx, publications, warnings } = board;
  const file: BoardFile = {
    version,
    nginx,
    publications,
    warnings,
    entries: [...entries.values()].map(({ report, at, liveSince }) => ({
      report,
      at: at.toISOString(),
      liveSince,
    })),
  };
  makeDirectory(runDir);
  await writeBriefly(boardPath(runDir), redact(JSON.stringify(file)));
}

function boardPath(runDir: string): string {
  return join(runDir, "board.json");
}

/** Only this very version's writer is believed, and it leaves nothing out. */
function parse(text: string): BoardFile | null {
  try {
    return JSON.parse(text) as BoardFile;
  } catch {
    return null;
  }
}
