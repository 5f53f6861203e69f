/** Which lineages there are, and which one a person means. */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Lineage } from "../../core/lineage/lineage.ts";
import { nearest } from "../../core/settings/nearest.ts";
import { LivecertError } from "../../errors.ts";
import { canonicalLineage, fileNames, resolved } from "./lineage-of-path.ts";
import {
  readRenewalConfiguration,
  type RenewalConfiguration,
} from "./renewal.ts";

export interface LineageListing {
  /** Sorted by name. */
  readonly lineages: readonly Lineage[];
  /** Directories that could not be listed, with the reason, for people. */
  readonly problems: readonly string[];
}

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
      ...others.flatMap((one) =>
        one !== null && canonicalLineage(one, certbotDir).path === one.path
          ? [one]
          : [],
      ),
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
    here !== null && (there === null || isOfOtherPlace(configuration));
  return canonicalLineage({ name, path: isMeant ? usual : path }, certbotDir);
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

function byName(one: Lineage, other: Lineage): number {
  return one.name < other.name ? -1 : 1;
}
