/**
 * Certificates handed to `openssl` as a file: it opens what it is told by name, and a child's pipes are sockets here, which
 * cannot be opened. The file is ours alone, in a directory that the caller gives; certificates are public, but what a
 * verdict rests on must be nobody else's to write.
 */
import { randomUUID } from "node:crypto";
import { readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { attemptWrite } from "../store/failure.ts";
import { makeDirectory, writeNew } from "../store/files.ts";

const prefix = "certificates-";
const leftoverMs = 10 * 60 * 1000;

/** The disk takes no more; what was to be asked with the file cannot be asked. */
export class NoScratchFile extends Error {}

/**
 * Writes each text to a new file (0600), hands their paths to `use`, and removes them. What a killed run left behind is
 * swept.
 *
 * @throws NoScratchFile where the disk is full, read-only or broken; LivecertError `state-unwritable` where the place is
 *   not ours to write
 */
export async function withScratchFiles<Result>(
  directory: string,
  texts: readonly string[],
  use: (paths: readonly string[]) => Promise<Result>,
): Promise<Result> {
  const paths = texts.map(() =>
    join(directory, `${prefix}${randomUUID()}.pem`),
  );
  try {
    for (const [index, path] of paths.entries())
      await create(directory, path, texts[index] ?? "");
    if (paths.length > 0) await sweep(directory, paths.length);
    return await use(paths);
  } finally {
    for (const path of paths) await unlink(path).catch(ignore);
  }
}

async function create(
  directory: string,
  path: string,
  text: string,
): Promise<void> {
  const created = await attemptWrite(path, async () => {
    makeDirectory(directory);
    await writeNew(path, text);
  });
  if (created.kind === "not-written") throw new NoScratchFile(created.warning);
}

async function sweep(directory: string, ours: number): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  const old = names.filter((name) => name.startsWith(prefix));
  if (old.length <= ours) return;
  for (const name of old) {
    const path = join(directory, name);
    const stats = await stat(path).catch(() => null);
    if (stats !== null && Date.now() - stats.mtimeMs > leftoverMs)
      await unlink(path).catch(ignore);
  }
}

/** It was never made, or somebody else swept it. */
function ignore(): void {
  return undefined;
}
