/** Certificate files that no renewal reaches: links into `archive/`, copies of a lineage's files. */
import { realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import pMap from "p-map";
import { listVersions } from "../adapters/certbot/archive.ts";
import { lineageOfPath } from "../adapters/certbot/lineage-of-path.ts";
import { currentVersion } from "../adapters/certbot/view.ts";
import { readFileBounded } from "../adapters/files/read-file.ts";
import { readCertificates } from "../adapters/tls/certificate.ts";
import type { Lineage } from "../core/lineage/lineage.ts";
import { numberedFile } from "../core/lineage/versions.ts";
import type { CertificateSource, NginxModel } from "../core/nginx/model.ts";
import { certificateSources } from "../core/nginx/sources.ts";
import {
  foundOr,
  problem,
  unknown,
  warning,
  type Check,
  type Diagnosis,
} from "./check.ts";
import type { Machine } from "./machine.ts";

export const copyChecks: readonly Check[] = [
  {
    group: "certificates",
    name: "copies",
    looksAt:
      "server blocks that name a file in archive/ or a copy of a lineage's files, which no renewal changes",
    look: lookAtCopies,
  },
];

/** One version of one lineage. */
export interface Version {
  readonly lineage: Lineage;
  readonly version: number;
  readonly currentVersion: number;
  readonly fingerprint256: string;
}

/** A file that Nginx loads, with what it holds. */
export interface LoadedFile {
  readonly source: Pick<CertificateSource, "certificate" | "file" | "line">;
  /** All links followed. */
  readonly resolved: string;
  readonly fingerprint256: string;
}

const atOnce = 8;

async function lookAtCopies(machine: Machine): Promise<readonly Diagnosis[]> {
  const { model } = await machine.nginx();
  if (model === null)
    return [unknown("which files Nginx loads could not be asked")];
  const { files, versions } = await readStrangers(machine, model);
  return foundOr(
    files.flatMap((file) => judgeFile(file, versions)),
    "Nginx loads no copy of a lineage's files",
  );
}

/** The directories of the lineages of which Nginx loads a copy, or a file of `archive/`. */
export async function lineagesInCopies(
  machine: Machine,
): Promise<ReadonlySet<string>> {
  const { model } = await machine.nginx();
  if (model === null) return new Set();
  const { files, versions } = await readStrangers(machine, model);
  const copied = files.flatMap(
    (file) => versionOf(file, versions)?.lineage.path ?? [],
  );
  return new Set(copied);
}

/** What Nginx loads by paths that are no lineage's, and all versions that these may be copies of. */
async function readStrangers(
  machine: Machine,
  model: NginxModel,
): Promise<{
  readonly files: readonly LoadedFile[];
  readonly versions: readonly Version[];
}> {
  const { certbotDir } = machine.settings;
  const strangers = certificateSources(model).filter(
    ({ certificate, dynamic }) =>
      !dynamic && lineageOfPath(certificate, certbotDir) === null,
  );
  if (strangers.length === 0) return { files: [], versions: [] };
  const files = await pMap(strangers, readSource, { concurrency: atOnce });
  const { lineages } = await machine.lineages();
  const versions = await pMap(lineages, versionsOf, { concurrency: atOnce });
  return {
    files: files.filter((file) => file !== null),
    versions: versions.flat(),
  };
}

async function readSource(
  source: CertificateSource,
): Promise<LoadedFile | null> {
  const reading = await readFileBounded(source.certificate);
  if (reading.kind !== "read") return null;
  const read = readCertificates(reading.content);
  const [leaf] = read.kind === "read" ? read.certificates : [];
  if (leaf === undefined) return null;
  const resolved = await realpath(source.certificate);
  return { source, resolved, fingerprint256: leaf.fingerprint256 };
}

async function versionsOf(lineage: Lineage): Promise<readonly Version[]> {
  const current = currentVersion(lineage);
  if (current === null) return [];
  const versions = await listVersions(lineage);
  return versions.map(({ version, fingerprint256 }) => ({
    lineage,
    version,
    currentVersion: current,
    fingerprint256,
  }));
}

/** The newest that holds the same certificate; null: it is no version of any lineage. */
function versionOf(
  { fingerprint256 }: LoadedFile,
  versions: readonly Version[],
): Version | null {
  const same = versions.filter(
    (version) => version.fingerprint256 === fingerprint256,
  );
  const newest = same.findLast(
    ({ version, currentVersion }) => version >= currentVersion,
  );
  return newest ?? same[0] ?? null;
}

/** Nothing for a file that is no version of any lineage. */
export function judgeFile(
  file: LoadedFile,
  versions: readonly Version[],
): readonly Diagnosis[] {
  const { source, resolved } = file;
  const found = versionOf(file, versions);
  if (found === null) return [];
  const { lineage, version, currentVersion: current } = found;
  const place = `${source.file} line ${String(source.line)}`;
  const what = isArchived(resolved, lineage)
    ? `${place} names ${source.certificate}, a file of Certbot's archive`
    : `${place} names ${source.certificate}, a copy of the lineage ${lineage.name}`;
  const remedy = `name ${join(lineage.path, "fullchain.pem")} and privkey.pem beside it in ${place}`;
  if (version < current)
    return [
      problem(
        `${what}: it is version ${String(version)}, the lineage is at ${String(current)}, and no reload mends that`,
        remedy,
      ),
    ];
  const sentence = `${what}: still the current version, but no renewal changes it`;
  return [
    isArchived(resolved, lineage)
      ? problem(sentence, remedy)
      : warning(`${sentence} unless a hook of yours copies it anew`, remedy),
  ];
}

function isArchived(resolved: string, { name }: Lineage): boolean {
  const numbered = numberedFile(resolved);
  return numbered !== null && basename(numbered.directory) === name;
}
