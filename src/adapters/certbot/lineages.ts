/** Which lineages there are, which one a person means, and which one a path of Nginx's configuration leads to. */
import { existsSync, lstatSync, readlinkSync, realpathSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { lineageKinds, type Lineage } from "../../core/lineage/lineage.ts";
import { numberedFile } from "../../core/lineage/versions.ts";
import { nearest } from "../../core/settings/nearest.ts";
import { LivecertError } from "../../errors.ts";
import { readTextNow } from "../files/read-file.ts";
import {
  parseRenewalConfiguration,
  readRenewalConfiguration,
  type RenewalConfiguration,
} from "./renewal.ts";

export interface LineageListing {
  /** Sorted by name. */
  readonly lineages: readonly Lineage[];
  /** Directories that could not be listed, with the reason, for people. */
  readonly problems: readonly string[];
}

/** As many links as the kernel itself follows. */
const maxLinks = 40;
const fileNames: readonly string[] = lineageKinds.map((kind) => `${kind}.pem`);

/**
 * Every lineage that Certbot renews (`renewal/NAME.conf`), wherever its live directory is, and every directory below
 * `live/` that holds a lineage's files without being renewed; a link to another lineage is none of its own. Nothing where
 * Certbot has never run.
 */
export async function listLineages(
  certbotDir: string,
): Promise<LineageListing> {
  const renewal = await listDirectory(join(certbotDir, "renewal"));
  const live = await listDirectory(join(certbotDir, "live"));
  const renewed = await Promise.all(
    renewal.names
      .flatMap((name) => /^(.+)\.conf$/.exec(name)?.[1] ?? [])
      .map((name) => renewedLineage(name, certbotDir)),
  );
  const names = new Set(renewed.map(({ name }) => name));
  const others = await Promise.all(
    live.names
      .filter((name) => !names.has(name))
      .map((name) => lineageIn(name, join(certbotDir, "live", name))),
  );
  return {
    lineages: [
      ...renewed,
      ...others
        .filter((one) => one !== null)
        .filter((one) => canonicalLineage(one, certbotDir).path === one.path),
    ].sort(byName),
    problems: [...renewal.problems, ...live.problems],
  };
}

/**
 * The lineage that a person or Certbot names: by its name below `live/`, by its directory, or by one of its four files.
 *
 * @throws LivecertError `lineage-not-found`, with the names that are most alike.
 */
export async function findLineage(
  nameOrPath: string,
  certbotDir: string,
): Promise<Lineage> {
  const isPath = nameOrPath.includes("/") || /^\.\.?$/.test(nameOrPath);
  const found = isPath
    ? await lineageAtPath(resolve(nameOrPath))
    : await lineageNamed(nameOrPath, certbotDir);
  return found === null
    ? Promise.reject(await notFound(nameOrPath, certbotDir))
    : canonicalLineage(found, certbotDir);
}

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

async function renewedLineage(
  name: string,
  certbotDir: string,
): Promise<Lineage> {
  const configuration = await readRenewalConfiguration({ name }, certbotDir);
  const usual = join(certbotDir, "live", name);
  const path = configuration?.liveDirectory ?? usual;
  if (configuration === null || path === usual) return { name, path: usual };
  const [here, there] = [resolved(usual), resolved(path)];
  const isMeant =
    here !== null &&
    (there === null || there === here || isOfOtherPlace(configuration));
  return { name, path: isMeant ? usual : path };
}

/**
 * Live and archive directory lie side by side, but not here: Certbot is in a container and has its directory under that
 * path, where this machine may have another one.
 */
function isOfOtherPlace({
  liveDirectory,
  archiveDirectory,
}: RenewalConfiguration): boolean {
  return (
    liveDirectory !== null &&
    archiveDirectory !== null &&
    basename(dirname(liveDirectory)) === "live" &&
    dirname(dirname(liveDirectory)) === dirname(dirname(archiveDirectory))
  );
}

async function lineageNamed(
  name: string,
  certbotDir: string,
): Promise<Lineage | null> {
  if (name === "" || name.includes("\0")) return null;
  const { path } = await renewedLineage(name, certbotDir);
  return lineageIn(name, path);
}

async function lineageAtPath(path: string): Promise<Lineage | null> {
  const directory = fileNames.includes(basename(path)) ? dirname(path) : path;
  return lineageIn(basename(directory), directory);
}

/** null where the directory holds none of a lineage's files. */
async function lineageIn(
  name: string,
  directory: string,
): Promise<Lineage | null> {
  const stats = await stat(directory).catch(() => null);
  if (stats?.isDirectory() !== true) return null;
  const names = await readdir(directory).catch(() => []);
  return names.some((entry) => fileNames.includes(entry))
    ? { name, path: directory }
    : null;
}

async function notFound(
  nameOrPath: string,
  certbotDir: string,
): Promise<LivecertError> {
  const { lineages, problems } = await listLineages(certbotDir);
  const names = lineages.map(({ name }) => name);
  const [problem] = problems;
  const alike = nearest(basename(nameOrPath), names).slice(0, 3);
  return new LivecertError(
    "lineage-not-found",
    problem === undefined
      ? `no lineage ${nameOrPath} in ${certbotDir}`
      : `no lineage ${nameOrPath}: ${problem}`,
    { remedy: notFoundRemedy(alike, names, problem) },
  );
}

function notFoundRemedy(
  alike: readonly string[],
  names: readonly string[],
  problem: string | undefined,
): string {
  if (problem !== undefined) return "run livecert as root";
  if (alike.length > 0) return `did you mean ${alike.join(" or ")}?`;
  if (names.length === 0)
    return "if Certbot keeps its files elsewhere, say so with --certbot-dir";
  return `there are: ${names.slice(0, 10).join(", ")}`;
}

async function listDirectory(
  path: string,
): Promise<{ names: readonly string[]; problems: readonly string[] }> {
  try {
    return { names: await readdir(path), problems: [] };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return { names: [], problems: [] };
    const reason = code === "EACCES" ? "permission denied" : message;
    return { names: [], problems: [`cannot list ${path}: ${reason}`] };
  }
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

function resolved(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

function byName(one: Lineage, other: Lineage): number {
  return one.name < other.name ? -1 : 1;
}
