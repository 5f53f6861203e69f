/**
 * Brings together what is on disk, what is served and what was recorded for certificate sources, and weighs the findings
 * against the certificate that clients are handed at present.
 */
import pMap from "p-map";
import { newestLinkMs } from "../adapters/files/hops.ts";
import { covers } from "../adapters/tls/covers.ts";
import type { Certificate } from "../core/certificate/certificate.ts";
import type { Evidence, Served } from "../core/decision/decide.ts";
import type { SourceRecord } from "../core/decision/record.ts";
import type { Lineage } from "../core/lineage/lineage.ts";
import type { CertificateSource } from "../core/nginx/model.ts";
import { ruleFinding } from "../core/validation/catalogue.ts";
import type { Finding } from "../core/validation/finding.ts";
import { nameFindings } from "../core/validation/names.ts";
import {
  weigh,
  type Present,
  type Weighed,
} from "../core/validation/no-regression.ts";
import type { Obstruction } from "../ports.ts";
import { isPattern, lineageFiles } from "./candidates.ts";
import type { Discovery } from "./discover.ts";
import {
  examineSource,
  notRead,
  sourceId,
  type Examined,
  type Patience,
  type SourceFiles,
} from "./examine.ts";
import {
  isOnlyInEdit,
  observe,
  presentBundle,
  servedOf,
  type ObservedPoint,
} from "./observe.ts";
import { presentLeaves, presentOf } from "./present.ts";
import { planProbes, type ProbePlan } from "./probe-plan.ts";
import type { World } from "./world.ts";

/** A certificate source of one target, or a lineage that the target does not use (`source` is null then). */
export interface Candidate {
  readonly files: SourceFiles;
  readonly lineage: Lineage | null;
  readonly source: CertificateSource | null;
  /** This source is an older version of `lineage`: a copy, or a link into `archive/`. */
  readonly isOutdatedCopy: boolean;
  /** The leaf that clients would be handed but for such a copy; null: this is none, or the lineage cannot be read. */
  readonly supersededBy: Certificate | null;
  /** What keeps a renewal from this Nginx whatever is reloaded; null: nothing. */
  readonly obstruction: Obstruction | null;
}

export interface Assessment {
  readonly candidate: Candidate;
  readonly examined: Examined;
  readonly record: SourceRecord | null;
  readonly plan: ProbePlan | null;
  /** Before any reload. */
  readonly points: readonly ObservedPoint[];
  readonly served: Served;
  readonly present: Present;
  readonly weighed: Weighed;
  /** No fatal finding and no regression, tolerated or not. */
  readonly isSound: boolean;
}

export interface AssessOptions {
  readonly patience: Patience;
  readonly isForced: boolean;
  /** Lineages that were snapshotted and validated before Nginx was asked, by path. */
  readonly examined: ReadonlyMap<string, Examined>;
}

/** Examines, probes once and weighs; the assessments come in the order of the candidates. */
export async function assess(
  world: World,
  discovery: Discovery,
  candidates: readonly Candidate[],
  options: AssessOptions,
): Promise<readonly Assessment[]> {
  const { stopwatch, signal } = world;
  const atOnce = { concurrency: 16, signal };
  const prepared = await stopwatch.time("validate", () =>
    pMap(
      candidates,
      (candidate) => prepare(world, discovery, candidate, options),
      atOnce,
    ),
  );
  const plans = prepared.flatMap(({ plan }) => plan ?? []);
  const points = await stopwatch.time("probe", () =>
    observe(world, plans, { times: 1 }),
  );
  const observed = new Map(
    plans.map((plan, index) => [plan, points[index] ?? []]),
  );
  return stopwatch.time("validate", () =>
    pMap(
      prepared,
      (one) => judge(world, discovery, one, seenOf(one, observed), options),
      atOnce,
    ),
  );
}

function seenOf(
  { plan }: Prepared,
  observed: ReadonlyMap<ProbePlan, readonly ObservedPoint[]>,
): readonly ObservedPoint[] {
  return plan === null ? [] : (observed.get(plan) ?? []);
}

interface Prepared {
  readonly candidate: Candidate;
  readonly examined: Examined;
  readonly record: SourceRecord | null;
  readonly plan: ProbePlan | null;
}

async function prepare(
  world: World,
  discovery: Discovery,
  candidate: Candidate,
  options: AssessOptions,
): Promise<Prepared> {
  const record = await world.store.sources.get(sourceId(candidate.files));
  const known = isPlain(candidate.files)
    ? options.examined.get(sourceId(candidate.files))
    : undefined;
  const examined =
    known ??
    (namesNoFile(candidate)
      ? notRead(candidate.files)
      : await examineSource(world, candidate.files, {
          record,
          patience: options.patience,
          knownIssuers: [],
        }));
  return {
    candidate,
    examined,
    record,
    plan: planFor(discovery, candidate, examined),
  };
}

/** A path with a variable that no known lineage matches: only a handshake tells which file is meant. */
function namesNoFile({ source, lineage }: Candidate): boolean {
  return source !== null && lineage === null && isPattern(source);
}

/** What was read as a lineage before Nginx was asked is what Nginx loads, unless its directives say more. */
function isPlain({ passwordFile, securityLevel }: SourceFiles): boolean {
  return passwordFile === null && securityLevel === null;
}

/** null where there is nothing to look at: not used, not running, or nothing that could be served. */
function planFor(
  discovery: Discovery,
  candidate: Candidate,
  examined: Examined,
): ProbePlan | null {
  const { target, state, model, loadedModel } = discovery;
  const expected = examined.examination.bundle;
  const canBeSeen =
    state.kind === "running" &&
    model !== null &&
    candidate.source !== null &&
    expected !== null;
  if (!canBeSeen) return null;
  return planProbes({
    target,
    generation: state.generation,
    model,
    loadedModel,
    pendingFiles: new Set(discovery.pendingFiles.map(({ path }) => path)),
    source: candidate.source,
    expected,
  });
}

async function judge(
  world: World,
  discovery: Discovery,
  prepared: Prepared,
  points: readonly ObservedPoint[],
  options: AssessOptions,
): Promise<Assessment> {
  const { candidate, record, plan } = prepared;
  const examined = await knowingServedIssuers(world, prepared, points, options);
  const evidence = await evidenceOf(
    discovery,
    { ...prepared, examined },
    points,
  );
  const served = servedOf(points, evidence);
  const findings = [
    ...copyFindings(candidate),
    ...examined.examination.findings,
    ...namesOf(examined, prepared, points),
  ];
  const present = await presentOf(world, {
    examined,
    record,
    points,
    findings,
  });
  const weighed = weigh({
    findings,
    present,
    now: world.now(),
    force: options.isForced,
  });
  return {
    candidate,
    examined,
    record,
    plan,
    points,
    served,
    present,
    weighed,
    isSound: findings.every(({ severity }) => severity === "warning"),
  };
}

/**
 * A leaf alone lacks its intermediate or was signed by a root directly. Which of the two is told by an issuer that is
 * served now; the files are judged once more where the probe has brought one.
 */
async function knowingServedIssuers(
  world: World,
  { candidate, examined, record }: Prepared,
  points: readonly ObservedPoint[],
  { patience }: AssessOptions,
): Promise<Examined> {
  const issuers = points.flatMap(({ sight }) =>
    sight.verdict === "stale" ? sight.bundle.others.map(({ der }) => der) : [],
  );
  const isLeafAlone = examined.examination.certificates.length === 1;
  if (!isLeafAlone || issuers.length === 0) return examined;
  return examineSource(world, candidate.files, {
    record,
    patience,
    knownIssuers: issuers,
  });
}

/**
 * Where no handshake can be expected to show the certificate: what was seen in spite of that, or else that workers which
 * started after the files were written have loaded them, provided that their configuration names these.
 */
async function evidenceOf(
  { state }: Discovery,
  { examined, plan }: Prepared,
  points: readonly ObservedPoint[],
): Promise<Evidence> {
  const seen = points.flatMap((point) => presentBundle(point) ?? []);
  const expected = examined.examination.bundle?.bundle256;
  if (seen.length > 0)
    return seen.every(({ bundle256 }) => bundle256 === expected)
      ? "loaded"
      : "not-loaded";
  const startedMs = state.kind === "running" ? state.oldestWorkerStartMs : null;
  if (startedMs === null || examined.changedAt === null) return "not-loaded";
  const { certificate, key } = examined.files;
  // A link may lead to an older file than before.
  const switchedMs =
    plan === null
      ? 0
      : await newestLinkMs(key === null ? [certificate] : [certificate, key]);
  if (startedMs <= Math.max(examined.changedAt.getTime(), switchedMs))
    return "not-loaded";
  const isPending =
    points.length > 0 && points.every((point) => isOnlyInEdit(plan, point));
  return isPending ? "configuration-pending" : "loaded";
}

function copyFindings({
  isOutdatedCopy,
  lineage,
  source,
  files,
}: Candidate): readonly Finding[] {
  if (!isOutdatedCopy || lineage === null || source === null) return [];
  const place = `${source.file}:${String(source.line)}`;
  const live = lineageFiles(lineage);
  const key =
    source.key === null ? "" : `, and its key ${live.key ?? "privkey.pem"}`;
  return [
    ruleFinding("source/outdated-copy", {
      message: `${place} names ${files.certificate}, an older version of ${lineage.name} that no renewal changes`,
      hint: `let ${place} name ${live.certificate}${key}`,
    }),
  ];
}

/** Names that Nginx hands this source out for, against what clients are handed for them at present. */
function namesOf(
  examined: Examined,
  { candidate: { source }, record, plan }: Prepared,
  points: readonly ObservedPoint[],
): readonly Finding[] {
  const { leaf } = examined.examination;
  // Which of the block's names a path with a variable is for, only a handshake tells.
  if (plan === null || leaf === null || source === null || isPattern(source))
    return [];
  const present = presentLeaves(record, points);
  const presentCovers = (name: string): boolean =>
    present.some((served) => covers(served, name));
  const names = new Set([
    ...plan.serverNames,
    ...present
      .flatMap(({ subjectAltNames }) => subjectAltNames)
      .filter((name) => name.startsWith("DNS:"))
      .map((name) => name.slice("DNS:".length).toLowerCase())
      // Of a default server, or one whose name is a pattern, only what it serves now tells which names it is for.
      .filter((name) => plan.isServedByPattern(name)),
  ]);
  const uses = [...names].map((serverName) => ({
    serverName,
    presentCovers: present.length === 0 ? null : presentCovers,
  }));
  return nameFindings(examined.label, uses, (name) => covers(leaf, name));
}
