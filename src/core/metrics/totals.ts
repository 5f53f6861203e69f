/** What has been counted over all runs, whoever made them. Monotonic: these are counters. */
import type { Outcome } from "../decision/outcome.ts";
import {
  bounds,
  emptyHistogram,
  withValues,
  type Histogram,
  type HistogramName,
} from "./histogram.ts";

/** `STATE/v1/totals/…json`. */
export interface Totals {
  readonly schema: 1;
  readonly reloads: readonly {
    readonly target: string;
    readonly count: number;
  }[];
  readonly failures: readonly {
    readonly outcome: Outcome;
    readonly count: number;
  }[];
  readonly retries: number;
  readonly histograms: Readonly<Record<HistogramName, Histogram>>;
}

/** What one run adds. Durations in seconds. */
export interface RunCounts {
  /** By target. */
  readonly reloads: ReadonlyMap<string, number>;
  /** The outcome of each source that failed. */
  readonly failures: readonly Outcome[];
  /** Sources that had failed before and were taken up again. */
  readonly retries: number;
  readonly seconds: Readonly<Record<HistogramName, readonly number[]>>;
}

export const noTotals: Totals = {
  schema: 1,
  reloads: [],
  failures: [],
  retries: 0,
  histograms: {
    probe: emptyHistogram("probe"),
    reload: emptyHistogram("reload"),
    timeToLive: emptyHistogram("timeToLive"),
  },
};

export function withRun(totals: Totals, counts: RunCounts): Totals {
  const reloads = new Map(
    totals.reloads.map(({ target, count }) => [target, count]),
  );
  for (const [target, count] of counts.reloads) add(reloads, target, count);
  const failures = new Map(
    totals.failures.map(({ outcome, count }) => [outcome, count]),
  );
  for (const outcome of counts.failures) add(failures, outcome, 1);
  return {
    schema: 1,
    reloads: [...reloads].map(([target, count]) => ({ target, count })),
    failures: [...failures].map(([outcome, count]) => ({ outcome, count })),
    retries: totals.retries + counts.retries,
    histograms: {
      probe: added(totals, counts, "probe"),
      reload: added(totals, counts, "reload"),
      timeToLive: added(totals, counts, "timeToLive"),
    },
  };
}

function add<Key>(counts: Map<Key, number>, key: Key, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}

/** Another livecert may have had other bounds: its counts cannot be gone on with. */
function added(
  { histograms }: Totals,
  { seconds }: RunCounts,
  name: HistogramName,
): Histogram {
  const known = histograms[name];
  const isUsable = known.counts.length === bounds[name].length + 1;
  return withValues(
    name,
    isUsable ? known : emptyHistogram(name),
    seconds[name],
  );
}
