/**
 * Writes down what became of each source. A record that cannot be written is a warning: the deployment is not undone by a
 * full disk, and the next run finds out again.
 */
import pMap from "p-map";
import {
  warningsOf,
  written,
  type Written,
} from "../adapters/store/failure.ts";
import { identifyFile } from "../adapters/files/read-file.ts";
import { isSameGeneration } from "../core/decision/generations.ts";
import { isFailure, worstOf, type Outcome } from "../core/decision/outcome.ts";
import type {
  JournalEntry,
  PendingEntry,
  TargetRecord,
} from "../core/decision/record.ts";
import { lineageFiles } from "./candidates.ts";
import { modelRecord } from "./discover.ts";
import { sourceId } from "./examine.ts";
import type { Concluded, TargetResult } from "./conclude.ts";
import {
  bystanderRecord,
  isSameRecord,
  sourceRecord,
} from "./source-record.ts";
import type { RunRequest, World } from "./world.ts";

/** Everything that this run learned, one file per source that changed; answers with what could not be written. */
export async function recordRun(
  world: World,
  request: RunRequest,
  results: readonly TargetResult[],
): Promise<readonly string[]> {
  const bySource = groupBySource(results.flatMap(({ concluded }) => concluded));
  const records = await pMap(
    [...bySource.values()],
    (concluded) => recordSource(world, request, concluded, results),
    { concurrency: 4 },
  );
  const bystanders = await recordBystanders(world, results, bySource);
  const misplaced = await forgetMisplaced(world, request, bySource);
  const gone = await forgetGone(world, request, bySource);
  const models = await Promise.all(
    results.map((result) => recordTarget(world, result)),
  );
  const journal = await journalRun(world, request, results, [
    ...bySource.values(),
  ]);
  return warningsOf([
    ...records.flat(),
    ...bystanders,
    ...misplaced,
    ...gone,
    ...models.flat(),
    journal,
  ]);
}

/**
 * A failure from before it was known which of a lineage's files Nginx loads was kept under `fullchain.pem`. Where this run
 * has dealt with the lineage by other files, these have entries of their own.
 */
async function forgetMisplaced(
  world: World,
  { scope }: RunRequest,
  bySource: ReadonlyMap<string, readonly Concluded[]>,
): Promise<readonly Written[]> {
  const concluded = new Map(
    [...bySource.values()]
      .flatMap((group) => group[0]?.assessment.candidate.lineage ?? [])
      .map((lineage) => [lineage.path, lineage]),
  );
  const isAbout = (path: string): boolean =>
    scope.kind === "all" || scope.lineages.some((one) => one.path === path);
  const ids = [...concluded.values()]
    .filter(({ path }) => isAbout(path))
    .map((lineage) => sourceId(lineageFiles(lineage)))
    .filter((id) => !bySource.has(id));
  return pMap(ids, (id) => world.store.pending.remove(id), { concurrency: 4 });
}

/** Long enough for what is only away for a while: a volume, a configuration that is taken back. */
const rememberedMs = 30 * 24 * 60 * 60 * 1000;

/** A source whose files are gone and that no Nginx loads any more is forgotten after a while. */
async function forgetGone(
  world: World,
  { scope }: RunRequest,
  bySource: ReadonlyMap<string, unknown>,
): Promise<readonly Written[]> {
  const { sources } = world.store;
  // Reading a thousand records costs as much as a tenth of looking at what they are about.
  if (scope.kind !== "all" || sources.count() <= bySource.size) return [];
  const old = (await sources.list()).filter(
    ({ last, deployed }) =>
      world.now().getTime() - Date.parse(last?.at ?? deployed?.at ?? "") >
      rememberedMs,
  );
  const results: Written[] = [];
  for (const { certificate, key } of old) {
    const id = sourceId({ certificate, key });
    if (bySource.has(id) || (await identifyFile(certificate)) !== null)
      continue;
    results.push(await sources.remove(id));
  }
  return results;
}

/** By the id of the source. */
export function groupBySource(
  concluded: readonly Concluded[],
): ReadonlyMap<string, readonly Concluded[]> {
  const groups = new Map<string, Concluded[]>();
  for (const one of concluded) {
    const id = idOf(one);
    groups.set(id, [...(groups.get(id) ?? []), one]);
  }
  return groups;
}

function idOf({ assessment }: Concluded): string {
  return sourceId(assessment.candidate.files);
}

async function recordTarget(
  world: World,
  result: TargetResult,
): Promise<readonly Written[]> {
  const model = modelRecord(result.discovery, world.now());
  const modelWritten =
    model === null
      ? written
      : await world.store.models.put(model.target, model);
  const target = targetRecord(world, result);
  const targetWritten =
    target === null
      ? written
      : await world.store.targets.put(target.target, target);
  return [modelWritten, targetWritten];
}

/** What is known of a running Nginx without a reload: null where the record already says it. */
function targetRecord(
  world: World,
  { discovery, generation, record }: TargetResult,
): TargetRecord | null {
  if (generation === null || discovery.state.kind !== "running") return null;
  const newest = record?.generations.at(-1);
  const loadedDigest = record?.loadedDigest ?? null;
  const isKnown = newest !== undefined && isSameGeneration(newest, generation);
  const found = isKnown ? loadedDigest : discovery.loadedDigest;
  if (isKnown && (found !== null || discovery.loadedDigest === null))
    return null;
  return {
    schema: 1,
    target: discovery.target.name,
    at: world.now().toISOString(),
    generations: isKnown ? (record?.generations ?? []) : [generation],
    loadedDigest: discovery.loadedDigest,
    attempts: record?.attempts ?? [],
  };
}

async function recordSource(
  world: World,
  request: RunRequest,
  concluded: readonly Concluded[],
  results: readonly TargetResult[],
): Promise<readonly Written[]> {
  const [first] = concluded;
  if (first === undefined) return [];
  const id = idOf(first);
  const outcome = worstOf(concluded.map((one) => one.outcome));
  const decisive = concluded.find((one) => one.outcome === outcome) ?? first;
  const record = sourceRecord(world, request, decisive, concluded, results);
  const isNews = !isSameRecord(first.assessment.record, record);
  const stored = isNews ? await world.store.sources.put(id, record) : written;
  return [stored, await recordPending(world, id, decisive)];
}

/** What was found out about them on the way to a reload need not be found out again for the next one. */
async function recordBystanders(
  world: World,
  results: readonly TargetResult[],
  bySource: ReadonlyMap<string, unknown>,
): Promise<readonly Written[]> {
  const at = world.now().toISOString();
  const found = results.flatMap((result) =>
    result.bystanders.map((assessment) => ({ result, assessment })),
  );
  return pMap(
    found,
    ({ result, assessment }) => {
      const id = sourceId(assessment.candidate.files);
      const record = bystanderRecord(assessment, result, at);
      const isNews = !isSameRecord(assessment.record, record);
      return isNews && !bySource.has(id)
        ? world.store.sources.put(id, record)
        : written;
    },
    { concurrency: 4 },
  );
}

/** Every failure is kept as pending until it has gone, from its first time for this version on. */
async function recordPending(
  world: World,
  id: string,
  concluded: Concluded,
): Promise<Written> {
  const { outcome, assessment } = concluded;
  // Nginx could not be looked at: what had failed before has not gone.
  if (outcome === "deferred") return written;
  const earlier = await world.store.pending.get(id);
  if (!isFailure(outcome))
    return earlier === null ? written : world.store.pending.remove(id);
  return world.store.pending.put(
    id,
    pendingEntry(
      world,
      concluded,
      earlier,
      assessment.examined.examination.leaf?.fingerprint256 ?? null,
    ),
  );
}

function pendingEntry(
  world: World,
  { assessment, outcome, reason }: Concluded,
  earlier: PendingEntry | null,
  fingerprint256: string | null,
): PendingEntry {
  const { candidate, examined } = assessment;
  const now = world.now().toISOString();
  const isSame = earlier?.fingerprint256 === fingerprint256;
  return {
    schema: 1,
    certificate: candidate.files.certificate,
    key: candidate.files.key,
    lineage: candidate.lineage,
    outcome,
    since: isSame ? earlier.since : now,
    renewedAt: (examined.changedAt ?? world.now()).toISOString(),
    fingerprint256,
    attempts: isSame ? earlier.attempts + 1 : 1,
    detail: reason,
  };
}

/** What a person or a hook asked about is always written; otherwise only what happened. */
async function journalRun(
  world: World,
  request: RunRequest,
  results: readonly TargetResult[],
  sources: readonly (readonly Concluded[])[],
): Promise<Written> {
  const isQuiet = (outcome: Outcome): boolean =>
    outcome === "live" || outcome === "unused";
  const reloads = results.reduce((sum, result) => sum + result.reloads, 0);
  const entries = sources.flatMap((concluded): readonly JournalEntry[] => {
    const outcome = worstOf(concluded.map((one) => one.outcome));
    const decisive = concluded.find((one) => one.outcome === outcome);
    if (decisive === undefined || outcome === null) return [];
    if (request.scope.kind !== "named" && isQuiet(outcome)) return [];
    return [journalEntry(world, request, decisive, reloads)];
  });
  return entries.length === 0 ? written : world.store.journal.append(entries);
}

function journalEntry(
  world: World,
  request: RunRequest,
  concluded: Concluded,
  reloads: number,
): JournalEntry {
  const { candidate, examined, points } = concluded.assessment;
  const before = points.find(({ sight }) => sight.verdict === "stale")?.sight;
  return {
    schema: 1,
    at: world.now().toISOString(),
    run: request.run,
    command: request.command,
    lineage: candidate.lineage?.name ?? null,
    certificate: candidate.files.certificate,
    outcome: concluded.outcome,
    fingerprint256: examined.examination.leaf?.fingerprint256 ?? null,
    servedBefore:
      before?.verdict === "stale" ? before.bundle.leaf.fingerprint256 : null,
    reloads,
    detail: concluded.reason,
    durationMs: world.stopwatch.readings()["total"] ?? 0,
  };
}
