/**
 * One run, in the order of the contract:
 *
 *     discover → snapshot → validate → probe → decide → test → reload → verify → record → report
 *
 * What is published (publish/) is published once its lineage is known to be sound, before any Nginx is looked at.
 *
 * It handles any number of certificate sources and ends in at most one reload per target.
 */
import pMap from "p-map";
import { warningsOf } from "../adapters/store/failure.ts";
import { keepCertificates } from "../adapters/tls/kept-certificates.ts";
import type {
  PublicationReport,
  RunDocument,
} from "../core/report/document.ts";
import { keepIncidents } from "./alerts.ts";
import { lineageFiles } from "./candidates.ts";
import {
  examineSource,
  patienceWithNamed,
  sourceId,
  type Examined,
} from "./examine.ts";
import { countRun } from "./count.ts";
import { recordRun } from "./record.ts";
import { publishAll } from "./publish/publish.ts";
import { reportRun } from "./report.ts";
import type { TargetResult } from "./conclude.ts";
import { runTarget } from "./target-run.ts";
import { unjudgedTargets } from "./unjudged.ts";
import type { RunRequest, World } from "./world.ts";

export async function run(
  world: World,
  request: RunRequest,
): Promise<RunDocument> {
  const kept =
    request.scope.kind === "all"
      ? keepCertificates(world.settings.runDir)
      : null;
  const named = await world.stopwatch.time("validate", () =>
    examineNamed(world, request),
  );
  const { reports, examined, warnings } = await publishAll(
    world,
    request,
    named,
  );
  const all: TargetResult[] = [];
  for (const target of world.targets) {
    all.push(await runTarget({ world, request, target, examined }));
  }
  const results = leaveToUsers(all);
  const unwritten = request.isDryRun
    ? []
    : await world.stopwatch.time("record", () =>
        recordAll(world, request, results, reports),
      );
  if (!request.isDryRun) await kept?.save();
  const hints = unusedHints(world, results);
  const unjudged = unjudgedTargets(results, request);
  // Of a single target the words of Nginx tell it.
  const untold = results.length < 2 ? [] : unjudged;
  return reportRun(world, request, {
    results,
    unjudged,
    publications: reports,
    warnings: [
      ...warnings,
      ...unwritten,
      ...untold.map(({ target, reason }) => `${target}: ${reason}`),
      ...hints,
    ],
  });
}

/** Where one target uses a lineage, the others have nothing to say of it, whatever state they are in. */
function leaveToUsers(
  results: readonly TargetResult[],
): readonly TargetResult[] {
  const used = new Set(
    results
      .flatMap(({ concluded }) => concluded)
      .filter(({ assessment }) => assessment.candidate.source !== null)
      .map(({ assessment }) => assessment.candidate.lineage?.path),
  );
  return results.map((result) => ({
    ...result,
    concluded: result.concluded.filter(
      ({ assessment: { candidate } }) =>
        candidate.source !== null || !used.has(candidate.lineage?.path),
    ),
  }));
}

async function recordAll(
  world: World,
  request: RunRequest,
  results: readonly TargetResult[],
  publications: readonly PublicationReport[],
): Promise<readonly string[]> {
  const counted = await countRun(world, request, results);
  const unwritten = await recordRun(world, request, results);
  const untold = await keepIncidents(world, request, results, publications);
  return [...unwritten, ...untold, ...warningsOf([counted])];
}

/** A named lineage is read before Nginx is asked, so that a fatal fault is told even where it makes Nginx's test fail. */
async function examineNamed(
  world: World,
  request: RunRequest,
): Promise<ReadonlyMap<string, Examined>> {
  if (request.scope.kind === "all") return new Map();
  const examined = await pMap(
    request.scope.lineages,
    async (lineage) => {
      const files = lineageFiles(lineage);
      const record = await world.store.sources.get(sourceId(files));
      return examineSource(world, files, {
        record,
        patience: patienceWithNamed(request),
        knownIssuers: [],
      });
    },
    { concurrency: 8, signal: world.signal },
  );
  return new Map(examined.map((one) => [sourceId(one.files), one]));
}

const namedAtOnce = 5;

/** A lineage that nobody known uses may be another Nginx's: named, so that it is never silent. */
function unusedHints(
  world: World,
  results: readonly TargetResult[],
): readonly string[] {
  const unused = results
    .flatMap(({ concluded }) => concluded)
    .filter(({ outcome }) => outcome === "unused")
    .map(
      ({ assessment }) =>
        assessment.candidate.lineage?.name ??
        assessment.candidate.files.certificate,
    );
  if (unused.length === 0) return [];
  const others = world.otherMasters();
  if (others.length === 0) return [];
  const names = [...new Set(unused)];
  const rest = names.length - namedAtOnce;
  const subject =
    names.slice(0, namedAtOnce).join(", ") +
    (rest > 0 ? ` and ${rest} more` : "");
  return [
    `${subject}: used by no Nginx that livecert looks after. If ${others.join(" or ")} uses it, livecert must be told with --nginx-conf (and a --state-dir of its own)`,
  ];
}
