/** Questions about worker generations; the process table is read in adapters/nginx. */
import type { FileIdentity } from "../lineage/lineage.ts";
import type {
  Generation,
  ProcessIdentity,
  ReloadAttempts,
  SignalledReload,
  TargetRecord,
} from "./record.ts";

export function isSameProcess(
  one: ProcessIdentity,
  other: ProcessIdentity,
): boolean {
  return one.pid === other.pid && one.startTicks === other.startTicks;
}

/** Same master and the same accepting workers; draining ones do not matter. */
export function isSameGeneration(one: Generation, other: Generation): boolean {
  return (
    isSameProcess(one.master, other.master) &&
    one.workers.length === other.workers.length &&
    one.workers.every((worker, index) => {
      const match = other.workers[index];
      return match !== undefined && isSameProcess(worker, match);
    })
  );
}

/**
 * A reload has taken effect when there are new workers and every old one is gone or drains; until then both accept.
 * Source: https://nginx.org/en/docs/control.html#reconfiguration
 */
export function hasTakenEffect(before: Generation, after: Generation): boolean {
  return (
    isSameProcess(before.master, after.master) &&
    after.workers.length > 0 &&
    !after.workers.some((worker) => isOf(before, worker))
  );
}

/**
 * There are new workers: whatever the old ones still do, the master has read its configuration and every certificate. On
 * a machine that is short of CPU time it may be seconds until the old ones have heard of it.
 */
export function hasBegun(before: Generation, after: Generation): boolean {
  return (
    isSameProcess(before.master, after.master) &&
    after.workers.some((worker) => !isOf(before, worker))
  );
}

function isOf({ workers }: Generation, worker: ProcessIdentity): boolean {
  return workers.some((one) => isSameProcess(one, worker));
}

/** The line of generations that the record knows, as far as it leads to the workers that run now. */
export function continuedGenerations(
  record: TargetRecord | null,
  generation: Generation,
): readonly Generation[] {
  const newest = record?.generations.at(-1);
  const continues =
    newest !== undefined && isSameGeneration(newest, generation);
  return continues && record !== null ? record.generations : [generation];
}

/** Workers of one generation start within a moment; clock ticks are 1/100 s (USER_HZ, proc(5)). */
const ticksBetweenGenerations = 50;

/** How many old generations still drain. */
export function drainingGenerations(generation: Generation): number {
  const starts = generation.draining
    .map((worker) => Number(worker.startTicks))
    .sort((one, other) => one - other);
  return starts.filter((start, index) => {
    const previous = starts[index - 1];
    return previous === undefined || start - previous > ticksBetweenGenerations;
  }).length;
}

/** Identifies one version of a set of files, for comparison with a record. */
export function filesKey(files: readonly FileIdentity[]): string {
  return files
    .map((file) =>
      [
        file.resolved,
        file.device,
        file.inode,
        file.sizeBytes,
        file.modifiedNs,
        file.changedNs,
      ].join(" "),
    )
    .sort()
    .join("\n");
}

export interface ReloadHistory {
  readonly made: number;
  /** The newest signal may still be at work. */
  readonly isOpen: boolean;
}

/** What a reload is made for; another state has an allowance of its own. */
export interface ReloadState {
  /** Id of the certificate source. */
  readonly source: string;
  readonly filesKey: string;
  /** Digest of the dump. */
  readonly configuration: string;
  readonly generation: Generation;
}

/** What the record says of the reloads made for exactly this state. */
export function reloadHistory(
  attempts: readonly ReloadAttempts[],
  state: ReloadState,
): ReloadHistory {
  const found = attempts.find((one) => isForState(one, state));
  if (found === undefined) return { made: 0, isOpen: false };
  const made = found.signalled.filter(
    ({ effect, generation }) =>
      effect === "new-generation" ||
      effect === "unseen" ||
      (effect === "open" && !isSameGeneration(generation, state.generation)),
  ).length;
  const newest = found.signalled.at(-1);
  const isOpen =
    newest?.effect === "open" &&
    isSameGeneration(newest.generation, state.generation);
  return { made, isOpen };
}

function isForState(attempts: ReloadAttempts, state: ReloadState): boolean {
  return (
    attempts.source === state.source &&
    attempts.files === state.filesKey &&
    attempts.configuration === state.configuration &&
    isSameProcess(attempts.master, state.generation.master)
  );
}

/** The attempts with one more signal, given for all these states at once; those of another master are forgotten. */
export function withSignal(
  attempts: readonly ReloadAttempts[],
  states: readonly ReloadState[],
): readonly ReloadAttempts[] {
  const others = attempts.filter(
    (one) => !states.some(({ source }) => source === one.source),
  );
  const current = states.map((state): ReloadAttempts => {
    const found = attempts.find((one) => isForState(one, state));
    const signal = { generation: state.generation, effect: "open" } as const;
    return {
      source: state.source,
      files: state.filesKey,
      master: state.generation.master,
      configuration: state.configuration,
      signalled: [...(found?.signalled ?? []), signal],
    };
  });
  const master = states[0]?.generation.master;
  return [...others, ...current].filter(
    (one) => master === undefined || isSameProcess(one.master, master),
  );
}

/** The attempts once it is known what became of the newest signal. */
export function withEffect(
  attempts: readonly ReloadAttempts[],
  sources: ReadonlySet<string>,
  effect: SignalledReload["effect"],
): readonly ReloadAttempts[] {
  return attempts.map((one) => {
    const newest = one.signalled.at(-1);
    if (newest === undefined || !sources.has(one.source)) return one;
    return {
      ...one,
      signalled: [...one.signalled.slice(0, -1), { ...newest, effect }],
    };
  });
}
