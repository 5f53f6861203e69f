/** Changes that follow each other closely are one burst, which is waited for to end. */
import type { Rhythm } from "./rhythm.ts";

/** When a burst of changes began, and when the last of them came. */
export interface Burst {
  readonly firstMs: number;
  readonly lastMs: number;
}

export function continued(burst: Burst | null, now: number): Burst {
  return { firstMs: burst?.firstMs ?? now, lastMs: now };
}

/** A clock that was set back: nothing began after now. */
export function past({ firstMs, lastMs }: Burst, now: number): Burst {
  return { firstMs: Math.min(firstMs, now), lastMs: Math.min(lastMs, now) };
}

/** All bursts are one: the run waits until nothing has changed for a while, but not longer than the limit. */
export function quietAt(
  bursts: readonly Burst[],
  quietMs: number,
  { settleMs }: Rhythm,
): number {
  const last = Math.max(...bursts.map(({ lastMs }) => lastMs));
  const first = Math.min(...bursts.map(({ firstMs }) => firstMs));
  return Math.min(last + quietMs, first + settleMs);
}
