/** What the state remembers of a source after a run. */
import type {
  Generation,
  LastSeen,
  SourceRecord,
} from "../core/decision/record.ts";
import { findingIdentity } from "../core/validation/finding.ts";
import type { Assessment } from "./assess.ts";
import type { Concluded, TargetResult } from "./conclude.ts";
import type { Examined } from "./examine.ts";
import type { ObservedPoint } from "./observe.ts";
import type { RunRequest, World } from "./world.ts";

/** Of a source that a run met on the way to a reload and was not about. */
export function bystanderRecord(
  assessment: Assessment,
  { discovery: { target }, generation }: TargetResult,
  at: string,
): SourceRecord {
  const { candidate, examined, record, points } = assessment;
  const isLive = isLiveEverywhere(points);
  const elsewhere = (record?.seen ?? []).filter(
    (one) => one.target !== target.name,
  );
  const here = isLive ? lastSeen(examined, target.name, generation, at) : null;
  return {
    schema: 1,
    certificate: candidate.files.certificate,
    key: candidate.files.key,
    lineage: candidate.lineage ?? record?.lineage ?? null,
    deployed:
      (isLive ? deployedNow(examined, at) : null) ?? record?.deployed ?? null,
    seen: [...elsewhere, ...(here === null ? [] : [here])],
    last: record?.last ?? null,
    verdict: examined.verdict,
    rehearsal: examined.rehearsal,
  };
}

/** Times alone are no news: 1,000 unchanged sources cost no write. */
export function isSameRecord(
  old: SourceRecord | null,
  record: SourceRecord,
): boolean {
  return old !== null && isSameButTimes(old, record);
}

const times: ReadonlySet<string> = new Set(["at", "run"]);

function isSameButTimes(one: unknown, other: unknown): boolean {
  if (typeof one !== "object" || typeof other !== "object")
    return one === other;
  if (one === null || other === null) return one === other;
  const names = Object.keys(one);
  return (
    Array.isArray(one) === Array.isArray(other) &&
    names.length === Object.keys(other).length &&
    names.every(
      (name) =>
        Object.hasOwn(other, name) &&
        (times.has(name) ||
          isSameButTimes(Reflect.get(one, name), Reflect.get(other, name))),
    )
  );
}

/** Of a source that a run was about. */
export function sourceRecord(
  world: World,
  { run }: RunRequest,
  decisive: Concluded,
  concluded: readonly Concluded[],
  results: readonly TargetResult[],
): SourceRecord {
  const { candidate, examined, record } = decisive.assessment;
  const at = world.now().toISOString();
  return {
    schema: 1,
    certificate: candidate.files.certificate,
    key: candidate.files.key,
    lineage: candidate.lineage,
    deployed: deployedBy(decisive, at) ?? record?.deployed ?? null,
    seen: concluded.flatMap((one) => seenIn(one, results, at) ?? []),
    last: {
      at,
      run,
      outcome: decisive.outcome,
      version: examined.version,
      fingerprint256: examined.examination.leaf?.fingerprint256 ?? null,
      detail: decisive.reason,
    },
    verdict: examined.verdict,
    rehearsal: examined.rehearsal,
  };
}

/** Only what a client was seen to be handed counts as deployed. */
function deployedBy(
  { outcome, assessment }: Concluded,
  at: string,
): SourceRecord["deployed"] {
  return outcome === "deployed" || outcome === "live"
    ? deployedNow(assessment.examined, at)
    : null;
}

function deployedNow(
  { version, examination: { bundle, findings } }: Examined,
  at: string,
): SourceRecord["deployed"] {
  if (bundle === null) return null;
  const { leaf, others } = bundle;
  return {
    at,
    version,
    fingerprint256: leaf.fingerprint256,
    bundle256: bundle.bundle256,
    notBefore: leaf.notBefore.toISOString(),
    notAfter: leaf.notAfter.toISOString(),
    regressions: findings
      .filter(({ severity }) => severity === "regression")
      .map(findingIdentity),
    leaf: Buffer.from(leaf.der).toString("base64"),
    others: others.map(({ der }) => Buffer.from(der).toString("base64")),
  };
}

function seenIn(
  concluded: Concluded,
  results: readonly TargetResult[],
  at: string,
): LastSeen | null {
  const { examined, points } = concluded.assessment;
  if (!isLiveEverywhere(concluded.after ?? points)) return null;
  const result = results.find(
    ({ discovery }) => discovery.target.name === concluded.target,
  );
  return lastSeen(examined, concluded.target, result?.generation ?? null, at);
}

function lastSeen(
  { identities: files, examination: { bundle } }: Examined,
  target: string,
  generation: Generation | null,
  at: string,
): LastSeen | null {
  if (generation === null || bundle === null) return null;
  return { at, target, files, generation, bundle256: bundle.bundle256 };
}

function isLiveEverywhere(points: readonly ObservedPoint[]): boolean {
  const verdicts = points.map(({ sight }) => sight.verdict);
  return (
    verdicts.includes("live") &&
    verdicts.every((verdict) => verdict === "live" || verdict === "unverified")
  );
}
