/** What there is to look after, and which directories tell that something of it has changed. */
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import pMap from "p-map";
import { listLineages } from "../adapters/certbot/lineages.ts";
import { hopsOf } from "../adapters/watcher/hops.ts";
import type { Place } from "../adapters/watcher/watching.ts";
import type { Lineage } from "../core/lineage/lineage.ts";
import type { NginxModel } from "../core/nginx/model.ts";
import type { Candidate } from "../pipeline/assess.ts";
import { rememberedCandidates, subjectOf } from "../pipeline/pending.ts";
import type { World } from "../pipeline/world.ts";
import type { Target } from "../ports.ts";

export interface Surroundings {
  readonly lineages: readonly Lineage[];
  /** The sources that Nginx was last seen to load. */
  readonly candidates: readonly Candidate[];
  readonly places: readonly Place[];
  /** By directory: what a change in it means. */
  readonly meanings: ReadonlyMap<string, readonly Meaning[]>;
}

export type Meaning =
  /** Lineages have come or gone. */
  | { readonly kind: "lineages" }
  /** `names`: only these entries matter; null: all. */
  | {
      readonly kind: "subject";
      readonly subject: string;
      readonly names: ReadonlySet<string> | null;
    }
  | {
      readonly kind: "configuration";
      /** Entries that are known to matter. */
      readonly names: ReadonlySet<string>;
      /** Nginx writes here itself, so that other entries say nothing. */
      readonly isBusy: boolean;
    };

export async function lookAround(world: World): Promise<Surroundings> {
  const live = join(world.settings.certbotDir, "live");
  const { lineages } = await listLineages(world.settings.certbotDir);
  const candidates = (await rememberedCandidates(world, lineages)) ?? [];
  const meanings = new Map<string, Meaning[]>();
  const mean = (directory: string, meaning: Meaning): void => {
    meanings.set(directory, [...(meanings.get(directory) ?? []), meaning]);
  };
  mean(live, { kind: "lineages" });
  const paths = new Set([
    ...lineages.map(({ path }) => path),
    ...(await directoriesIn(live)),
  ]);
  for (const subject of paths)
    mean(subject, { kind: "subject", subject, names: null });
  await meanSources(candidates, paths, mean);
  for (const target of world.targets) {
    const known = await world.store.models.get(target.name);
    if (known !== null)
      await meanConfiguration(hereBy(target, known.model), mean);
  }
  return { lineages, candidates, meanings, places: placesOf(meanings) };
}

/** What a change of this entry means; nothing for entries that are none of ours. */
export function isMeant(meaning: Meaning, name: string | null): boolean {
  if (name === null) return true;
  switch (meaning.kind) {
    case "lineages":
      return name !== "README";
    case "subject":
      return meaning.names?.has(name) ?? name !== "README";
    case "configuration":
      return meaning.names.has(name) || (!meaning.isBusy && !isByTheWay(name));
  }
}

/** What editors and daemons leave lying about beside configuration files. */
function isByTheWay(name: string): boolean {
  return /^\.|~$|\.(?:log|pid|swp|swx|tmp|dpkg-\w+)$/.test(name);
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
      mean(directory, { kind: "subject", subject, names });
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
      names: own,
      isBusy: busy.has(directory),
    });
}

function placesOf(
  meanings: ReadonlyMap<string, readonly Meaning[]>,
): readonly Place[] {
  return [...meanings].map(([directory, all]) => ({
    directory,
    manner: all.some(({ kind }) => kind !== "subject") ? "coarse" : "plain",
  }));
}
