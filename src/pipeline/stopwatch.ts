import type { Log } from "../adapters/log/log.ts";

/** Adds up how long the steps of a run took, and tells the log when each begins. */
export interface Stopwatch {
  time<Result>(step: string, work: () => Promise<Result>): Promise<Result>;
  /** One of many things that happen within a step, maybe at once. */
  sample<Result>(kind: string, work: () => Promise<Result>): Promise<Result>;
  /** How long each of that kind took, in ms. */
  samples(kind: string): readonly number[];
  /** Whole ms by step, with the `total` since the stopwatch was started. */
  readings(): Readonly<Record<string, number>>;
}

export function startStopwatch(log: Log): Stopwatch {
  const startedMs = performance.now();
  const spentMs = new Map<string, number>();
  const samplesMs = new Map<string, number[]>();
  return {
    async time(step, work) {
      log.debug("step", { step });
      const beganMs = performance.now();
      try {
        return await work();
      } finally {
        spentMs.set(
          step,
          (spentMs.get(step) ?? 0) + performance.now() - beganMs,
        );
      }
    },
    async sample(kind, work) {
      const beganMs = performance.now();
      try {
        return await work();
      } finally {
        const taken = samplesMs.get(kind) ?? [];
        taken.push(performance.now() - beganMs);
        samplesMs.set(kind, taken);
      }
    },
    samples: (kind) => samplesMs.get(kind) ?? [],
    readings() {
      const steps = [
        ...spentMs,
        ["total", performance.now() - startedMs] as const,
      ];
      return Object.fromEntries(
        steps.map(([step, ms]) => [step, Math.round(ms)]),
      );
    },
  };
}
