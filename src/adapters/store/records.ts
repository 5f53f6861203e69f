/** A folder of the state: one JSON file per record, named by a readable part and a digest of the record's id. */
import { hash } from "node:crypto";
import { renameSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { redact } from "../../core/report/redact.ts";
import { LivecertError } from "../../errors.ts";
import { readFileBounded } from "../files/read-file.ts";
import { attemptWrite, type Written } from "./failure.ts";
import { codeOf, listNames, syncDirectory, writeAtomically } from "./files.ts";
import { newerState, type Folder, type Place } from "./place.ts";
import type { Shape } from "./shape.ts";

export interface Records<T> {
  /** Changes in it tell that a record was written or removed. */
  readonly directory: string;
  /** null: there is none, or the file was corrupt and has been moved aside. */
  get(id: string): Promise<T | null>;
  put(id: string, value: T): Promise<Written>;
  /** Also where there is none. */
  remove(id: string): Promise<Written>;
  /** Sorted by file name. */
  list(): Promise<readonly T[]>;
  /** How many there are, without reading them. */
  count(): number;
}

/** A model of ten thousand server blocks takes some 10 MB. */
const maxRecordBytes = 64 * 1024 * 1024;

export function openRecords<T extends { readonly schema: 1 }>(
  place: Place,
  folder: Folder,
  shape: Shape<T>,
): Records<T> {
  const directory = join(place.directory, folder);
  const pathOf = (id: string) => join(directory, fileName(id));
  return {
    directory,
    async get(id) {
      const read = await readRecord(place, pathOf(id), shape);
      return read?.value ?? null;
    },
    put: (id, value) => writeRecord(place, pathOf(id), value),
    remove: (id) => removeRecord(pathOf(id)),
    async list() {
      const found: T[] = [];
      for (const name of listRecords(directory)) {
        const read = await readRecord(place, join(directory, name), shape);
        if (read !== null) found.push(read.value);
      }
      return found;
    },
    count: () => listRecords(directory).length,
  };
}

/** E.g. `example.org-fullchain.pem-3f2a….json`: the last names of a path for people, the digest for us. */
export function fileName(id: string): string {
  const digest = hash("sha256", id).slice(0, 20);
  const names = id.split(" ")[0]?.split("/").filter(Boolean).slice(-2) ?? [];
  const readable = names.join("-").replaceAll(/[^A-Za-z0-9._-]/g, "_");
  return `${readable.replace(/^\.+/, "").slice(-60)}-${digest}.json`;
}

export function listRecords(directory: string): readonly string[] {
  try {
    const names = listNames(directory);
    return names.filter(
      (name) => name.endsWith(".json") && !name.startsWith("."),
    );
  } catch (error) {
    throw unreadableState(directory, codeOf(error) ?? "");
  }
}

/** The record with the text that it was read from; null as for `Records.get`. */
export async function readRecord<T>(
  place: Place,
  path: string,
  shape: Shape<T>,
): Promise<{ readonly value: T; readonly text: string } | null> {
  const reading = await readFileBounded(path, { maxBytes: maxRecordBytes });
  if (reading.kind === "absent") return null;
  if (reading.kind === "unreadable")
    throw unreadableState(path, reading.reason);
  const text = Buffer.from(reading.content).toString("utf8");
  const value = parse(text);
  if (shape(value)) return { value, text };
  if (isNewer(value)) throw newerState(path);
  await moveAside(place, path);
  return null;
}

/** The schema stands first, where `Place.prepare` looks for it. */
export function serialise(value: { readonly schema: 1 }): string {
  const { schema, ...rest } = value;
  return `${redact(JSON.stringify({ schema, ...rest }))}\n`;
}

export async function writeRecord(
  place: Place,
  path: string,
  value: { readonly schema: 1 },
): Promise<Written> {
  return attemptWrite(path, async () => {
    await place.prepare();
    await writeAtomically(path, serialise(value));
  });
}

async function removeRecord(path: string): Promise<Written> {
  return attemptWrite(path, async () => {
    try {
      unlinkSync(path);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return;
      throw error;
    }
    await syncDirectory(dirname(path));
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isNewer(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const schema: unknown = Reflect.get(value, "schema");
  return typeof schema === "number" && schema > 1;
}

/** Kept for people to look at, once; what it said is found again by looking at reality. */
async function moveAside(place: Place, path: string): Promise<void> {
  const aside = `${path}.corrupt`;
  const moved = await attemptWrite(path, () => {
    renameSync(path, aside);
  });
  place.log.warn("state file is corrupt and was moved aside", {
    file: path,
    movedTo: moved.kind === "written" ? aside : null,
  });
}

function unreadableState(path: string, reason: string): LivecertError {
  return new LivecertError(
    "state-unwritable",
    `cannot read ${path}: ${reason}`,
    {
      remedy: "run livecert as root, or choose another place with --state-dir",
    },
  );
}
