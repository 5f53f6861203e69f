/** What a lineage's directory shows, without opening a file. */
import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import {
  byKind,
  type ByKind,
  type Lineage,
  type LineageKind,
} from "../../core/lineage/lineage.ts";
import {
  lineageState,
  numberedFile,
  type LineageEntry,
  type LineageView,
} from "../../core/lineage/versions.ts";

/** As many links as the kernel itself follows. */
const maxLinks = 40;

/** Looks at the four names and at Certbot's `previous_*` links; never throws. */
export function viewLineage({ path }: Lineage): LineageView {
  const physical = rememberPhysical();
  return {
    entries: byKind((kind) => viewEntry(path, kind, physical)),
    previous: previousIn(path),
  };
}

/** The base names of what the four links say; null where one of the four is no link. */
export function linkedNames({ path }: Lineage): ByKind<string> | null {
  try {
    return byKind((kind) => basename(readlinkSync(join(path, `${kind}.pem`))));
  } catch {
    return null;
  }
}

/**
 * The lineage's view, told by where the four files lay when they were read (the kernel knows it without looking at each
 * directory on the way) and by what the links said before that. null where it is not settled by that: then the links must be
 * followed. It is where all four lay in one directory under the very numbered names of one version that the links said, and
 * Certbot is not at work.
 *
 * @param places without links; null for a file that could not be read
 */
export function viewOfFiles(
  { path }: Lineage,
  linked: ByKind<string>,
  places: ByKind<string | null>,
): LineageView | null {
  const view: LineageView = {
    entries: byKind((kind) => {
      const place = places[kind];
      return place !== null && basename(place) === linked[kind]
        ? { kind: "link", targets: [place] }
        : { kind: "absent" };
    }),
    previous: previousIn(path),
  };
  const state = lineageState(view);
  return state.kind === "one" && state.version !== null ? view : null;
}

function previousIn(directory: string): readonly string[] {
  return previousNames.filter((name) => isThere(join(directory, name)));
}

/** N of the files that the lineage's links lead to; null for a mixture, plain files or none. */
export function currentVersion(lineage: Lineage): number | null {
  const state = lineageState(viewLineage(lineage));
  return "version" in state ? state.version : null;
}

/** Asked for one by one, which takes a tenth of the time that listing the directory does. */
const previousNames = ["cert", "chain", "fullchain", "privkey"].map(
  (kind) => `previous_${kind}.pem`,
);

function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

function viewEntry(
  directory: string,
  kind: LineageKind,
  physical: Physical,
): LineageEntry {
  const targets: string[] = [];
  for (let path = join(directory, `${kind}.pem`); ;) {
    const next = follow(path, physical);
    if (typeof next !== "string")
      return targets.length === 0 ? next : { kind: "link", targets };
    targets.push(next);
    const isKnown = numberedFile(next) !== null;
    if (isKnown || targets.length > maxLinks) return { kind: "link", targets };
    path = next;
  }
}

/** The link's target with its directory's own links followed, so that two ways to one file look the same. */
function follow(path: string, physical: Physical): string | LineageEntry {
  try {
    const target = readlinkSync(path);
    const reached = resolve(physical(dirname(path)), target);
    return join(physical(dirname(reached)), basename(reached));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // EINVAL: not a link. Whatever else is wrong is told when the file is read.
    return {
      kind: code === "ENOENT" || code === "ENOTDIR" ? "absent" : "file",
    };
  }
}

/** A directory without links on the way to it. */
type Physical = (directory: string) => string;

/** For one view, whose entries all lie in the same two directories. */
function rememberPhysical(): Physical {
  const known = new Map<string, string>();
  return (directory) => {
    const found = known.get(directory) ?? withoutLinks(directory);
    known.set(directory, found);
    return found;
  };
}

function withoutLinks(directory: string): string {
  try {
    return realpathSync.native(directory);
  } catch {
    return directory;
  }
}
