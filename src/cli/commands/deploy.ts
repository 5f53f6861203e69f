import { findLineage } from "../../adapters/certbot/lineages.ts";
import { composeWorld, newRunId } from "../../compose.ts";
import { lockedRun } from "../../pipeline/locked-run.ts";
import { queueEntry } from "../../pipeline/queue.ts";
import type { RunRequest, Scope, World } from "../../pipeline/world.ts";
import type { DeployArguments, Invocation } from "../invocation.ts";
import { sendAtEnd } from "../notify.ts";
import { printRun } from "../print-run.ts";
import { measureAtEnd } from "../textfile.ts";

/** The pipeline by hand: the named lineages, or everything. */
export async function run(
  invocation: Invocation<DeployArguments>,
): Promise<number> {
  const { force, dryRun, lineages } = invocation.arguments;
  if (dryRun) invocation.leaveNoTrace();
  const world = await composeWorld(invocation, { isDryRun: dryRun });
  const request: RunRequest = {
    run: newRunId(),
    command: "deploy",
    trigger: "person",
    scope: await scopeOf(world, lineages),
    isForced: force,
    isDryRun: dryRun,
    settleMs: world.settings.limits.settleHookMs,
  };
  const document = await runLocked(world, request);
  const exitCode = await printRun(invocation, document);
  if (!dryRun) await sendAtEnd(invocation, world);
  if (!dryRun) await measureAtEnd(world, document);
  return exitCode;
}

async function scopeOf(world: World, names: readonly string[]): Promise<Scope> {
  if (names.length === 0) return { kind: "all" };
  const lineages = await Promise.all(
    names.map((name) => findLineage(name, world.settings.certbotDir)),
  );
  return { kind: "named", lineages, certificates: [] };
}

function runLocked(
  world: World,
  request: RunRequest,
): ReturnType<typeof lockedRun> {
  const named = request.scope.kind === "named" ? request.scope.lineages : [];
  return lockedRun(world, request, {
    own: named.map((lineage) => queueEntry(world, lineage, null)),
    lockWaitMs: world.settings.limits.lockMs,
    limitMs: null,
  });
}
