import { composeWorld, newRunId } from "../../compose.ts";
import type { Lineage } from "../../core/lineage/lineage.ts";
import type { RunDocument } from "../../core/report/document.ts";
import { LivecertError } from "../../errors.ts";
import { isDelay, lockedRun } from "../../pipeline/locked-run.ts";
import { pendingNow } from "../../pipeline/pending.ts";
import { isReviewDue, reviewAll } from "../../pipeline/review-all.ts";
import type { RunRequest, Scope, World } from "../../pipeline/world.ts";
import { readPresence } from "../../service/presence.ts";
import type { Invocation, NoArguments } from "../invocation.ts";
import { reportFailure, sendAtEnd } from "../notify.ts";
import { printRun } from "../print-run.ts";
import { measureAtEnd } from "../textfile.ts";

/**
 * Everything that is pending or queued. A timer or crontab runs it too, where an edit of Nginx's configuration that nobody
 * has loaded yet rests first; a person at a terminal asks for the reload, as with `deploy`.
 */
export async function run(
  invocation: Invocation<NoArguments>,
): Promise<number> {
  const world = await composeWorld(invocation);
  const request: RunRequest = {
    run: newRunId(),
    command: "retry",
    trigger: invocation.stderr.terminal ? "person" : "automatic",
    scope: await pendingScope(world),
    isForced: false,
    isDryRun: false,
    settleMs: world.settings.limits.settleHookMs,
  };
  const document = await runLocked(invocation, world, request);
  await reportFailure(invocation, world, document);
  const exitCode = await printRun(invocation, document);
  await review(world);
  await sendAtEnd(invocation, world);
  await measureAtEnd(world, document);
  return exitCode;
}

/** Where it waits in vain, that is sent before the error is printed. */
async function runLocked(
  invocation: Invocation<NoArguments>,
  world: World,
  request: RunRequest,
): Promise<RunDocument> {
  const { lockMs } = world.settings.limits;
  const options = { own: [], lockWaitMs: lockMs, limitMs: null };
  try {
    return await lockedRun(world, request, options);
  } catch (error) {
    if (isDelay(error)) await sendAtEnd(invocation, world);
    throw error;
  }
}

/** A watcher looks by itself. The answer was given before, so that a review that cannot be made is only logged. */
async function review(world: World): Promise<void> {
  if ((await readPresence(world.settings.runDir)) !== null) return;
  if (!(await isReviewDue(world))) return;
  try {
    for (const warning of await reviewAll(world, newRunId()))
      world.log.warn(warning);
  } catch (error) {
    if (!(error instanceof LivecertError)) throw error;
    world.log.warn("not everything was looked at; the next retry does it", {
      error,
    });
  }
}

async function pendingScope(world: World): Promise<Scope> {
  const pending = await pendingNow(world);
  const lineages = new Map<string, Lineage>();
  const certificates: string[] = [];
  for (const { lineage, certificate } of pending) {
    if (lineage !== null) lineages.set(lineage.path, lineage);
    else if (certificate !== null) certificates.push(certificate);
  }
  return { kind: "named", lineages: [...lineages.values()], certificates };
}
