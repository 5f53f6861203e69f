/**
 * Publish: puts sound certificates where other services expect them, before any Nginx is looked at, since it may be one of
 * those services. What is published already and what a person has taken back is left alone.
 */
import { join } from "node:path";
import { findLineage } from "../adapters/certbot/lineages.ts";
import { snapshotLineage } from "../adapters/certbot/snapshot.ts";
import { contentsFor, digestOf } from "../adapters/publish/contents.ts";
import { publishSet, seenAt } from "../adapters/publish/publish.ts";
import {
  warningsOf,
  written,
  type Written,
} from "../adapters/store/failure.ts";
import { filesKey } from "../core/decision/generations.ts";
import { isFailure } from "../core/decision/outcome.ts";
import { assertNever } from "../core/assert-never.ts";
import type { Lineage } from "../core/lineage/lineage.ts";
import { decidePublication } from "../core/publish/decide.ts";
import {
  adoptedId,
  versionBefore,
  versionId,
  withVersion,
  type PublicationRecord,
  type PublishedVersion,
} from "../core/publish/record.ts";
import type { PublicationReport } from "../core/report/document.ts";
import {
  mainFile,
  pendingKey,
  publishedPaths,
  publishes,
  type PublicationSetting,
} from "../core/settings/publications.ts";
import { findingIdentity } from "../core/validation/finding.ts";
import { LivecertError } from "../errors.ts";
import { lineageFiles } from "./candidates.ts";
import {
  examineSource,
  patienceWithNamed,
  sourceId,
  type Examined,
} from "./examine.ts";
import type { RunRequest, World } from "./world.ts";

export interface Published {
  readonly reports: readonly PublicationReport[];
  /** Those that were handed in, and what had to be examined besides. */
  readonly examined: ReadonlyMap<string, Examined>;
  /** What could not be written down. */
  readonly warnings: readonly string[];
}

/** One after the other: there are few, and each is quick. Nothing that goes wrong keeps the next from being published. */
export async function publishAll(
  world: World,
  request: RunRequest,
  examined: ReadonlyMap<string, Examined>,
): Promise<Published> {
  const known = new Map(examined);
  const done: Outcome[] = [];
  const asked = world.settings.publish.filter((setting) =>
    isAsked(request, setting),
  );
  for (const setting of asked) {
    world.signal.throwIfAborted();
    done.push(await publishOne({ world, request, setting, known }));
  }
  const news = done.filter(({ isNews }) => isNews);
  const results = request.isDryRun
    ? []
    : [
        ...done.flatMap(({ results }) => results),
        ...(await recordAll(world, request, done)),
        news.length === 0
          ? written
          : await world.store.journal.append(
              news.map((one) => journalEntry(world, request, one)),
            ),
      ];
  return {
    reports: done.map(({ report }) => report),
    examined: known,
    warnings: warningsOf(results),
  };
}

/** Whether somebody has gone back here, so that what Nginx loads from here is meant to be old. */
export async function rolledBackFiles(
  world: World,
): Promise<ReadonlySet<string>> {
  const files = await Promise.all(
    world.settings.publish.map(async (setting) => {
      const record = await world.store.publications.get(setting.name);
      return record?.held == null
        ? []
        : publishedPaths(setting).map(({ path }) => path);
    }),
  );
  return new Set(files.flat());
}

function isAsked(
  { scope, rollback }: RunRequest,
  setting: PublicationSetting,
): boolean {
  if (rollback !== undefined && rollback === setting.name) return true;
  if (scope.kind !== "named") return true;
  return (
    scope.lineages.some((lineage) => publishes(setting, lineage)) ||
    scope.certificates.includes(mainFile(setting))
  );
}

interface Task {
  readonly world: World;
  readonly request: RunRequest;
  readonly setting: PublicationSetting;
  /** Grows by what is examined on the way. */
  readonly known: Map<string, Examined>;
}

/** What became of one publication. */
interface Outcome {
  readonly setting: PublicationSetting;
  readonly lineage: Lineage | null;
  readonly report: PublicationReport;
  readonly isNews: boolean;
  readonly results: readonly Written[];
}

async function publishOne(task: Task): Promise<Outcome> {
  const { world, setting } = task;
  const record = await world.store.publications.get(setting.name);
  let lineage: Lineage;
  try {
    lineage = await findLineage(setting.lineage, world.settings.certbotDir);
  } catch (error) {
    if (!(error instanceof LivecertError)) throw error;
    return failed(task, null, record, {
      reason: error.message,
      remedy: error.remedy,
    });
  }
  const examined = await examineOnce(task, lineage);
  return task.request.rollback === setting.name
    ? goBack(task, lineage, examined, record)
    : bringUpToDate(task, lineage, examined, record);
}

async function examineOnce(
  { world, request, known }: Task,
  lineage: Lineage,
): Promise<Examined> {
  const files = lineageFiles(lineage);
  const id = sourceId(files);
  const examined =
    known.get(id) ??
    (await examineSource(world, files, {
      record: await world.store.sources.get(id),
      patience: patienceWithNamed(request),
      knownIssuers: [],
    }));
  known.set(id, examined);
  return examined;
}

async function bringUpToDate(
  task: Task,
  lineage: Lineage,
  examined: Examined,
  record: PublicationRecord | null,
): Promise<Outcome> {
  const { world, request, setting } = task;
  const { leaf, findings } = examined.examination;
  const snapshot = await snapshotLineage(lineage, {
    settleMs: 0,
    secondLook: "not-needed",
    signal: world.signal,
  });
  const files = snapshot.kind === "consistent" ? snapshot.files : null;
  const digest = files === null ? null : digestOf(setting, files);
  const decision = decidePublication({
    findings,
    fingerprint256: leaf?.fingerprint256 ?? null,
    record,
    digest,
    seen: record === null ? null : seenAt(setting),
    isForced: request.isForced,
    now: world.now(),
  });
  switch (decision.kind) {
    case "unchanged":
      return quiet(task, lineage, record, "unchanged", null);
    case "held":
      return quiet(
        task,
        lineage,
        record,
        "held",
        `somebody went back to an earlier version at ${decision.since}; this one is not published again until ${lineage.name} is renewed, or by livecert deploy ${lineage.name} --force`,
      );
    case "refused":
      return outcomeOf(task, lineage, record, {
        state: "rejected",
        outcome: "rejected",
        reason: decision.because.message,
        remedy: decision.because.hint,
      });
    case "publish":
      break;
    default:
      return assertNever(decision);
  }
  if (request.isDryRun)
    return quiet(task, lineage, record, "due", "is not published yet");
  const contents = files === null ? null : contentsFor(setting, files);
  const isSame =
    files !== null &&
    filesKey(
      [files.fullchain, files.privkey].flatMap((reading) =>
        reading.kind === "read" ? reading.identity : [],
      ),
    ) === examined.filesKey;
  if (leaf === null || digest === null || contents === null || !isSame)
    return failed(task, lineage, record, {
      reason: `${lineage.name} was written anew while it was looked at`,
      remedy: "livecert retry",
    });
  const version: PublishedVersion = {
    id: versionId(world.now(), leaf.fingerprint256),
    at: world.now().toISOString(),
    fingerprint256: leaf.fingerprint256,
    notBefore: leaf.notBefore.toISOString(),
    notAfter: leaf.notAfter.toISOString(),
    regressions: findings
      .filter(({ severity }) => severity === "regression")
      .map(findingIdentity),
  };
  const known = record?.versions ?? [];
  const mayAdopt = known.length === 0 && setting.keep > 1;
  const result = await write(task, {
    version: version.id,
    contents,
    adopt: mayAdopt ? adoptedId : null,
  });
  if (result.kind === "failed") return failed(task, lineage, record, result);
  const before = result.adopted ? [adoptedVersion(world)] : known;
  const newer: PublicationRecord = {
    schema: 1,
    name: setting.name,
    lineage,
    versions: withVersion(before, version, setting.keep),
    current: version.id,
    digest,
    seen: result.seen,
    held: null,
  };
  const stored = await world.store.publications.put(setting.name, newer);
  world.log.info("published", {
    publication: setting.name,
    lineage: lineage.name,
    fingerprint: leaf.fingerprint256,
  });
  return outcomeOf(
    task,
    lineage,
    newer,
    { state: "published", outcome: "published", reason: null, remedy: null },
    [stored],
  );
}

function adoptedVersion(world: World): PublishedVersion {
  return {
    id: adoptedId,
    at: world.now().toISOString(),
    fingerprint256: null,
    notBefore: null,
    notAfter: null,
    regressions: [],
  };
}

/** The version before is put back, and this lineage's present leaf is not published again by itself. */
async function goBack(
  task: Task,
  lineage: Lineage,
  examined: Examined,
  record: PublicationRecord | null,
): Promise<Outcome> {
  const { world, setting } = task;
  const before = record === null ? null : versionBefore(record);
  if (record === null || before === null)
    return failed(task, lineage, record, {
      reason: "no earlier version is kept",
      remedy: null,
    });
  const result = await write(task, {
    version: before.id,
    contents: new Map(),
    adopt: null,
  });
  if (result.kind === "failed") return failed(task, lineage, record, result);
  const published = record.versions.find(({ id }) => id === record.current);
  const fingerprint256 =
    examined.examination.leaf?.fingerprint256 ??
    published?.fingerprint256 ??
    "";
  const older: PublicationRecord = {
    ...record,
    current: before.id,
    digest: null,
    seen: result.seen,
    held: { at: world.now().toISOString(), fingerprint256 },
  };
  const stored = await world.store.publications.put(setting.name, older);
  world.log.info("went back to an earlier version", {
    publication: setting.name,
    version: before.id,
  });
  const reason = `went back to what was published at ${before.at}${hasEnded(world, before) ? ", which has expired since" : ""}; the present ${lineage.name} is not published again until it is renewed, or by livecert deploy ${lineage.name} --force`;
  return outcomeOf(
    task,
    lineage,
    older,
    { state: "rolled-back", outcome: "published", reason, remedy: null },
    [stored],
  );
}

function hasEnded(world: World, { notAfter }: PublishedVersion): boolean {
  return notAfter !== null && Date.parse(notAfter) < world.now().getTime();
}

/** Longer than any disk takes; what waits behind it is a hook. */
const writeLimitMs = 20_000;

function write(
  { world, setting }: Task,
  what: Pick<
    Parameters<typeof publishSet>[0],
    "version" | "contents" | "adopt"
  >,
): ReturnType<typeof publishSet> {
  const { program, signal, stopwatch } = world;
  return stopwatch.time("publish", () =>
    publishSet({
      setting,
      program,
      signal,
      timeoutMs: writeLimitMs,
      ...what,
    }),
  );
}

type Telling = Pick<
  PublicationReport,
  "state" | "outcome" | "reason" | "remedy"
>;

function quiet(
  task: Task,
  lineage: Lineage,
  record: PublicationRecord | null,
  state: "unchanged" | "held" | "due",
  reason: string | null,
): Outcome {
  const telling = { state, outcome: null, reason, remedy: null };
  return { ...outcomeOf(task, lineage, record, telling), isNews: false };
}

function failed(
  task: Task,
  lineage: Lineage | null,
  record: PublicationRecord | null,
  { reason, remedy }: Pick<Telling, "reason" | "remedy">,
): Outcome {
  return outcomeOf(task, lineage, record, {
    state: "failed",
    outcome: "unpublished",
    reason,
    remedy,
  });
}

function outcomeOf(
  { setting }: Task,
  lineage: Lineage | null,
  record: PublicationRecord | null,
  telling: Telling,
  results: readonly Written[] = [],
): Outcome {
  const current = record?.versions.find(({ id }) => id === record.current);
  return {
    setting,
    lineage,
    isNews: true,
    results,
    report: {
      name: setting.name,
      lineage: setting.lineage,
      files: publishedPaths(setting).map(({ path }) => path),
      ...telling,
      version: current?.id ?? null,
      fingerprint256: current?.fingerprint256 ?? null,
    },
  };
}

/** What failed is kept until it has been done. */
async function recordAll(
  world: World,
  request: RunRequest,
  done: readonly Outcome[],
): Promise<readonly Written[]> {
  const results: Written[] = [];
  for (const one of done) results.push(await recordPending(world, one));
  world.log.debug("publications looked at", {
    run: request.run,
    number: done.length,
  });
  return results;
}

async function recordPending(
  world: World,
  { setting, lineage, report }: Outcome,
): Promise<Written> {
  const pair = { certificate: mainFile(setting), key: pendingKey(setting) };
  const id = sourceId(pair);
  const earlier = await world.store.pending.get(id);
  const { outcome } = report;
  if (outcome === null || !isFailure(outcome))
    return earlier === null ? written : world.store.pending.remove(id);
  const at = world.now().toISOString();
  return world.store.pending.put(id, {
    schema: 1,
    ...pair,
    lineage,
    outcome,
    since: earlier?.since ?? at,
    renewedAt: earlier?.renewedAt ?? at,
    fingerprint256: report.fingerprint256,
    attempts: (earlier?.attempts ?? 0) + 1,
    detail: sentence(report),
  });
}

function journalEntry(
  world: World,
  { run, command }: RunRequest,
  { lineage, setting, report }: Outcome,
) {
  return {
    schema: 1,
    at: world.now().toISOString(),
    run,
    command,
    lineage: lineage?.name ?? setting.lineage,
    certificate: mainFile(setting),
    outcome: report.outcome ?? "published",
    fingerprint256: report.fingerprint256,
    servedBefore: null,
    reloads: 0,
    detail: sentence(report),
    durationMs: world.stopwatch.readings()["total"] ?? 0,
  } as const;
}

function sentence({ name, reason, files }: PublicationReport): string {
  const place = join(files[0] ?? "", "..");
  return `${name}: ${reason ?? `published in ${place}`}`;
}
