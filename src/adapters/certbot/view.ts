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
  const physical = rememberPhysical();
  const [cert, privkey, chain, fullchain, names] = await Promise.all([
    viewEntry(path, "cert", physical),
    viewEntry(path, "privkey", physical),
    viewEntry(path, "chain", physical),
    viewEntry(path, "fullchain", physical),
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
  physical: Physical,
): Promise<LineageEntry> {
  const targets: string[] = [];
  for (let path = join(directory, `${kind}.pem`); ;) {
    const next = await follow(path, physical);
    if (typeof next !== "string")
      return targets.length === 0 ? next : { kind: "link", targets };
    targets.push(next);
    const isKnown = numberedFile(next) !== null;
    if (isKnown || targets.length > maxLinks) return { kind: "link", targets };
    path = next;
  }
}

/** The link's target with its directory's own links followed, so that two ways to one file look the same. */
async function follow(
  path: string,
  physical: Physical,
): Promise<string | LineageEntry> {
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

/** A directory without links on the way to it. */
type Physical = (directory: string) => Promise<string>;

/** For one view, whose entries all lie in the same two directories. */
function rememberPhysical(): Physical {
  const known = new Map<string, Promise<string>>();
  return (directory) => {
    const found =
      known.get(directory) ?? realpath(directory).catch(() => directory);
    known.set(directory, found);
    return found;
  };
}
