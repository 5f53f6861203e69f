/** One set of files, within a limit of its own. */
import { publishSet } from "../../adapters/publish/publish.ts";
import type { Task } from "./outcome.ts";

/** Longer than any disk takes; what waits behind it is a hook. */
const writeLimitMs = 20_000;

export function write(
  { world, setting }: Task,
  what: Pick<
    Parameters<typeof publishSet>[0],
    "version" | "contents" | "adopt" | "kept"
  >,
): ReturnType<typeof publishSet> {
  const { program, signal, stopwatch } = world;
  return stopwatch.time("publish", () =>
    publishSet({
      setting,
      program,
      signal,
      now: world.now(),
      timeoutMs: writeLimitMs,
      ...what,
    }),
  );
}
