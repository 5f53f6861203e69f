/** Everything up to the decision, for one Nginx. Looks at the world and changes nothing. */
import { covers } from "../adapters/tls/covers.ts";
import {
  decideAlong,
  type Decision,
  type DecisionRow,
  type Obstacle,
  type Situation,
} from "../core/decision/decide.ts";
import { obstacleFor } from "../core/decision/obstacles.ts";
import type { Culprit } from "../core/report/explain.ts";
import { assess, type Assessment, type Candidate } from "./assess.ts";
import {
  inScope,
  lineagesOf,
  markedCandidates,
  unusedLineages,
} from "./candidates.ts";
import { findCulprits } from "./culprits.ts";
import { discover, type Discovery } from "./discover.ts";
import { notKnownToBeServed } from "./known.ts";
import { isOnlyInEdit } from "./observe.ts";
import { rolledBackFiles } from "./publish/publish.ts";
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
  /** Other sources that were looked at because a reload would load them too, and that it does not concern. */
  readonly bystanders: readonly Assessment[];
  /** Where Nginx's test fails: the sources that make it fail, as far as that can be told. */
  readonly culprits: readonly Culprit[];
  readonly warnings: readonly string[];
}

export function casesToReload({ cases }: Plan): readonly Case[] {
  return cases.filter(({ decision }) => decision.kind === "reload");
}

/** Held back for its own sake, and brought live all the same by a reload that others need. */
export function casesBroughtAlong({ cases }: Plan): readonly Case[] {
  return cases.filter(
    ({ decision, assessment }) =>
      decision.row === "regression" && isDifferent(assessment),
  );
}

/** Everything up to the decision; touches nothing. */
export async function planRun(run: TargetRun): Promise<Plan> {
  const { world, request, target } = run;
  const discovery = await world.stopwatch.time("discover", () =>
    discover(world, target),
  );
  const lineages = await lineagesOf(world, request.scope);
  const candidates =
    discovery.model === null
      ? []
      : await markedCandidates(world, target, discovery.model, {
          lineages,
          meantToBeOld: await rolledBackFiles(world),
        });
  const { about, others } = await splitByScope(run, discovery, candidates);
  const named =
    request.scope.kind === "unsettled" ? request.scope.lineages : lineages;
  const subjects = [...about, ...unusedLineages(candidates, named)];
  const assessments = await assess(
    world,
    discovery,
    subjects,
    assessOptions(run),
  );
  const cases = await Promise.all(
    assessments.map((one) => situate(run, discovery, one, [])),
  );
  const culprits = await findCulprits(run, discovery, candidates);
  if (!cases.some(wantsReload))
    return { discovery, cases, bystanders: [], culprits, warnings: [] };
  return withOthers(run, discovery, cases, others);
}

/** What the record does not speak for is looked at as if somebody had named it, where the scope says so. */
async function splitByScope(
  { world, request: { scope } }: TargetRun,
  discovery: Discovery,
  candidates: readonly Candidate[],
): Promise<ReturnType<typeof inScope>> {
  const { about, others } = inScope(candidates, scope);
  if (scope.kind !== "unsettled") return { about, others };
  const unsettled = new Set(await notKnownToBeServed(world, discovery, others));
  return {
    about: [...about, ...unsettled],
    others: others.filter((candidate) => !unsettled.has(candidate)),
  };
}

function assessOptions({
  request,
  examined,
}: TargetRun): Parameters<typeof assess>[3] {
  return {
    patience: { settleMs: request.settleMs, secondLook: "needed" },
    isForced: request.isForced,
    examined,
  };
}

/**
 * A reload loads every file anew: what else differs from what is served goes live along with it, and is verified and
 * reported too; what else is bad holds the reload back. `--force` speaks for what the run is about, and for nothing else.
 */
async function withOthers(
  run: TargetRun,
  discovery: Discovery,
  cases: readonly Case[],
  others: readonly Candidate[],
): Promise<Plan> {
  const { world } = run;
  const unforced: TargetRun = {
    ...run,
    request: { ...run.request, isForced: false },
  };
  const unknown = await notKnownToBeServed(world, discovery, others);
  const found = await assess(world, discovery, unknown, {
    ...assessOptions(unforced),
    examined: new Map(),
  });
  const changed = found.filter(isDifferent);
  const joining = await Promise.all(
    changed
      .filter(({ weighed }) => weighed.blocking.length === 0)
      .map((one) => situate(unforced, discovery, one, [])),
  );
  const bad = [
    ...cases.map(({ assessment }) => assessment).filter(isDifferent),
    ...changed,
  ].filter(({ weighed }) => weighed.blocking.length > 0);
  const situateAmong = (by: TargetRun) => (one: Case) =>
    situate(
      by,
      discovery,
      one.assessment,
      obstaclesFor(world, one.assessment, bad),
    );
  const decided = allAlong(
    await Promise.all([
      ...cases.map(situateAmong(run)),
      ...joining.filter(wantsReload).map(situateAmong(unforced)),
    ]),
  );
  return {
    discovery,
    cases: decided,
    bystanders: found.filter(
      (one) => !decided.some(({ assessment }) => assessment === one),
    ),
    culprits: [],
    warnings: outlivedObstacles(decided),
  };
}

/** One reload is everybody's. */
function allAlong(cases: readonly Case[]): readonly Case[] {
  if (!cases.some(wantsReload)) return cases;
  return cases.map((one) => ({
    ...one,
    decision: decideAlong(one.situation, one.decision),
  }));
}

function wantsReload({ decision }: Case): boolean {
  return decision.row === "reload" || decision.row === "dry-run";
}

/** A reload would change what clients are handed for this source. */
function isDifferent({ candidate, served }: Assessment): boolean {
  if (candidate.source === null || candidate.source.dynamic) return false;
  return (
    served.kind === "different" ||
    (served.kind === "unseen" && served.evidence !== "loaded")
  );
}

function obstaclesFor(
  world: World,
  assessment: Assessment,
  bad: readonly Assessment[],
): readonly Obstacle[] {
  const { examined, present } = assessment;
  const leaf = examined.examination.leaf;
  if (leaf === null) return [];
  const heldBack = {
    renewedAt: examined.changedAt,
    present,
    validity: leaf,
    isNew: isServedNowhere(assessment),
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

/**
 * At every point that was seen, clients are handed a certificate that does not cover the name they asked for; also where only
 * the configuration on disk has the server block.
 */
function isServedNowhere({ points, plan }: Assessment): boolean {
  const seen = points.filter(
    (point) =>
      point.sight.verdict === "stale" ||
      point.sight.verdict === "live" ||
      isOnlyInEdit(plan, point),
  );
  return (
    seen.length > 0 &&
    seen.every(
      ({ sight, servername }) =>
        (sight.verdict === "stale" || sight.verdict === "unverified") &&
        servername !== null &&
        sight.bundle !== null &&
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
