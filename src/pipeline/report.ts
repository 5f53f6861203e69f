/** From what became of each source to the one document that a run prints. */
import type { Certificate } from "../core/certificate/certificate.ts";
import {
  isFailure,
  outcomes,
  worstOf,
  type Outcome,
} from "../core/decision/outcome.ts";
import { drainingGenerations } from "../core/decision/generations.ts";
import { judgeRenewal } from "../core/expiry/renewal.ts";
import type {
  LastOutcome,
  LeafReport,
  LineageReport,
  NginxReport,
  PublicationReport,
  RunDocument,
  ServedReport,
} from "../core/report/document.ts";
import type { Lineage } from "../core/lineage/lineage.ts";
import type { Finding } from "../core/validation/finding.ts";
import type { Concluded, TargetResult } from "./conclude.ts";
import { presentBundle, seenAgain } from "./observe.ts";
import { reportProbes } from "./report-probes.ts";
import type { Unjudged } from "./unjudged.ts";
import type { RunRequest, World } from "./world.ts";

export function reportRun(
  world: World,
  request: RunRequest,
  found: {
    readonly results: readonly TargetResult[];
    readonly unjudged: readonly Unjudged[];
    readonly publications: readonly PublicationReport[];
    readonly warnings: readonly string[];
  },
): RunDocument {
  const { results, unjudged, publications, warnings } = found;
  const lineages = reportLineages(
    world,
    results.flatMap(({ concluded }) => concluded),
  );
  const isSilent = lineages.length === 0 && publications.length === 0;
  return document(world, request, {
    lineages,
    publications,
    ofTargets: isSilent ? unjudged.flatMap(({ outcome }) => outcome ?? []) : [],
    reloads: results.reduce((sum, { reloads }) => sum + reloads, 0),
    nginx: reportNginx(results, unjudged),
    warnings: [
      ...new Set([
        ...results.flatMap((result) => result.warnings),
        ...warnings,
      ]),
    ],
  });
}

/** Of all targets together; several are told apart by their probes. The master is the first target's. */
function reportNginx(
  results: readonly TargetResult[],
  unjudged: readonly Unjudged[],
): NginxReport | null {
  const discovery = results[0]?.discovery;
  if (discovery === undefined) return null;
  const { state } = discovery;
  return {
    configOk: isConfigurationOk(results),
    masterPid: state.kind === "running" ? state.generation.master.pid : null,
    configPending: results.flatMap(pendingNow),
    draining: drainingNow(results),
    errors: results.flatMap((result) => result.discovery.errors),
    unjudged: unjudged.map(({ target }) => target),
  };
}

/** One that is refused is not ok, whatever the others say; null: no Nginx could be asked. */
function isConfigurationOk(results: readonly TargetResult[]): boolean | null {
  const verdicts = results.map(({ discovery }) => discovery.configuration);
  if (verdicts.includes("refused")) return false;
  return verdicts.includes("ok") ? true : null;
}

/** A reload has loaded them. */
function pendingNow(result: TargetResult): readonly string[] {
  if (result.reloads > 0) return [];
  return result.discovery.pendingFiles.map(({ path }) => path);
}

function drainingNow(results: readonly TargetResult[]): number {
  return results.reduce(
    (sum, { generation }) =>
      sum + (generation === null ? 0 : drainingGenerations(generation)),
    0,
  );
}

function reportLineages(
  world: World,
  concluded: readonly Concluded[],
): readonly LineageReport[] {
  const groups = new Map<string, Concluded[]>();
  for (const one of concluded) {
    const path =
      one.assessment.candidate.lineage?.path ??
      one.assessment.candidate.files.certificate;
    groups.set(path, [...(groups.get(path) ?? []), one]);
  }
  return [...groups].map(([path, group]) => reportLineage(world, path, group));
}

function reportLineage(
  world: World,
  path: string,
  concluded: readonly Concluded[],
): LineageReport {
  const outcome = worstOf(concluded.map((one) => one.outcome));
  const decisive = concluded.find((one) => one.outcome === outcome);
  const { candidate } = (decisive ?? concluded[0])?.assessment ?? {};
  const findings = distinctFindings(
    concluded.flatMap(({ assessment }) => assessment.weighed.findings),
  );
  const onDisk = presentOnDisk(
    decisive === undefined ? concluded : [decisive, ...concluded],
  );
  const leaf = onDisk?.leaf ?? null;
  const served = concluded.flatMap(leavesServed);
  return {
    name: candidate?.lineage?.name ?? null,
    path,
    outcome,
    last: lastOf(decisive),
    reason: reasonOf(decisive, concluded),
    remedy: decisive?.remedy ?? null,
    leaf: onDisk === null ? null : reportLeaf(onDisk.leaf, onDisk.bundle256),
    served: reportServed(served),
    renewalDue: renewalDueOf(firstToExpire(served) ?? leaf, world),
    valid: concluded.every(({ assessment }) => assessment.isSound),
    findings,
    probes: concluded.flatMap(reportProbes),
  };
}

/** The lineage's own present certificate, also where Nginx loads an older copy of it; the first that can be read. */
function presentOnDisk(
  concluded: readonly Concluded[],
): { readonly leaf: Certificate; readonly bundle256: string | null } | null {
  const found = concluded.flatMap(({ assessment: { candidate, examined } }) => {
    const { leaf, bundle } = examined.examination;
    if (candidate.isOutdatedCopy || leaf === null) return [];
    return [{ leaf, bundle256: bundle?.bundle256 ?? null }];
  });
  const superseding = concluded.flatMap(
    ({ assessment }) => assessment.candidate.supersededBy ?? [],
  );
  return (
    found[0] ??
    superseding.map((leaf) => ({ leaf, bundle256: null }))[0] ??
    null
  );
}

/** What this very Nginx was last seen to hand out, at each point. */
function leavesServed({
  assessment,
  after,
}: Concluded): readonly Certificate[] {
  return assessment.points.flatMap(
    (before) => presentBundle(seenAgain(before, after) ?? before)?.leaf ?? [],
  );
}

function reportServed(leaves: readonly Certificate[]): readonly ServedReport[] {
  const distinct = new Map(leaves.map((leaf) => [leaf.fingerprint256, leaf]));
  return byExpiry([...distinct.values()]).map(
    ({ fingerprint256, notBefore, notAfter }) => ({
      fingerprint256,
      notBefore: notBefore.toISOString(),
      notAfter: notAfter.toISOString(),
    }),
  );
}

function firstToExpire(leaves: readonly Certificate[]): Certificate | null {
  return byExpiry(leaves)[0] ?? null;
}

function byExpiry(leaves: readonly Certificate[]): readonly Certificate[] {
  return leaves.toSorted(
    (one, other) => one.notAfter.getTime() - other.notAfter.getTime(),
  );
}

export function renewalDueOf(
  dates: Pick<Certificate, "notBefore" | "notAfter"> | null,
  { now, settings }: Pick<World, "now" | "settings">,
): string | null {
  if (dates === null) return null;
  const { notBefore, notAfter } = dates;
  return judgeRenewal({
    notBefore,
    notAfter,
    now: now(),
    floorsMs: settings.alerts.floorsMs,
  }).renewalDue.toISOString();
}

function lastOf(decisive: Concluded | undefined): LastOutcome | null {
  const last = decisive?.assessment.record?.last;
  if (last == null) return null;
  return { at: last.at, outcome: last.outcome, detail: last.detail };
}

/** Where several Nginx fare differently, each that fails says why. */
function reasonOf(
  decisive: Concluded | undefined,
  concluded: readonly Concluded[],
): string | null {
  const failed = concluded.filter(({ outcome }) => isFailure(outcome));
  const isOfOne = new Set(concluded.map(({ target }) => target)).size === 1;
  if (decisive === undefined || isOfOne || failed.length === 0)
    return decisive?.reason ?? null;
  const reasons = failed.map(({ target, reason }) => `${target}: ${reason}`);
  return [...new Set(reasons)].join("; ");
}

function distinctFindings(findings: readonly Finding[]): readonly Finding[] {
  return [
    ...new Map(
      findings.map((finding) => [JSON.stringify(finding), finding]),
    ).values(),
  ];
}

export function reportLeaf(
  leaf: Certificate,
  bundle256: string | null,
): LeafReport {
  return {
    fingerprint256: leaf.fingerprint256,
    bundle256,
    serial: leaf.serial,
    subject: leaf.subject,
    issuer: leaf.issuer,
    notBefore: leaf.notBefore.toISOString(),
    notAfter: leaf.notAfter.toISOString(),
    subjectAltNames: leaf.subjectAltNames,
    keyType: leaf.keyType,
  };
}

/** Of a lineage that this run did not look at itself. */
export function briefReport(
  lineage: Lineage,
  outcome: Outcome,
  reason: string | null,
): LineageReport {
  const { name, path } = lineage;
  return {
    name,
    path,
    outcome,
    last: null,
    reason,
    remedy: null,
    leaf: null,
    served: [],
    renewalDue: null,
    valid: true,
    findings: [],
    probes: [],
  };
}

/** A run that asked no Nginx. */
export function briefDocument(
  world: World,
  request: RunRequest,
  lineages: readonly LineageReport[],
): RunDocument {
  return document(world, request, {
    lineages,
    publications: [],
    ofTargets: [],
    reloads: 0,
    nginx: null,
    warnings: [],
  });
}

function document(
  world: World,
  { run, command }: RunRequest,
  given: Pick<
    RunDocument,
    "lineages" | "publications" | "reloads" | "nginx" | "warnings"
  > & { readonly ofTargets: readonly Outcome[] },
): RunDocument {
  const { ofTargets, ...content } = given;
  const outcome = worstOf([
    ...ofTargets,
    ...[...content.lineages, ...content.publications].flatMap(
      (one) => one.outcome ?? [],
    ),
  ]);
  const exitCode = outcome === null ? 0 : outcomes[outcome].exitCode;
  return {
    schema: 1,
    run,
    command,
    outcome,
    exitCode,
    ...content,
    timingsMs: world.stopwatch.readings(),
  };
}
