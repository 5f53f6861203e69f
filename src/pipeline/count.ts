/** Adds what a run did to the totals that the metrics tell. A hook that finds all live counts nothing: it is in a hurry. */
import { written, type Written } from "../adapters/store/failure.ts";
import { isFailure, worstOf, type Outcome } from "../core/decision/outcome.ts";
import type { PendingEntry } from "../core/decision/record.ts";
import { noTotals, withRun, type RunCounts } from "../core/metrics/totals.ts";
import type { Concluded, TargetResult } from "./conclude.ts";
import { sourceId } from "./examine.ts";
import { groupBySource } from "./record.ts";
import type { RunRequest, World } from "./world.ts";

/** The id of the one record. */
export const totalsId = "all";

/** Has to come before the failures of this run are recorded: those of earlier ones tell what is a retry. */
export async function countRun(
  world: World,
  request: RunRequest,
  results: readonly TargetResult[],
): Promise<Written> {
  const counts = await countsOf(world, results);
  if (request.command !== "watch" && isUneventful(counts)) return written;
  const totals = (await world.store.totals.get(totalsId)) ?? noTotals;
  return world.store.totals.put(totalsId, withRun(totals, counts));
}

function isUneventful({ reloads, failures, retries }: RunCounts): boolean {
  return reloads.size + failures.length + retries === 0;
}

async function countsOf(
  world: World,
  results: readonly TargetResult[],
): Promise<RunCounts> {
  const bySource = groupBySource(results.flatMap(({ concluded }) => concluded));
  const groups = [...bySource.values()];
  const waiting = new Set((await world.store.pending.list()).map(idOf));
  const found = groups.flatMap((group): readonly Outcome[] => {
    const outcome = worstOf(group.map((one) => one.outcome));
    return outcome === null ? [] : [outcome];
  });
  return {
    reloads: new Map(
      results
        .filter(({ reloads }) => reloads > 0)
        .map(({ discovery, reloads }) => [discovery.target.name, reloads]),
    ),
    failures: found.filter(isFailure),
    retries: [...bySource.keys()].filter((id) => waiting.has(id)).length,
    seconds: {
      probe: inSeconds(world.stopwatch.samples("probe")),
      reload: inSeconds(world.stopwatch.samples("reload")),
      timeToLive: inSeconds(groups.flatMap((group) => waitMs(world, group))),
    },
  };
}

function idOf({ certificate, key }: PendingEntry): string {
  return sourceId({ certificate: certificate ?? "", key });
}

function inSeconds(ms: readonly number[]): readonly number[] {
  return ms.map((one) => one / 1_000);
}

/** From the newest of its files to now, where it has just become live everywhere. */
function waitMs(world: World, group: readonly Concluded[]): readonly number[] {
  const isLive = worstOf(group.map(({ outcome }) => outcome)) === "deployed";
  const changedAt = group[0]?.assessment.examined.changedAt ?? null;
  if (!isLive || changedAt === null) return [];
  return [Math.max(0, world.now().getTime() - changedAt.getTime())];
}
