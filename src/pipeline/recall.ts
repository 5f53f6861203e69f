/** What state and files say of certificates that another run has dealt with: neither Nginx nor a client is asked. */
import pMap from "p-map";
import { readLeaf } from "../adapters/tls/leaf.ts";
import type { Certificate } from "../core/certificate/certificate.ts";
import { subjectOf } from "../core/lineage/subject.ts";
import { isFailure, worstOf, type Outcome } from "../core/decision/outcome.ts";
import type { SourceRecord } from "../core/decision/record.ts";
import type { Board, BoardEntry } from "../core/report/board.ts";
import type { LineageReport, ServedReport } from "../core/report/document.ts";
import type { Candidate } from "./assess.ts";
import { sourceId } from "./examine.ts";
import { renewalDueOf, reportLeaf } from "./report.ts";
import type { World } from "./world.ts";

/**
 * The board with what has been recorded about these since they were last looked at. A certificate of which there is no
 * record stays as it is.
 */
export async function recall(
  world: World,
  board: Board,
  candidates: readonly Candidate[],
): Promise<Board> {
  const groups = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    const path = pathOf(candidate);
    groups.set(path, [...(groups.get(path) ?? []), candidate]);
  }
  const recalled = await pMap(
    groups,
    async ([path, group]) =>
      [
        path,
        await recallOne(world, board.entries.get(path), path, group),
      ] as const,
    { concurrency: 4, signal: world.signal },
  );
  const entries = new Map(board.entries);
  for (const [path, entry] of recalled)
    if (entry !== null) entries.set(path, entry);
  return { ...board, entries };
}

function pathOf({ lineage, files }: Candidate): string {
  return subjectOf({ lineage, certificate: files.certificate });
}

type Recorded = SourceRecord & {
  readonly last: NonNullable<SourceRecord["last"]>;
};

/** null: nothing is recorded. */
async function recallOne(
  world: World,
  known: BoardEntry | undefined,
  path: string,
  group: readonly Candidate[],
): Promise<BoardEntry | null> {
  const records: Recorded[] = [];
  for (const { files } of group) {
    const record = await world.store.sources.get(sourceId(files));
    if (record?.last != null) records.push({ ...record, last: record.last });
  }
  const outcome = worstOf(records.map(({ last }) => last.outcome));
  const decisive = records.find(({ last }) => last.outcome === outcome);
  if (outcome === null || decisive === undefined) return null;
  const liveSince = decisive.deployed?.at ?? null;
  const at = new Date(decisive.last.at);
  const before = known?.report ?? null;
  const report =
    known !== undefined && known.at >= at
      ? known.report
      : await reportOf(world, { path, outcome, decisive, before });
  return {
    report: withRecord(world, report, decisive),
    at: known !== undefined && known.at > at ? known.at : at,
    liveSince,
  };
}

/** What the record tells of any report: the last run, and what was served when nothing could be seen for faulty files. */
function withRecord(
  world: World,
  report: LineageReport,
  { last: { at, outcome, detail }, deployed }: Recorded,
): LineageReport {
  const remembered = { ...report, last: { at, outcome, detail } };
  const first = servedBy(deployed);
  if (!isFailure(outcome) || report.served.length > 0 || first === null)
    return remembered;
  const renewalDue = renewalDueOf(datesOf(first), world);
  return { ...remembered, served: [first], renewalDue };
}

async function reportOf(
  world: World,
  recorded: {
    readonly path: string;
    readonly outcome: Outcome;
    readonly decisive: Recorded;
    readonly before: LineageReport | null;
  },
): Promise<LineageReport> {
  const { path, outcome, decisive, before } = recorded;
  const { lineage, last, deployed } = decisive;
  const leaf = await readLeaf(decisive.certificate);
  const now = isFailure(outcome) ? null : servedBy(deployed);
  const served = now === null ? (before?.served ?? []) : [now];
  return {
    name: lineage?.name ?? null,
    path,
    outcome: outcome === "deployed" ? "live" : outcome,
    last: null,
    reason: isFailure(outcome) ? last.detail : null,
    remedy: null,
    leaf:
      leaf === null
        ? null
        : reportLeaf(leaf, bundleOf(deployed, leaf.fingerprint256)),
    served,
    renewalDue: renewalDueOf(datesOf(served[0] ?? null) ?? leaf, world),
    valid: outcome !== "rejected",
    findings: [],
    probes: probesNow(before, outcome, leaf),
  };
}

function servedBy(deployed: SourceRecord["deployed"]): ServedReport | null {
  if (deployed === null) return null;
  const { fingerprint256, notBefore, notAfter } = deployed;
  return { fingerprint256, notBefore, notAfter };
}

function bundleOf(
  deployed: SourceRecord["deployed"],
  fingerprint256: string,
): string | null {
  return deployed?.fingerprint256 === fingerprint256
    ? deployed.bundle256
    : null;
}

function datesOf(
  served: ServedReport | null,
): Pick<Certificate, "notBefore" | "notAfter"> | null {
  return served === null
    ? null
    : {
        notBefore: new Date(served.notBefore),
        notAfter: new Date(served.notAfter),
      };
}

/** The run that recorded it has seen it at the points that there were; what could not be judged there still cannot. */
function probesNow(
  before: LineageReport | null,
  outcome: Outcome,
  leaf: Certificate | null,
): LineageReport["probes"] {
  const probes = before?.probes ?? [];
  const isLive = outcome === "live" || outcome === "deployed";
  if (!isLive || leaf === null) return probes;
  const { fingerprint256: expected } = leaf;
  return probes.map((probe) =>
    probe.verdict === "unverified"
      ? { ...probe, expected }
      : {
          ...probe,
          expected,
          before: expected,
          after: null,
          verdict: "live",
          error: null,
        },
  );
}
