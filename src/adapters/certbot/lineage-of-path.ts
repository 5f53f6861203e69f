/**
 * Which lineage a path means: several names and paths may lead to one directory, and Nginx's configuration may name its
 * files by any of them.
 */
import { existsSync, lstatSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { lineageKinds, type Lineage } from "../../core/lineage/lineage.ts";
import { numberedFile } from "../../core/lineage/versions.ts";
import { readTextNow } from "../files/read-file.ts";
import { parseRenewalConfiguration } from "./renewal.ts";

/** As many links as the kernel itself follows. */
const maxLinks = 40;

/** The names that Certbot gives the files of a live directory. */
export const fileNames: readonly string[] = lineageKinds.map(
  (kind) => `${kind}.pem`,
);

/**
 * The lineage under the name and path by which everything knows it, whichever way led to its directory: a link that people
 * put into `live/` (`example.org` to `example.org-0001`), another path to Certbot's own directory. Of several names for one
 * directory the one that Certbot renews counts, or else the directory's own.
 */
export function canonicalLineage(
  lineage: Lineage,
  certbotDir: string,
): Lineage {
  const { name, path } = lineage;
  const live = join(certbotDir, "live");
  if (dirname(path) === live && !isLink(path)) return lineage;
  const directory = resolved(path);
  if (directory === null) return lineage;
  const isRenewed = existsSync(join(certbotDir, "renewal", `${name}.conf`));
  const names = [basename(directory), ...archivedNames(directory), name];
  for (const known of isRenewed ? [name, ...names] : names)
    for (const place of [join(live, known), liveDirectoryOf(known, certbotDir)])
      if (place !== null && resolved(place) === directory)
        return { name: known, path: place };
  return lineage;
}

/** What the directory of the archive is called that its files are links into; none for plain files. */
function archivedNames(directory: string): readonly string[] {
  const target = linkTarget(join(directory, "fullchain.pem"));
  const numbered = target === null ? null : numberedFile(target);
  return numbered === null ? [] : [basename(numbered.directory)];
}

/** Whether a name or path of the configuration means this lineage, also by a link to it. */
export function isMeantBy(
  nameOrPath: string,
  lineage: Lineage,
  certbotDir: string,
): boolean {
  if (nameOrPath === lineage.name) return true;
  const path = resolve(certbotDir, "live", nameOrPath);
  const meant = canonicalLineage({ name: basename(path), path }, certbotDir);
  return meant.path === lineage.path;
}

/**
 * The lineage whose current version a file name of Nginx's configuration leads to: directly, through links to `live/`, or
 * through a directory that is one. null for every other file, a link straight into `archive/` included, since that stays
 * with its version. A lineage that was deleted is still told by its name.
 */
export function lineageOfPath(
  path: string,
  certbotDir: string,
): Lineage | null {
  const hops: string[] = [];
  // One by one: nearly every path is told by its name, without a look at the disk.
  for (const hop of hopsOf(path)) {
    const found = liveLineage(hop, certbotDir);
    if (found !== null) return canonicalLineage(found, certbotDir);
    hops.push(hop);
  }
  const moved = movedLineage(hops, certbotDir);
  return moved === null ? null : canonicalLineage(moved, certbotDir);
}

/** The path and everything that links lead it to, each with its directory's links followed. */
function* hopsOf(path: string): Generator<string> {
  let hop: string | null = resolve(path);
  for (let links = 0; hop !== null && links <= maxLinks; links += 1) {
    yield hop;
    hop = linkTarget(hop);
  }
}

function linkTarget(path: string): string | null {
  try {
    return resolve(realpathSync(dirname(path)), readlinkSync(path));
  } catch {
    return null;
  }
}

function liveLineage(path: string, certbotDir: string): Lineage | null {
  if (!fileNames.includes(basename(path))) return null;
  const live = join(certbotDir, "live");
  const directory = dirname(path);
  for (const candidate of [directory, resolved(directory)]) {
    if (candidate === null) continue;
    const parent = dirname(candidate);
    if (parent !== live && !isSameDirectory(parent, live)) continue;
    const name = basename(candidate);
    return { name, path: join(live, name) };
  }
  return null;
}

/** A live directory that was moved out of `live/`: Certbot's configuration of the version's lineage names it. */
function movedLineage(
  hops: readonly string[],
  certbotDir: string,
): Lineage | null {
  for (const [index, hop] of hops.entries()) {
    const numbered = numberedFile(hops[index + 1] ?? "");
    if (numbered === null || !fileNames.includes(basename(hop))) continue;
    const name = basename(numbered.directory);
    const path = liveDirectoryOf(name, certbotDir);
    if (path !== null && isSameDirectory(path, dirname(hop)))
      return { name, path };
  }
  return null;
}

function liveDirectoryOf(name: string, certbotDir: string): string | null {
  const text = readTextNow(join(certbotDir, "renewal", `${name}.conf`));
  return text === null ? null : parseRenewalConfiguration(text).liveDirectory;
}

function isSameDirectory(one: string, other: string): boolean {
  const resolvedOne = resolved(one);
  return resolvedOne !== null && resolvedOne === resolved(other);
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}

/** null where the path leads nowhere. */
export function resolved(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}
