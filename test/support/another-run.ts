import { takeLock } from "../../src/adapters/store/lock.ts";
import type { LivecertBed } from "./livecert.ts";

/** Another run holds the lock and does not end before this has. */
export async function besideAnotherRun<Result>(
  { runDirectory }: LivecertBed,
  work: () => Promise<Result>,
): Promise<Result> {
  const lock = await takeLock({
    runDir: runDirectory,
    waitMs: 0,
    command: "deploy",
    signal: new AbortController().signal,
  });
  try {
    return await work();
  } finally {
    lock[Symbol.dispose]();
  }
}
