/**
 * Certificates handed to `openssl` as a file: it opens what it is told by name, and a child's pipes are sockets here, which
 * cannot be opened. The file is ours alone, in a directory that the caller gives; certificates are public, but what a
 * verdict rests on must be nobody else's to write.
 */
import { randomUUID } from "node:crypto";
import { mkdir, readdir, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LivecertError } from "../../errors.ts";

const prefix = "certificates-";
const leftoverMs = 10 * 60 * 1000;

/**
 * Writes the text to a new file (0600), hands its path to `use`, and removes it. What a killed run left behind is swept.
 *
 * @throws LivecertError `state-unwritable`
 */
export async function withScratchFile<Result>(
  directory: string,
  text: string,
  use: (path: string) => Promise<Result>,
): Promise<Result> {
  const path = join(directory, `${prefix}${randomUUID()}.pem`);
  await create(directory, path, text);
  try {
    return await use(path);
  } finally {
    await unlink(path).catch(ignore);
  }
}

async function create(
  directory: string,
  path: string,
  text: string,
): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await writeFile(path, text, { mode: 0o600, flag: "wx" });
  } catch (cause) {
    throw new LivecertError(
      "state-unwritable",
      `a temporary file cannot be written in ${directory}`,
      { cause, remedy: "run livecert as root, or choose another --run-dir" },
    );
  }
  await sweep(directory);
}

async function sweep(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  const old = names.filter((name) => name.startsWith(prefix));
  if (old.length < 2) return;
  for (const name of old) {
    const path = join(directory, name);
    const stats = await stat(path).catch(() => null);
    if (stats !== null && Date.now() - stats.mtimeMs > leftoverMs)
      await unlink(path).catch(ignore);
  }
}

/** Somebody else swept it. */
function ignore(): void {
  return undefined;
}
