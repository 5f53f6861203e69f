/** What became of each certificate source, with the reason and the remedy in words. */
import { activeObstacles, decideAfterReload } from "../core/decision/decide.ts";
import type { Outcome } from "../core/decision/outcome.ts";
import type { Generation, TargetRecord } from "../core/decision/record.ts";
import {
  explain,
  explainReload,
  type Circumstances,
  type Explanation,
} from "../core/report/explain.ts";
import { publishedPaths } from "../core/settings/publications.ts";
import type { Assessment, Candidate } from "./assess.ts";
import { lineageFiles } from "./candidates.ts";
import type { Carried } from "./carry-out.ts";
import type { Discovery } from "./discover.ts";
import { servedOf, type ObservedPoint } from "./observe.ts";
import type { Case, Plan } from "./plan.ts";
import type { TargetRun } from "./target-run.ts";
import type { World } from "./world.ts";

/** What became of one certificate source, or of a lineage that the target does not use. */
export interface Concluded extends Explanation {
  readonly target: string;
  readonly assessment: Assessment;
  readonly outcome: Outcome;
  /** After the reload; null where none was made for this source. */
  readonly after: readonly ObservedPoint[] | null;
}

export interface TargetResult {
  readonly discovery: Discovery;
  readonly concluded: readonly Concluded[];
  readonly bystanders: Plan["bystanders"];
  readonly reloads: number;
  /** The newest generation that was seen. */
  readonly generation: Generation | null;
  readonly record: TargetRecord | null;
  readonly warnings: readonly string[];
}

export function conclude(
  run: TargetRun,
  plan: Plan,
  carried: Carried | null,
): TargetResult {
  const { discovery, cases, bystanders, warnings } = plan;
  const { state, known } = discovery;
  const generation =
    carried?.reloaded.generation ??
    (state.kind === "running" ? state.generation : null);
  return {
    discovery,
    concluded: cases.map((one) => concludeCase(run, plan, one, carried)),
    bystanders,
    reloads: carried?.reloaded.effect.kind === "new-generation" ? 1 : 0,
    generation,
    record: carried?.record ?? known.target,
    warnings: [
      ...warnings,
      ...(carried?.warnings ?? []),
      ...loadedEdits(discovery, carried),
    ],
  };
}

/** What people have edited goes live along with the certificate: they should know. */
function loadedEdits(
  { pendingFiles }: Discovery,
  carried: Carried | null,
): readonly string[] {
  const isLoaded = carried?.reloaded.effect.kind === "new-generation";
  if (!isLoaded || pendingFiles.length === 0) return [];
  const files = pendingFiles.map(({ path }) => path).join(", ");
  return [`the reload also loaded what had been edited in ${files}`];
}

function concludeCase(
  run: TargetRun,
  plan: Plan,
  one: Case,
  carried: Carried | null,
): Concluded {
  const { assessment, decision } = one;
  const target = run.target.name;
  if (decision.kind === "conclude") {
    const after = carried?.after.get(one) ?? null;
    const explanation = explain(decision.row, {
      ...circumstancesOf(run, plan, one),
      broughtAlongTo:
        after?.filter(({ sight }) => sight.verdict === "live").map(pointName) ??
        [],
    });
    return {
      target,
      assessment,
      outcome: decision.outcome,
      after,
      ...explanation,
    };
  }
  if (carried === null)
    throw new Error("a reload was decided and not carried out");
  const after = carried.after.get(one) ?? [];
  const outcome = decideAfterReload(
    carried.reloaded.effect,
    servedOf(after, "loaded"),
  );
  const explanation = explainReload(outcome, {
    ...circumstancesOf(run, plan, one),
    nginxErrors:
      carried.reloaded.reason === null ? [] : [carried.reloaded.reason],
    nginxRemedy: carried.reloaded.remedy,
    stalePoints: after.filter(isWrong).map(pointName),
    brokenPoints: after.filter(isBroken).map(pointName),
    livePoints: after.filter(({ sight }) => sight.verdict === "live").length,
  });
  return { target, assessment, outcome, after, ...explanation };
}

function publicationOf({ settings }: World, file: string): string | null {
  const found = settings.publish.find((setting) =>
    publishedPaths(setting).some(({ path }) => path === file),
  );
  return found?.name ?? null;
}

function isWrong({ sight }: ObservedPoint): boolean {
  return sight.verdict === "stale" || sight.verdict === "broken";
}

function isBroken({ sight }: ObservedPoint): boolean {
  return sight.verdict === "broken";
}

function pointName({ address, servername }: ObservedPoint): string {
  return servername === null ? address : `${address} (${servername})`;
}

/** A server block may hold a certificate without a listener that speaks TLS. */
function isHandedOut({ candidate, plan }: Assessment): boolean {
  return plan === null
    ? (candidate.source?.servers.length ?? 0) > 0
    : plan.points.length + plan.unprobeable.length > 0;
}

function livePair({ lineage, source }: Candidate): Circumstances["livePair"] {
  if (lineage === null) return null;
  const { certificate, key } = lineageFiles(lineage);
  return { certificate, key: source?.key == null ? null : key };
}

function circumstancesOf(
  { world }: TargetRun,
  { discovery, culprits }: Plan,
  { assessment, situation }: Case,
): Circumstances {
  const { candidate, examined, weighed, points } = assessment;
  const { state } = discovery;
  return {
    argument: candidate.lineage?.name ?? null,
    label: candidate.lineage?.name ?? examined.label,
    findings: weighed.findings,
    obstacles: activeObstacles(situation),
    isForced: situation.isForced,
    broughtAlongTo: [],
    nginxErrors: discovery.errors,
    culprits,
    directive:
      candidate.source === null
        ? null
        : `${candidate.source.file}:${String(candidate.source.line)}`,
    isHandedOut: isHandedOut(assessment),
    certificate: candidate.files.certificate,
    publication: publicationOf(world, candidate.files.certificate),
    livePair: livePair(candidate),
    obstruction: candidate.obstruction,
    startRemedy: "remedy" in state ? (state.remedy ?? null) : null,
    nginx: state.kind,
    masterPid: state.kind === "running" ? state.generation.master.pid : null,
    draining: situation.drainingGenerations,
    pendingFiles: discovery.pendingFiles.map(({ path }) => path),
    stalePoints: points.filter(isWrong).map(pointName),
    brokenPoints: points.filter(isBroken).map(pointName),
    loadedFiles: [candidate.files.certificate, candidate.files.key].filter(
      (path) => path !== null,
    ),
  };
}
