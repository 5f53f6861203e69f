import type { Settings } from "../settings/settings.ts";

/** How often things happen, all in ms. */
export interface Rhythm {
  /** No change for this long: a burst has ended. */
  readonly quietMs: number;
  /** The same where no Certbot could be seen if there were one. */
  readonly quietBlindMs: number;
  /** The longest wait for a subject that is half written, and for a burst that does not end. */
  readonly settleMs: number;
  /** How soon what made a run wait is looked at again. */
  readonly lookAgainMs: number;
  /** The longest wait for a Certbot that is at work. */
  readonly certbotWaitMs: number;
  readonly retryFirstMs: number;
  readonly retryLongestMs: number;
  /** The longest pause after a run that did not come to its end. */
  readonly brokenLongestMs: number;
  readonly reconcileMs: number;
  readonly sweepMs: number;
}

export function rhythmOf({ watch: timing, limits }: Settings): Rhythm {
  return {
    quietMs: timing.quietMs,
    quietBlindMs: timing.quietUnseenMs,
    settleMs: limits.settleWatcherMs,
    lookAgainMs: timing.quietMs,
    certbotWaitMs: limits.certbotWaitMs,
    retryFirstMs: timing.retryFirstMs,
    retryLongestMs: timing.retryLongestMs,
    brokenLongestMs: Math.min(10 * timing.retryFirstMs, timing.retryLongestMs),
    reconcileMs: timing.reconcileMs,
    sweepMs: timing.sweepMs,
  };
}

/** How much of an interval chance may add. */
const jitterShare = 0.25;

/** From the interval itself to a quarter more. */
export function jittered(intervalMs: number, chance: number): number {
  return intervalMs * (1 + jitterShare * chance);
}

/** Doubles with each attempt, from the first interval to the longest; never ends. */
export function backoffMs(
  { retryFirstMs, retryLongestMs }: Rhythm,
  attempts: number,
  chance: number,
): number {
  // Beyond 2^40 the ceiling has long been reached.
  const doubled = retryFirstMs * 2 ** Math.min(attempts - 1, 40);
  return Math.min(
    jittered(doubled, chance),
    jittered(retryLongestMs / (1 + jitterShare), chance),
  );
}
