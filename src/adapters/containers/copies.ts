/**
 * Certificates that lie in a container's own file system, copied to the run directory, so that they are judged and compared
 * like all others. Certificates only: a key never leaves its container.
 */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { defaultMaxBytes, readFileBounded } from "../files/read-file.ts";
import { writeBriefly } from "../store/files.ts";
import type { Engine } from "./engine.ts";

export interface Copies {
  /** The copy of a file of the container; null: none was made. */
  pathOf(path: string): string | null;
  /** Reads the file as the container has it; false where that cannot be done. */
  refresh(path: string, reading: InnerReading): Promise<boolean>;
}

export interface InnerReading {
  readonly engine: Engine;
  readonly id: string;
  /** Where it can be opened here; null: a program inside must hand it out. */
  readonly file: string | null;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** @param directory null: nothing may be written */
export function openCopies(directory: string | null): Copies {
  const made = new Set<string>();
  const placeOf = (path: string): string | null =>
    directory === null ? null : join(directory, resolve("/", path));
  return {
    pathOf: (path) => {
      const copy = placeOf(path);
      return copy !== null && (made.has(copy) || existsSync(copy))
        ? copy
        : null;
    },
    refresh: async (path, reading) => {
      const copy = placeOf(path);
      const content = copy === null ? null : await readInner(path, reading);
      if (copy === null || content === null) return false;
      await replaceIfOther(copy, content);
      made.add(copy);
      return true;
    },
  };
}

/** What the container has under this path; null where it cannot be read, or is no certificate's size. */
export async function readInner(
  path: string,
  { engine, id, file, timeoutMs, signal }: InnerReading,
): Promise<Uint8Array | null> {
  if (file !== null) {
    const reading = await readFileBounded(file);
    return reading.kind === "read" ? reading.content : null;
  }
  const words = ["cat", path];
  const result = await engine.execute(id, { words, timeoutMs, signal });
  return result.kind === "exited" &&
    result.exitCode === 0 &&
    result.stdout.length <= defaultMaxBytes
    ? Buffer.from(result.stdout, "utf8")
    : null;
}

/** An unchanged file keeps its times: they tell whether it was looked at before. */
async function replaceIfOther(
  path: string,
  content: Uint8Array,
): Promise<void> {
  const old = await readFileBounded(path);
  if (old.kind === "read" && Buffer.compare(old.content, content) === 0) return;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeBriefly(path, content);
}
