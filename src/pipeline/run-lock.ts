/** The lock that all runs share, held while a run does its work. */
import { takeLock } from "../adapters/store/lock.ts";
import type { World } from "./world.ts";

/** @throws as `takeLock` and the work do */
export async function whileLocked<Result>(
  world: World,
  { command, waitMs }: { readonly command: string; readonly waitMs: number },
  work: () => Promise<Result>,
): Promise<Result> {
  const { settings, signal, stopwatch, log } = world;
  const { runDir } = settings;
  using lock = await stopwatch.time("lock", () =>
    takeLock({ runDir, waitMs, command, signal }),
  );
  log.debug("lock taken", { waitedMs: Math.round(lock.waitedMs) });
  return await work();
}
