/** A target that was named and cannot be looked at: no such container, or an engine that does not answer. */
import type { Target } from "../../ports.ts";

export interface UnreachableTargetOptions {
  readonly name: string;
  readonly reason: string;
  readonly remedy: string;
  /** Paths below it are taken to mean the same inside and here, as they mostly do. */
  readonly certbotDir: string;
}

export function unreachableTarget({
  name,
  reason,
  remedy,
  certbotDir,
}: UnreachableTargetOptions): Target {
  const failed = { kind: "failed", reason } as const;
  return {
    name,
    kind: "container",
    inspect: () => Promise.resolve({ kind: "not-running", reason, remedy }),
    dump: () => Promise.resolve(failed),
    test: () => Promise.resolve(failed),
    reload: () => Promise.resolve({ ...failed, remedy }),
    generation: () => Promise.resolve(null),
    isStarting: () => Promise.resolve(false),
    isBusy: () => Promise.resolve(false),
    markErrorLogs: () =>
      Promise.resolve({
        readable: false,
        refusals: () => Promise.resolve([]),
      }),
    localAddresses: () => [],
    reach: () => ({ kind: "unreachable", reason }),
    answers: () => Promise.resolve(null),
    localPath: (path) => (path.startsWith(`${certbotDir}/`) ? path : null),
    identify: () => Promise.resolve([]),
    obstruction: () => Promise.resolve(null),
  };
}
