/** What there is to look after, and which directories tell that something of it has changed. */
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import pMap from "p-map";
import { canonicalLineage } from "../adapters/certbot/lineage-of-path.ts";
import { listLineages } from "../adapters/certbot/lineages.ts";
import { hopsOf } from "../adapters/files/hops.ts";
import type { Lineage } from "../core/lineage/lineage.ts";
import { subjectOf } from "../core/lineage/subject.ts";
import type { NginxModel } from "../core/nginx/model.ts";
import type { Candidate } from "../pipeline/assess.ts";
import { sourceId } from "../pipeline/examine.ts";
import { rememberedCandidates } from "../pipeline/pending.ts";
import type { Meaning, Surroundings } from "./meanings.ts";
import type { World } from "../pipeline/world.ts";
import type { Target } from "../ports.ts";

/** What runs are about. */
export interface Sources {
  readonly lineages: readonly Lineage[];
  /** The sources that Nginx was last seen to load. */
  readonly candidates: readonly Candidate[];
}

export async function findSources(world: World): Promise<Sources> {
  const { lineages } = await listLineages(world.settings.certbotDir);
  const candidates = (await rememberedCandidates(world, lineages)) ?? [];
  return { lineages, candidates };
}

export async function lookAround(
  world: World,
  { lineages, candidates }: Sources,
): Promise<Surroundings> {
  const live = join(world.settings.certbotDir, "live");
  const meanings = new Map<string, Meaning[]>();
  const mean = (directory: string, meaning: Meaning): void => {
    meanings.set(directory, [...(meanings.get(directory) ?? []), meaning]);
  };
  mean(live, { kind: "lineages" });
  mean(world.store.pending.directory, { kind: "pending" });
  const paths = new Set([
    ...lineages.map(({ path }) => path),
    ...(await directoriesIn(live)),
  ]);
  for (const path of paths) {
    const { path: subject } = canonicalLineage(
      { name: basename(path), path },
      world.settings.certbotDir,
    );
    mean(path, { kind: "subject", subject, names: null });
  }
  await meanSources(candidates, paths, mean);
  for (const target of world.targets) {
    const known = await world.store.models.get(target.name);
    if (known !== null)
      await meanConfiguration(hereBy(target, known.model), mean);
  }
  return {
    sources: candidates.length,
    lineages: lineages.map(({ path, name }) => [path, name]),
    records: recordsOf(candidates),
    meanings: [...meanings],
  };
}

function recordsOf(candidates: readonly Candidate[]): Surroundings["records"] {
  const records = new Map<string, string[]>();
  for (const { lineage, files } of candidates) {
    const { certificate } = files;
    const subject = subjectOf({ lineage, certificate });
    records.set(subject, [...(records.get(subject) ?? []), sourceId(files)]);
  }
  return [...records];
}

type Mean = (directory: string, meaning: Meaning) => void;

/** Also a directory that Certbot has only just made, which is no lineage yet. */
async function directoriesIn(live: string): Promise<readonly string[]> {
  const entries = await readdir(live, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
    .map(({ name }) => join(live, name));
}

/** The files of a lineage are watched with their directory already. */
async function meanSources(
  candidates: readonly Candidate[],
  lineagePaths: ReadonlySet<string>,
  mean: Mean,
): Promise<void> {
  const files = candidates.flatMap(
    ({ files: { certificate, key }, lineage, source }) =>
      source?.dynamic === true
        ? []
        : [certificate, ...(key === null ? [] : [key])].map((path) => ({
            path,
            subject: subjectOf({ lineage, certificate }),
          })),
  );
  const others = files.filter(({ path }) => !lineagePaths.has(dirname(path)));
  const entries = new Map<string, Map<string, Set<string>>>();
  await pMap(
    others,
    async ({ path, subject }) => {
      for (const { directory, name } of await hopsOf(path)) {
        const subjects =
          entries.get(directory) ?? new Map<string, Set<string>>();
        entries.set(directory, subjects);
        subjects.set(subject, (subjects.get(subject) ?? new Set()).add(name));
      }
    },
    { concurrency: 16 },
  );
  for (const [directory, subjects] of entries)
    for (const [subject, names] of subjects)
      mean(directory, { kind: "subject", subject, names: [...names] });
}

type ConfigurationFiles = Pick<NginxModel, "files" | "errorLogs" | "pidFile">;

/** As they lie here; those of a container's own file system cannot be watched. */
function hereBy(target: Target, model: NginxModel): ConfigurationFiles {
  const here = (path: string): readonly string[] => {
    const local = target.localPath(path);
    return local === null ? [] : [local];
  };
  const { pidFile } = model;
  return {
    files: model.files.flatMap(here),
    errorLogs: model.errorLogs.flatMap(here),
    pidFile: pidFile === null ? null : (here(pidFile)[0] ?? null),
  };
}

async function meanConfiguration(
  model: ConfigurationFiles,
  mean: Mean,
): Promise<void> {
  const busy = new Set(
    [
      ...model.errorLogs,
      ...(model.pidFile === null ? [] : [model.pidFile]),
    ].map((path) => dirname(path)),
  );
  const names = new Map<string, Set<string>>();
  await pMap(
    model.files,
    async (file) => {
      for (const { directory, name } of await hopsOf(file))
        names.set(directory, (names.get(directory) ?? new Set()).add(name));
      const directory = dirname(file);
      names.set(
        directory,
        (names.get(directory) ?? new Set()).add(basename(file)),
      );
    },
    { concurrency: 16 },
  );
  for (const [directory, own] of names)
    mean(directory, {
      kind: "configuration",
      names: [...own],
      isBusy: busy.has(directory),
    });
}
