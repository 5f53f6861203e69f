/** Which lineages there are, which one a person means, and which one a path of Nginx's configuration leads to. */
import { readlinkSync, realpathSync } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { lineageKinds, type Lineage } from "../../core/lineage/lineage.ts";
import { numberedFile } from "../../core/lineage/versions.ts";
import { nearest } from "../../core/settings/nearest.ts";
import { LivecertError } from "../../errors.ts";
import { readTextNow } from "../files/read-file.ts";
import {
  parseRenewalConfiguration,
  readRenewalConfiguration,
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
 * `live/` that holds a lineage's files without being renewed. Nothing where Certbot has never run.
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
    lineages: [...renewed, ...others.filter((one) => one !== null)].sort(
      byName,
    ),
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
    ? await lineageAtPath(resolve(nameOrPath), certbotDir)
    : await lineageNamed(nameOrPath, certbotDir);
  return found ?? Promise.reject(await notFound(nameOrPath, certbotDir));
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
    if (found !== null) return found;
    hops.push(hop);
  }
  return movedLineage(hops, certbotDir);
}

async function renewedLineage(
  name: string,
  certbotDir: string,
): Promise<Lineage> {
  const configuration = await readRenewalConfiguration({ name }, certbotDir);
  const path = configuration?.liveDirectory ?? join(certbotDir, "live", name);
  return { name, path };
}

async function lineageNamed(
  name: string,
  certbotDir: string,
): Promise<Lineage | null> {
  if (name === "" || name.includes("\0")) return null;
  const { path } = await renewedLineage(name, certbotDir);
  return lineageIn(name, path);
}

async function lineageAtPath(
  path: string,
  certbotDir: string,
): Promise<Lineage | null> {
  const directory = fileNames.includes(basename(path)) ? dirname(path) : path;
  const found = await lineageIn(basename(directory), directory);
  if (found === null) return null;
  return (await canonical(directory, certbotDir)) ?? found;
}

/** The same directory under the path that everything else uses for it. */
async function canonical(
  directory: string,
  certbotDir: string,
): Promise<Lineage | null> {
  const resolved = await realpath(directory);
  const candidates = [
    {
      name: basename(directory),
      path: join(certbotDir, "live", basename(directory)),
    },
    {
      name: basename(resolved),
      path: join(certbotDir, "live", basename(resolved)),
    },
  ];
  for (const candidate of candidates) {
    const same = await realpath(candidate.path).catch(() => null);
    if (same === resolved) return candidate;
  }
  return null;
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
