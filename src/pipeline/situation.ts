/** Gathers for one certificate source all that the decision table asks for. */
import { certbotAtWork } from "../adapters/certbot/at-work.ts";
import { isAlive } from "../adapters/process/processes.ts";
import {
  decide,
  type Obstacle,
  type Situation,
} from "../core/decision/decide.ts";
import {
  drainingGenerations,
  reloadHistory,
  type ReloadState,
} from "../core/decision/generations.ts";
import { isUrgent } from "../core/decision/obstacles.ts";
import type { Assessment, Candidate } from "./assess.ts";
import type { Discovery } from "./discover.ts";
import type { Case } from "./plan.ts";
import type { TargetRun } from "./target-run.ts";
import type { World } from "./world.ts";

export async function situate(
  run: TargetRun,
  discovery: Discovery,
  assessment: Assessment,
  obstacles: readonly Obstacle[],
): Promise<Case> {
  const { world, request, target } = run;
  const { state, known } = discovery;
  const { candidate, weighed, served, present } = assessment;
  const reloadState = reloadStateOf(discovery, assessment);
  const history =
    reloadState === null
      ? { made: 0, isOpen: false }
      : reloadHistory(known.target?.attempts ?? [], reloadState);
  const isRunning = state.kind === "running";
  const situation: Situation = {
    fatal: weighed.blocking.filter(({ severity }) => severity === "fatal"),
    regressions: weighed.blocking.filter(
      ({ severity }) => severity === "regression",
    ),
    nginx: isRunning
      ? "running"
      : (await isStoppedByCertbot(world, candidate))
        ? "stopped-by-certbot"
        : "not-running",
    configuration: discovery.configuration,
    isReferenced: candidate.source !== null,
    isOutdatedCopy: candidate.isOutdatedCopy,
    isPinned: candidate.obstruction?.kind === "pinned",
    isDynamic: candidate.source?.dynamic ?? false,
    served,
    reloadsMade: history.made,
    isStillReloading:
      history.isOpen &&
      isRunning &&
      (await target.isBusy(state.generation.master)),
    masterIsStopped: isRunning && state.stopped,
    obstacles,
    drainingGenerations: isRunning ? drainingGenerations(state.generation) : 0,
    drainingLimit: world.settings.limits.drainingGenerations,
    isUrgent: isUrgent(present, world.now()),
    configurationMustRest: await mustRest(run, discovery),
    isForced: request.isForced,
    isDryRun: request.isDryRun,
    now: world.now(),
  };
  return { assessment, situation, decision: decide(situation) };
}

export function reloadStateOf(
  { state, digest }: Discovery,
  { candidate, examined }: Assessment,
): ReloadState | null {
  if (state.kind !== "running" || digest === null || candidate.source === null)
    return null;
  return {
    source: candidate.source.id,
    filesKey: examined.filesKey,
    configuration: digest,
    generation: state.generation,
  };
}

/** A hook of Certbot's may have stopped Nginx, and another will start it, as long as that Certbot is alive. */
async function isStoppedByCertbot(
  world: World,
  { lineage }: Candidate,
): Promise<boolean> {
  if (world.certbot !== null) return true;
  const queued = await world.store.queue.list();
  return queued.some(
    ({ entry }) =>
      entry.lineage.path === lineage?.path &&
      entry.certbot !== null &&
      isAlive(entry.certbot),
  );
}

/** Edited files that nobody asked to load rest for a while, and while a Certbot may be editing them for a challenge. */
async function mustRest(
  { world, request }: TargetRun,
  { pendingFiles }: Discovery,
): Promise<boolean> {
  if (request.trigger !== "automatic" || pendingFiles.length === 0)
    return false;
  const newestMs = Math.max(
    ...pendingFiles.map(({ modifiedNs }) =>
      Number(BigInt(modifiedNs) / 1_000_000n),
    ),
  );
  const quietMs = world.now().getTime() - newestMs;
  if (quietMs < world.settings.limits.quietConfigurationMs) return true;
  return certbotAtWork(world.settings.certbotDir);
}
