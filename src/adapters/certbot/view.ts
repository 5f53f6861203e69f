/** What a lineage's directory shows, without opening a file. */
import { readdir, readlink, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Lineage, LineageKind } from "../../core/lineage/lineage.ts";
import {
  lineageState,
  numberedFile,
  type LineageEntry,
  type LineageView,
} from "../../core/lineage/versions.ts";

/** As many links as the kernel itself follows. */
const maxLinks = 40;

/** Looks at the four names and at Certbot's `previous_*` links; never throws. */
export async function viewLineage({ path }: Lineage): Promise<LineageView> {
  const [cert, privkey, chain, fullchain, names] = await Promise.all([
    viewEntry(path, "cert"),
    viewEntry(path, "privkey"),
    viewEntry(path, "chain"),
    viewEntry(path, "fullchain"),
    readdir(path).catch(() => []),
  ]);
  return {
    entries: { cert, privkey, chain, fullchain },
    previous: names.filter((name) => /^previous_\w+\.pem$/.test(name)).sort(),
  };
}

/** N of the files that the lineage's links lead to; null for a mixture, plain files or none. */
export async function currentVersion(lineage: Lineage): Promise<number | null> {
  const state = lineageState(await viewLineage(lineage));
  return "version" in state ? state.version : null;
}

async function viewEntry(
  directory: string,
  kind: LineageKind,
): Promise<LineageEntry> {
  const targets: string[] = [];
  for (let path = join(directory, `${kind}.pem`); ;) {
    const next = await follow(path);
    if (typeof next !== "string")
      return targets.length === 0 ? next : { kind: "link", targets };
    targets.push(next);
    const isKnown = numberedFile(next) !== null;
    if (isKnown || targets.length > maxLinks) return { kind: "link", targets };
    path = next;
  }
}

/** The link's target with its directory's own links followed, so that two ways to one file look the same. */
async function follow(path: string): Promise<string | LineageEntry> {
  try {
    const target = await readlink(path);
    const directory = await physical(dirname(path));
    const reached = resolve(directory, target);
    return join(await physical(dirname(reached)), basename(reached));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // EINVAL: not a link. Whatever else is wrong is told when the file is read.
    return {
      kind: code === "ENOENT" || code === "ENOTDIR" ? "absent" : "file",
    };
  }
}

async function physical(directory: string): Promise<string> {
  return realpath(directory).catch(() => directory);
}
