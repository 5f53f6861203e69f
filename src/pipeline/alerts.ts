/**
 * What a run found wrong becomes incidents, and incidents become messages in the outbox. The holder of the lock does this
 * (what waits for a lock: waiting.ts); who sends the messages, and when, is not its matter.
 */
import { warningsOf } from "../adapters/store/failure.ts";
import { certificateFromDer } from "../adapters/tls/certificate.ts";
import type { Certificate } from "../core/certificate/certificate.ts";
import { isFailure, type Outcome } from "../core/decision/outcome.ts";
import { expiryConditions } from "../core/expiry/conditions.ts";
import type {
  Condition,
  Incident,
  IncidentKind,
} from "../core/incidents/incident.ts";
import { emptyBook, type IncidentBook } from "../core/incidents/record.ts";
import { review } from "../core/incidents/review.ts";
import type { PublicationReport } from "../core/report/document.ts";
import { messagesOf } from "./alert-messages.ts";
import type { Assessment, Candidate } from "./assess.ts";
import { candidatesOf, lineagesOf } from "./candidates.ts";
import type { Concluded, TargetResult } from "./conclude.ts";
import { readBook, together, writeBook } from "./book.ts";
import { sourceId } from "./examine.ts";
import { presentBundle, seenAgain } from "./observe.ts";
import { isOfWaiting, takeWaiting } from "./waiting.ts";
import type { RunRequest, World } from "./world.ts";

/** Answers with what could not be written; then nobody is told, and the next run finds it again. */
export async function keepIncidents(
  world: World,
  request: RunRequest,
  results: readonly TargetResult[],
  /** null: none was looked at. */
  publications: readonly PublicationReport[] | null,
): Promise<readonly string[]> {
  const book = await readBook(world, "all");
  const queued = new Set(
    (await world.store.queue.list()).map(({ entry }) => entry.lineage.path),
  );
  using taken = await takeWaiting(world, request);
  const { incidents, unsent } = taken?.book ?? emptyBook;
  const targets = await Promise.all(
    results.map((result) => lookOf(world, request, result)),
  );
  const looks = [...targets, lookAtPublications(world, request, publications)];
  const reviewed = review({
    incidents: together(book.incidents, incidents),
    conditions: looks.flatMap(({ conditions }) => conditions),
    wasLookedAt: (incident) =>
      isOfWaiting(incident)
        ? isDealtWith(looks, queued, incident)
        : wasLookedAt(world, request, looks, incident),
    isHeard: world.settings.notify.length > 0,
    remindMs: world.settings.alerts.remindMs,
    now: world.now(),
  });
  const messages = await messagesOf(world, request, reviewed.announcements);
  const isComplete =
    targets.length > 0 && targets.every(({ isWhole }) => isWhole);
  const kept = await writeBook(world, "all", book, {
    schema: 1,
    reviewedAt: isComplete ? reviewDay(world, book) : book.reviewedAt,
    incidents: reviewed.incidents,
    unsent: [...book.unsent, ...unsent, ...messages],
  });
  const isKept = kept.every(({ kind }) => kind === "written");
  const removed = taken !== null && isKept ? [await taken.remove()] : [];
  return warningsOf([...kept, ...removed]);
}

/** Whichever target uses it; what has left the queue otherwise was deleted, or done by a run that was killed afterwards. */
function isDealtWith(
  looks: readonly Look[],
  queued: ReadonlySet<string>,
  { source }: Incident,
): boolean {
  return (
    !queued.has(source) ||
    looks.some(
      ({ sources, deferred }) => sources.has(source) && !deferred.has(source),
    )
  );
}

const reviewedAgainMs = 3_600_000;

/** A watcher looks often, and an hour more or less is worth no write. */
function reviewDay({ now }: World, { reviewedAt }: IncidentBook): string {
  const at = now();
  return reviewedAt !== null &&
    Math.abs(at.getTime() - Date.parse(reviewedAt)) < reviewedAgainMs
    ? reviewedAt
    : at.toISOString();
}

/** What a run saw of one target. */
interface Look {
  readonly target: string;
  readonly conditions: readonly Condition[];
  /** Of the sources that it looked at. */
  readonly sources: ReadonlySet<string>;
  /** Of those whose Nginx a Certbot may have stopped: what was wrong with them is neither there nor over. */
  readonly deferred: ReadonlySet<string>;
  /** Every source of the target was looked at, or is known to be served as it is on disk. */
  readonly isWhole: boolean;
  /** A container that cannot be found may have had another name while it was there. */
  readonly isAway: boolean;
}

/** On a look at everything also what is no longer there is over. */
function wasLookedAt(
  world: World,
  request: RunRequest,
  looks: readonly Look[],
  { target, source }: Incident,
): boolean {
  const look = looks.find((one) => one.target === target);
  if (look !== undefined)
    return (
      !look.deferred.has(source) && (look.isWhole || look.sources.has(source))
    );
  return (
    request.scope.kind !== "named" &&
    !looks.some(({ isAway }) => isAway) &&
    !world.targets.some(({ name }) => name === target)
  );
}

async function lookOf(
  world: World,
  request: RunRequest,
  result: TargetResult,
): Promise<Look> {
  const { discovery, concluded, bystanders } = result;
  const target = discovery.target.name;
  const seen = [
    ...concluded.map(seenOf),
    ...bystanders.map((assessment) => seenOf({ assessment, after: null })),
  ];
  const isWhole = request.scope.kind !== "named" && discovery.model !== null;
  const settled =
    request.scope.kind === "unsettled" && isWhole
      ? await settledSources(world, request, result, seen)
      : [];
  return {
    target,
    isWhole,
    isAway:
      discovery.target.kind === "container" &&
      discovery.state.kind !== "running",
    sources: new Set(seen.map(({ source }) => source)),
    deferred: new Set(
      concluded
        .filter(({ outcome }) => outcome === "deferred")
        .map(({ assessment }) => identityOf(assessment.candidate).source),
    ),
    conditions: distinct([
      ...concluded.flatMap((one) => failureOf(world, one) ?? []),
      ...[...merged(seen), ...settled].flatMap((one) =>
        expiryConditions({ target, ...one }, expiryOptions(world)),
      ),
    ]),
  };
}

function expiryOptions({ now, settings: { alerts } }: World) {
  const { floorsMs, graceMs } = alerts;
  return { now: now(), floorsMs, graceMs };
}

/** A lineage that several directives name is one. */
function distinct(conditions: readonly Condition[]): readonly Condition[] {
  return [
    ...new Map(
      conditions.map((one) => [JSON.stringify([one.source, one.kind]), one]),
    ).values(),
  ];
}

/** No Nginx is concerned: they stand beside the targets. */
function lookAtPublications(
  { now }: World,
  { scope }: RunRequest,
  publications: readonly PublicationReport[] | null,
): Look {
  const target = "publications";
  const tellFrom = now().toISOString();
  return {
    target,
    isWhole: publications !== null && scope.kind !== "named",
    isAway: false,
    sources: new Set(publications?.map(({ name }) => name)),
    deferred: new Set(),
    conditions: (publications ?? []).flatMap(
      ({ name, outcome, reason, remedy }) => {
        const kind = outcome === null ? null : failureKind(outcome);
        if (kind === null) return [];
        return {
          ...{ target, source: name, name, kind, remedy, tellFrom },
          reason: reason ?? "",
          hostNames: [],
          notAfter: null,
        };
      },
    ),
  };
}

function failureOf(
  { now, settings }: World,
  { outcome, assessment, target, reason, remedy, after }: Concluded,
): Condition | null {
  const kind = failureKind(outcome);
  if (kind === null) return null;
  const { leaf } = assessment.examined.examination;
  const [served] = seenOf({ assessment, after }).served;
  const end = served?.[0]?.notAfter ?? null;
  const patienceMs = isPassing(kind) ? settings.limits.certbotWaitMs : 0;
  return {
    target,
    ...identityOf(assessment.candidate),
    kind,
    reason,
    remedy,
    hostNames: (leaf?.subjectAltNames ?? []).map((name) =>
      name.replace(/^[A-Za-z]+:/, ""),
    ),
    notAfter: end?.toISOString() ?? null,
    tellFrom: new Date(now().getTime() + patienceMs).toISOString(),
  };
}

function failureKind(outcome: Outcome): IncidentKind | null {
  return isFailure(outcome) ? (outcome as IncidentKind) : null;
}

/** Mostly over by itself: another hook starts Nginx, the master finishes its reload, somebody mends the other certificate. */
function isPassing(kind: IncidentKind): boolean {
  return ["not-running", "reloading", "blocked", "locked"].includes(kind);
}

interface Seen extends SourceIdentity {
  readonly isLineage: boolean;
  readonly served: readonly (readonly Certificate[])[];
  readonly onDisk: Certificate | null;
}

interface SourceIdentity {
  readonly source: string;
  readonly name: string;
}

function identityOf({ lineage, files }: Candidate): SourceIdentity {
  return {
    source: lineage?.path ?? files.certificate,
    name: lineage?.name ?? files.certificate,
  };
}

/** What clients are handed at the source's points; where no handshake shows it, what the files say of a source that is live. */
function seenOf({
  assessment,
  after,
}: Pick<Concluded, "assessment" | "after">): Seen {
  const { candidate, examined, points, record } = assessment;
  const { bundle, leaf } = examined.examination;
  const isLoaded =
    assessment.served.kind === "same" ||
    (assessment.served.kind === "unseen" &&
      assessment.served.evidence === "loaded");
  const bundles = points.flatMap(
    (before) => presentBundle(seenAgain(before, after) ?? before) ?? [],
  );
  const seen =
    bundles.length === 0 && isLoaded && bundle !== null ? [bundle] : bundles;
  const isUsed = candidate.source !== null;
  return {
    ...identityOf(candidate),
    isLineage: candidate.lineage !== null,
    served: !isUsed
      ? []
      : seen.length > 0
        ? seen.map((one) => [one.leaf, ...one.others])
        : [rememberedChain(record)].filter((chain) => chain.length > 0),
    onDisk: leaf,
  };
}

/** As it was last seen served; empty where it never was. */
function rememberedChain(record: Assessment["record"]): readonly Certificate[] {
  if (record?.deployed == null) return [];
  return [record.deployed.leaf, ...record.deployed.others].flatMap(
    (der) => certificateFromDer(Buffer.from(der, "base64")) ?? [],
  );
}

/** The same lineage at several directives: everything that was seen of it. */
function merged(seen: readonly Seen[]): readonly Seen[] {
  const bySource = new Map<string, Seen>();
  for (const one of seen) {
    const earlier = bySource.get(one.source);
    const served = [...(earlier?.served ?? []), ...one.served];
    bySource.set(one.source, { ...(earlier ?? one), served });
  }
  return [...bySource.values()];
}

/** What a reconciliation did not look at is served as it was when it was last seen: the record says what that is. */
async function settledSources(
  world: World,
  request: RunRequest,
  { discovery: { target, model } }: TargetResult,
  seen: readonly Seen[],
): Promise<readonly Seen[]> {
  if (model === null) return [];
  const lineages = await lineagesOf(world, request.scope);
  const known = new Set(seen.map(({ source }) => source));
  const settled: Seen[] = [];
  for (const candidate of candidatesOf(world, target, model, lineages)) {
    const identity = identityOf(candidate);
    if (known.has(identity.source)) continue;
    const record = await world.store.sources.get(sourceId(candidate.files));
    const chain = rememberedChain(record);
    settled.push({
      ...identity,
      isLineage: candidate.lineage !== null,
      served: chain.length === 0 ? [] : [chain],
      onDisk: chain[0] ?? null,
    });
  }
  return merged(settled);
}
