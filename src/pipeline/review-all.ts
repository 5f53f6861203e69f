/**
 * Where no watcher runs, somebody must look from time to time whether everything that Nginx serves is renewed in time and
 * live, also what no hook was ever called for. Nothing is reloaded on account of it.
 */
import { certbotAtWork } from "../adapters/certbot/at-work.ts";
import { keepIncidents } from "./alerts.ts";
import { readBook } from "./book.ts";
import type { TargetResult } from "./conclude.ts";
import { whileLocked } from "./run-lock.ts";
import { runTarget } from "./target-run.ts";
import type { RunRequest, World } from "./world.ts";

const everyMs = 12 * 3_600_000;

/** Whether somebody listens, nobody has looked for half a day, and no Certbot is in the middle of something. */
export async function isReviewDue(world: World): Promise<boolean> {
  if (world.settings.notify.length === 0) return false;
  const { reviewedAt } = await readBook(world, "all");
  const agoMs =
    reviewedAt === null
      ? Infinity
      : Math.abs(world.now().getTime() - Date.parse(reviewedAt));
  if (agoMs < everyMs) return false;
  const queued = await world.store.queue.list();
  return (
    queued.length === 0 && !(await certbotAtWork(world.settings.certbotDir))
  );
}

/**
 * Answers with what could not be written.
 *
 * @throws LivecertError `locked`
 */
export async function reviewAll(
  world: World,
  run: string,
): Promise<readonly string[]> {
  const request: RunRequest = {
    run,
    command: "retry",
    trigger: "automatic",
    scope: { kind: "all" },
    isForced: false,
    isDryRun: true,
    settleMs: world.settings.limits.settleHookMs,
  };
  const { command } = request;
  const waitMs = world.settings.limits.lockMs;
  return whileLocked(world, { command, waitMs }, async () => {
    const results: TargetResult[] = [];
    for (const target of world.targets)
      results.push(
        await runTarget({ world, request, target, examined: new Map() }),
      );
    return keepIncidents(world, request, results, null);
  });
}
