/** How often values of which size were seen, as Prometheus' histograms have it. Seconds. */

export interface Histogram {
  /** One for each bound, not cumulative, and one for what lies above all of them. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Upper bounds in seconds, each included. */
export const bounds = {
  /** A handshake with Nginx on the same machine, up to the limit of one. */
  probe: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 3, 6],
  /** From the signal to a new generation of workers. */
  reload: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20],
  /** From the renewal to the handshake that showed it: a hook takes a moment, a failure that people mend days. */
  timeToLive: [
    0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 21_600, 86_400, 604_800,
  ],
} as const satisfies Record<string, readonly number[]>;

export type HistogramName = keyof typeof bounds;

export function emptyHistogram(name: HistogramName): Histogram {
  return {
    counts: Array.from({ length: bounds[name].length + 1 }, () => 0),
    sum: 0,
  };
}

export function withValues(
  name: HistogramName,
  { counts, sum }: Histogram,
  seconds: readonly number[],
): Histogram {
  const added = [...counts];
  for (const value of seconds) {
    const place = bounds[name].findIndex((bound) => value <= bound);
    const index = place === -1 ? bounds[name].length : place;
    added[index] = (added[index] ?? 0) + 1;
  }
  return { counts: added, sum: seconds.reduce((a, b) => a + b, sum) };
}
