/** Everything up to the decision, for one Nginx. Looks at the world and changes nothing. */
import pMap from "p-map";
import { covers } from "../adapters/tls/covers.ts";
import type {
  Decision,
  DecisionRow,
  Obstacle,
  Situation,
} from "../core/decision/decide.ts";
import {
  continuedGenerations,
  filesKey,
  isSameGeneration,
} from "../core/decision/generations.ts";
import { obstacleFor } from "../core/decision/obstacles.ts";
import { assess, type Assessment, type Candidate } from "./assess.ts";
import {
  candidatesOf,
  inScope,
  lineagesOf,
  markOutdatedCopies,
  unusedLineages,
} from "./candidates.ts";
import { discover, type Discovery } from "./discover.ts";
import { identifyFiles, sourceId } from "./examine.ts";
import type { ObservedPoint } from "./observe.ts";
import { situate } from "./situation.ts";
import type { TargetRun } from "./target-run.ts";
import type { World } from "./world.ts";

/** One certificate source with everything that decides, and what was decided. */
export interface Case {
  readonly assessment: Assessment;
  readonly situation: Situation;
  readonly decision: Decision & { readonly row: DecisionRow };
}

export interface Plan {
  readonly discovery: Discovery;
  readonly cases: readonly Case[];
  readonly warnings: readonly string[];
}

export function casesToReload({ cases }: Plan): readonly Case[] {
  return cases.filter(({ decision }) => decision.kind === "reload");
}

/** Everything up to the decision; touches nothing. */
export async function planRun(run: TargetRun): Promise<Plan> {
  const { world, request, target } = run;
  const discovery = await world.stopwatch.time("discover", () =>
    discover(world, target),
  );
  const lineages = await lineagesOf(world, request.scope);
  const known =
    discovery.model === null
      ? []
      : candidatesOf(world, target, discovery.model, lineages);
  const candidates = await markOutdatedCopies(known, lineages);
  const { about, others } = inScope(candidates, request.scope);
  const subjects = [...about, ...unusedLineages(candidates, lineages)];
  const assessments = await assess(
    world,
    discovery,
    subjects,
    assessOptions(run),
  );
  const cases = await Promise.all(
    assessments.map((one) => situate(run, discovery, one, [])),
  );
  if (!cases.some(wantsReload)) return { discovery, cases, warnings: [] };
  return withOthers(run, discovery, cases, others);
}

function assessOptions({
  request,
  examined,
}: TargetRun): Parameters<typeof assess>[3] {
  return { settleMs: request.settleMs, isForced: request.isForced, examined };
}

/**
 * A reload loads every file anew: what else differs from what is served goes live along with it, and is verified and
 * reported too; what else is bad holds the reload back.
 */
async function withOthers(
  run: TargetRun,
  discovery: Discovery,
  cases: readonly Case[],
  others: readonly Candidate[],
): Promise<Plan> {
  const { world } = run;
  const unknown = await notKnownToBeServed(world, discovery, others);
  const found = await assess(world, discovery, unknown, {
    ...assessOptions(run),
    examined: new Map(),
  });
  const changed = found.filter(isDifferent);
  const joining = await Promise.all(
    changed
      .filter(({ weighed }) => weighed.blocking.length === 0)
      .map((one) => situate(run, discovery, one, [])),
  );
  const bad = [
    ...cases.map(({ assessment }) => assessment).filter(isDifferent),
    ...changed,
  ].filter(({ weighed }) => weighed.blocking.length > 0);
  const decided = await Promise.all(
    [...cases, ...joining.filter(wantsReload)].map(({ assessment }) =>
      situate(run, discovery, assessment, obstaclesFor(world, assessment, bad)),
    ),
  );
  return { discovery, cases: decided, warnings: outlivedObstacles(decided) };
}

function wantsReload({ decision }: Case): boolean {
  return decision.row === "reload" || decision.row === "dry-run";
}

/** A reload would change what clients are handed for this source. */
function isDifferent({ candidate, served }: Assessment): boolean {
  if (candidate.source === null || candidate.source.dynamic) return false;
  return (
    served.kind === "different" ||
    (served.kind === "unseen" && served.evidence === "not-loaded")
  );
}

function obstaclesFor(
  world: World,
  assessment: Assessment,
  bad: readonly Assessment[],
): readonly Obstacle[] {
  const { examined, present, points } = assessment;
  const leaf = examined.examination.leaf;
  if (leaf === null) return [];
  const heldBack = {
    renewedAt: examined.changedAt,
    present,
    validity: leaf,
    isNew: isServedNowhere(points),
  };
  return bad
    .filter((other) => other !== assessment)
    .map((other) =>
      obstacleFor(
        heldBack,
        { label: other.examined.label, blocking: other.weighed.blocking },
        world.settings.holdbackMs,
      ),
    )
    .filter((obstacle) => obstacle !== null);
}

/** At every point that was seen, clients are handed a certificate that does not cover the name they asked for. */
function isServedNowhere(points: readonly ObservedPoint[]): boolean {
  const seen = points.filter(
    ({ sight }) => sight.verdict === "stale" || sight.verdict === "live",
  );
  return (
    seen.length > 0 &&
    seen.every(
      ({ sight, servername }) =>
        sight.verdict === "stale" &&
        servername !== null &&
        !covers(sight.bundle.leaf, servername),
    )
  );
}

/** The reload goes ahead in spite of a bad source, whose time is over: said loudly. */
function outlivedObstacles(cases: readonly Case[]): readonly string[] {
  const outlived = cases
    .filter(wantsReload)
    .flatMap(({ situation }) => situation.obstacles);
  return [
    ...new Set(
      outlived.map(
        ({ label, message }) =>
          `the reload also brings ${label} live, which is bad: ${message}`,
      ),
    ),
  ];
}

/** The record suffices for sources that nobody named and whose files and workers are those of the last look. */
async function notKnownToBeServed(
  world: World,
  discovery: Discovery,
  others: readonly Candidate[],
): Promise<readonly Candidate[]> {
  const unknown = await pMap(others, async (candidate) => {
    return (await isKnownToBeServed(world, discovery, candidate))
      ? []
      : [candidate];
  });
  return unknown.flat();
}

async function isKnownToBeServed(
  world: World,
  discovery: Discovery,
  candidate: Candidate,
): Promise<boolean> {
  const { target, state, known } = discovery;
  if (state.kind !== "running") return false;
  const record = await world.store.sources.get(sourceId(candidate.files));
  const seen = record?.seen.find((one) => one.target === target.name);
  if (seen === undefined) return false;
  const line = continuedGenerations(known.target, state.generation);
  if (!line.some((generation) => isSameGeneration(generation, seen.generation)))
    return false;
  const files = await identifyFiles(candidate.files);
  return filesKey(files) === filesKey(seen.files);
}
