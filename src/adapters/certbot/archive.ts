/**
 * All versions that `archive/` still holds. A certificate that Nginx loads and that equals an older version of a lineage
 * is a copy that nobody renews, or a link that stays behind; no reload mends that.
 */
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import pMap from "p-map";
import { certificateBlocks, splitPem } from "../../core/certificate/pem.ts";
import type { Lineage } from "../../core/lineage/lineage.ts";
import { lineageState, numberedFile } from "../../core/lineage/versions.ts";
import { identifyFile, readFileBounded } from "../files/read-file.ts";
import { viewLineage } from "./view.ts";

export interface ArchivedVersion {
  readonly version: number;
  /** Of the leaf: SHA-256 over its DER, as OpenSSL prints it. */
  readonly fingerprint256: string;
}

export interface ArchivedCopy {
  readonly lineage: Lineage;
  /** Of the copy. */
  readonly version: number;
  /** What the lineage is at. */
  readonly currentVersion: number;
}

/**
 * The lineage of which a certificate file is a version, the present one before older ones; null where it is none.
 *
 * The archives are read when first asked for, once for one list of lineages.
 */
export async function findArchivedCopy(
  certificatePath: string,
  lineages: readonly Lineage[],
): Promise<ArchivedCopy | null> {
  const fingerprint = await leafFingerprint(certificatePath);
  if (fingerprint === null) return null;
  const copies = (await indexOf(lineages)).get(fingerprint) ?? [];
  return copies.find((one) => !isOutdated(one)) ?? copies[0] ?? null;
}

export function isOutdated({ version, currentVersion }: ArchivedCopy): boolean {
  return version < currentVersion;
}

/** Every version of a lineage whose certificate can be read, oldest first; none where its links lead to no archive. */
export async function listVersions(
  lineage: Lineage,
): Promise<readonly ArchivedVersion[]> {
  const directory = archiveOf(lineage);
  if (directory === null) return [];
  const names = await readdir(directory).catch(() => []);
  const numbered = names.flatMap(
    (name) => numberedFile(join(directory, name)) ?? [],
  );
  const versions = await Promise.all(
    numbered
      .filter(({ kind }) => kind === "cert")
      .map(async ({ version }) => ({
        version,
        fingerprint256: await leafFingerprint(
          join(directory, `cert${String(version)}.pem`),
        ),
      })),
  );
  return versions
    .flatMap(({ version, fingerprint256 }) =>
      fingerprint256 === null ? [] : [{ version, fingerprint256 }],
    )
    .sort((one, other) => one.version - other.version);
}

/** Where the lineage's links lead. */
function archiveOf(lineage: Lineage): string | null {
  const { entries } = viewLineage(lineage);
  const targets = Object.values(entries).flatMap((entry) =>
    entry.kind === "link" ? entry.targets : [],
  );
  const archived = targets.find((path) => numberedFile(path) !== null);
  return archived === undefined ? null : dirname(archived);
}

type Index = ReadonlyMap<string, readonly ArchivedCopy[]>;

const indexes = new WeakMap<readonly Lineage[], Promise<Index>>();
const lineagesAtOnce = 8;

function indexOf(lineages: readonly Lineage[]): Promise<Index> {
  const known = indexes.get(lineages);
  if (known !== undefined) return known;
  const index = buildIndex(lineages);
  indexes.set(lineages, index);
  return index;
}

async function buildIndex(lineages: readonly Lineage[]): Promise<Index> {
  const copies = await pMap(lineages, versionsWithCurrent, {
    concurrency: lineagesAtOnce,
  });
  const index = new Map<string, ArchivedCopy[]>();
  for (const { fingerprint256, ...copy } of copies.flat()) {
    const same = index.get(fingerprint256) ?? [];
    index.set(fingerprint256, [...same, copy]);
  }
  return index;
}

async function versionsWithCurrent(
  lineage: Lineage,
): Promise<readonly (ArchivedCopy & ArchivedVersion)[]> {
  const state = lineageState(viewLineage(lineage));
  const currentVersion = "version" in state ? state.version : null;
  if (currentVersion === null) return [];
  const versions = await listVersions(lineage);
  return versions.map((version) => ({
    lineage,
    currentVersion,
    ...version,
  }));
}

/** By path, for a service that asks again and again: archive files are never rewritten, but numbers are used again. */
const fingerprints = new Map<
  string,
  { readonly identity: string; readonly fingerprint256: string | null }
>();

async function leafFingerprint(path: string): Promise<string | null> {
  const file = await identifyFile(path);
  if (file === null) return null;
  const identity = `${file.device}:${file.inode}:${file.modifiedNs}:${String(file.sizeBytes)}`;
  const known = fingerprints.get(path);
  if (known?.identity === identity) return known.fingerprint256;
  const fingerprint256 = await readLeafFingerprint(path);
  fingerprints.set(path, { identity, fingerprint256 });
  return fingerprint256;
}

async function readLeafFingerprint(path: string): Promise<string | null> {
  const reading = await readFileBounded(path);
  if (reading.kind !== "read") return null;
  const [leaf] = certificateBlocks(splitPem(reading.content).blocks);
  if (leaf === undefined) return null;
  const der = Buffer.from(leaf.body, "base64");
  const digest = createHash("sha256").update(der).digest("hex").toUpperCase();
  return digest.match(/../g)?.join(":") ?? null;
}
