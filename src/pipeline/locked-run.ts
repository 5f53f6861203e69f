/**
 * A run that may change something: it queues its own lineages, takes the lock, and deals with everything that is queued,
 * so that no renewal is lost and none is deployed twice, however many runs there are at once.
 */
import { existsSync } from "node:fs";
import { warningsOf, type Written } from "../adapters/store/failure.ts";
import type { Queued } from "../adapters/store/queue.ts";
import { isFailure } from "../core/decision/outcome.ts";
import type { QueueEntry } from "../core/decision/record.ts";
import type { LineageReport, RunDocument } from "../core/report/document.ts";
import { LivecertError } from "../errors.ts";
import { lineageFiles } from "./candidates.ts";
import { sourceId } from "./examine.ts";
import { lookUnlocked } from "./look-unlocked.ts";
import { dueEntries, isOfOwnCertbot } from "./queue.ts";
import { briefDocument, briefReport } from "./report.ts";
import { run } from "./run.ts";
import { whileLocked } from "./run-lock.ts";
import { keepWaiting } from "./waiting.ts";
import type { RunRequest, Scope, World } from "./world.ts";

export interface LockedRunOptions {
  /** Queued before waiting for the lock. */
  readonly own: readonly QueueEntry[];
  readonly lockWaitMs: number;
  /** For the whole run besides waiting for the lock; null: none. */
  readonly limitMs: number | null;
  /** What the Certbot that calls us has deferred waits for its post hook; otherwise it is taken along. */
  readonly leavesDeferred?: boolean;
}

/**
 * A dry run only looks: it neither takes the lock nor deals with the queue.
 *
 * @throws LivecertError `locked` when another run holds the lock for too long, `time-limit`; both leave the queue as it is.
 */
export async function lockedRun(
  world: World,
  request: RunRequest,
  options: LockedRunOptions,
): Promise<RunDocument> {
  const { limitMs } = options;
  if (request.isDryRun)
    return withinLimit(world, { limitMs }, (limited) => run(limited, request));
  const startedMs = performance.now();
  const seen = await withinLimit(world, shareOf(limitMs), (limited) =>
    lookUnlocked(limited, request, options.own),
  );
  if (seen !== null) return seen;
  const limit = { limitMs, spentMs: performance.now() - startedMs };
  const queued = await queueAll(world, options.own);
  const { command, trigger } = request;
  try {
    return await whileLocked(
      world,
      { command, waitMs: options.lockWaitMs },
      () => orTakeBack(world, request, { ...options, limit }, queued),
    );
  } catch (error) {
    if (trigger !== "person" && isDelay(error))
      await keepWaiting(world, request, {
        queued: await entriesFor(world, options),
        cause: error,
      });
    throw error;
  }
}

interface Limit {
  /** null: none. */
  readonly limitMs: number | null;
  /** Of that, already. */
  readonly spentMs?: number;
}

interface LimitedOptions extends LockedRunOptions {
  readonly limit: Limit;
}

/** A look that takes longer is not worth making twice. */
function shareOf(limitMs: number | null): Limit {
  return { limitMs: limitMs === null ? null : limitMs / 8 };
}

/** What is queued still waits, and nobody may be looking. */
export function isDelay(error: unknown): error is LivecertError {
  return (
    error instanceof LivecertError &&
    (error.code === "locked" || error.code === "time-limit")
  );
}

interface QueuedByUs {
  readonly entry: QueueEntry;
  /** It has taken the place of what somebody else had queued. */
  readonly isReplacing: boolean;
  readonly written: Written;
}

async function queueAll(
  world: World,
  entries: readonly QueueEntry[],
): Promise<readonly QueuedByUs[]> {
  const { queue } = world.store;
  const results: QueuedByUs[] = [];
  for (const entry of entries) {
    const isReplacing = (await queue.get(entry.lineage.path)) !== null;
    results.push({ entry, isReplacing, written: await queue.put(entry) });
  }
  return results;
}

/** Whoever typed it is told at once and types it again. */
function isMistake(error: unknown): boolean {
  return error instanceof LivecertError && error.exitCode === mistakeExitCode;
}

const mistakeExitCode = 2;

/** What somebody asked for by mistake must not ride along with what is asked for next. */
async function takeBack(
  world: World,
  entries: readonly QueuedByUs[],
): Promise<void> {
  for (const { entry, isReplacing } of entries) {
    const queued = await world.store.queue.get(entry.lineage.path);
    if (!isReplacing && queued?.entry.at === entry.at)
      await world.store.queue.removeIfUnchanged(queued);
  }
}

async function orTakeBack(
  world: World,
  request: RunRequest,
  options: LimitedOptions,
  queued: readonly QueuedByUs[],
): Promise<RunDocument> {
  try {
    return await underLock(
      world,
      request,
      options,
      queued.map(({ written }) => written),
    );
  } catch (error) {
    if (request.trigger === "person" && isMistake(error))
      await takeBack(world, queued);
    throw error;
  }
}

async function underLock(
  world: World,
  request: RunRequest,
  options: LimitedOptions,
  queued: readonly Written[],
): Promise<RunDocument> {
  const recovered = await world.store.queue.recover();
  const isQueued = queued.every(({ kind }) => kind === "written");
  const done = isQueued
    ? await doneByAnother(world, request, options.own)
    : null;
  if (done !== null) return done;
  const due = await withoutVanished(world, await entriesFor(world, options));
  const scope = withQueued(request.scope, due);
  const document = await withinLimit(world, options.limit, (limited) =>
    run(limited, { ...request, scope }),
  );
  const settled = await settleQueue(world, due, document);
  return withWarnings(document, [...queued, recovered, ...settled]);
}

/** The disk may have refused the queue alone, or what the run has told already. */
function withWarnings(
  document: RunDocument,
  results: readonly Written[],
): RunDocument {
  const warnings = [...document.warnings, ...warningsOf(results)];
  return { ...document, warnings: [...new Set(warnings)] };
}

async function entriesFor(
  world: World,
  { own, leavesDeferred }: LockedRunOptions,
): Promise<readonly Queued[]> {
  const due = await dueEntries(world);
  if (leavesDeferred !== true) return due;
  const ownPaths = new Set(own.map(({ lineage }) => lineage.path));
  return due.filter(
    ({ entry }) =>
      ownPaths.has(entry.lineage.path) || !isOfOwnCertbot(world, entry),
  );
}

/** Ends a run that takes too long; what it was about stays queued. */
async function withinLimit<Result>(
  world: World,
  { limitMs, spentMs = 0 }: Limit,
  work: (world: World) => Promise<Result>,
): Promise<Result> {
  if (limitMs === null) return work(world);
  const limit = AbortSignal.timeout(Math.max(0, Math.ceil(limitMs - spentMs)));
  try {
    return await work({
      ...world,
      signal: AbortSignal.any([world.signal, limit]),
    });
  } catch (error) {
    if (!limit.aborted) throw error;
    throw new LivecertError(
      "time-limit",
      `the run did not end within ${String(limitMs / 1000)} s`,
      {
        remedy: "livecert retry",
        cause: error,
      },
    );
  }
}

function withQueued(scope: Scope, due: readonly Queued[]): Scope {
  if (scope.kind === "all") return scope;
  const byPath = new Map(
    [...scope.lineages, ...due.map(({ entry }) => entry.lineage)].map((one) => [
      one.path,
      one,
    ]),
  );
  return { ...scope, lineages: [...byPath.values()] };
}

/** `certbot delete` takes a queued lineage away: nothing is left to be done. */
async function withoutVanished(
  world: World,
  due: readonly Queued[],
): Promise<readonly Queued[]> {
  const kept: Queued[] = [];
  for (const queued of due) {
    if (existsSync(queued.entry.lineage.path)) {
      kept.push(queued);
      continue;
    }
    world.log.info("queued lineage was deleted", {
      lineage: queued.entry.lineage.name,
    });
    await world.store.queue.removeIfUnchanged(queued);
  }
  return kept;
}

/** An entry goes once its outcome is recorded; a deferred one, one replaced meanwhile, or a failure that only it keeps, stays. */
async function settleQueue(
  world: World,
  due: readonly Queued[],
  document: RunDocument,
): Promise<readonly Written[]> {
  const results: Written[] = [];
  for (const queued of due) {
    const report = document.lineages.find(
      ({ path }) => path === queued.entry.lineage.path,
    );
    if (report?.outcome == null || report.outcome === "deferred") continue;
    if (isFailure(report.outcome) && !(await isPending(world, report.path)))
      continue;
    results.push(await world.store.queue.removeIfUnchanged(queued));
  }
  return results;
}

/** A full disk may have refused it. */
async function isPending(world: World, lineagePath: string): Promise<boolean> {
  const pending = await world.store.pending.list();
  return pending.some(({ lineage }) => lineage?.path === lineagePath);
}

/** While a hook waited, another run may have dealt with its very version: its recorded outcome is this hook's too. */
async function doneByAnother(
  world: World,
  request: RunRequest,
  own: readonly QueueEntry[],
): Promise<RunDocument | null> {
  if (request.trigger !== "hook" || own.length === 0) return null;
  const reports: LineageReport[] = [];
  for (const { lineage, version } of own) {
    if ((await world.store.queue.get(lineage.path)) !== null) return null;
    const record = await world.store.sources.get(
      sourceId(lineageFiles(lineage)),
    );
    if (record?.last == null || record.last.version !== version) return null;
    reports.push(briefReport(lineage, record.last.outcome, record.last.detail));
  }
  return briefDocument(world, request, reports);
}
