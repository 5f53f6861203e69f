/**
 * V8's compiled form of the program's text, kept from one run to the next as Node.js itself does from 22.8 on
 * (`module.enableCompileCache`): compiling takes a hook that finds all live a third of its time. V8 refuses what another
 * version of it has written, and then everything is compiled anew.
 *
 * Compiled code can do whatever the program can, so the file is believed only where nobody else could have written it.
 */
import { createHash } from "node:crypto";
import { Script } from "node:vm";
import { readKept, writeKept } from "../store/kept-file.ts";
import type { Texts } from "./texts.ts";

export interface CodeCache {
  /** What the text of that name is. */
  evaluate(name: string): unknown;
  /** Keeps what was evaluated, with the functions that have run, unless it was all kept already. Never throws. */
  save(): Promise<void>;
}

/** @param file where it is kept, in a directory that exists if anything is to be kept; null: nowhere. */
export function openCodeCache(texts: Texts, file: string | null): CodeCache {
  const kept = file === null ? new Map<string, Buffer>() : read(file);
  const scripts = new Map<string, Script>();
  let isComplete = true;
  return {
    evaluate(name) {
      const { digest, text } = texts(name) ?? missing(name);
      const cachedData = kept.get(digest);
      const script = new Script(text, {
        filename: `livecert:${name}`,
        ...(cachedData === undefined ? {} : { cachedData }),
      });
      isComplete &&= script.cachedDataRejected === false;
      scripts.set(digest, script);
      return script.runInThisContext() as unknown;
    },
    async save() {
      if (file !== null && !isComplete)
        await writeKept(file, () => compiled(scripts));
    },
  };
}

function missing(name: string): never {
  throw new Error(`the program has no part ${name}`);
}

/** The first line: a digest of all that follows, since V8 itself would run what a disk has garbled, and the scripts in order. */
interface Head {
  readonly sha256: string;
  readonly scripts: readonly (readonly [digest: string, sizeBytes: number])[];
}

function read(file: string): ReadonlyMap<string, Buffer> {
  try {
    const content = readKept(file);
    if (content === null) return new Map();
    const end = content.indexOf("\n");
    const head = JSON.parse(content.toString("latin1", 0, end)) as Head;
    const data = content.subarray(aligned(end + 1));
    if (sha256(data) !== head.sha256) return new Map();
    let begin = 0;
    return new Map(
      head.scripts.map(([digest, sizeBytes]) => {
        const one = data.subarray(begin, begin + sizeBytes);
        begin += aligned(sizeBytes);
        return [digest, one];
      }),
    );
  } catch {
    return new Map();
  }
}

/** @param scripts by the digest of their text */
function compiled(scripts: ReadonlyMap<string, Script>): Buffer {
  const parts = [...scripts].map(
    ([digest, script]) => [digest, script.createCachedData()] as const,
  );
  const data = Buffer.concat(parts.map(([, one]) => padded(one)));
  const head: Head = {
    sha256: sha256(data),
    scripts: parts.map(([digest, { length }]) => [digest, length]),
  };
  const line = padded(Buffer.from(`${JSON.stringify(head)}\n`));
  return Buffer.concat([line, data]);
}

/** V8 copies what does not begin at a multiple of a pointer's size. */
function aligned(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 8) * 8;
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data], aligned(data.length));
}

function sha256(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
