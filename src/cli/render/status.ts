import { createColors } from "picocolors";
import { isFailure } from "../../core/decision/outcome.ts";
import type { LineageReport, RunDocument } from "../../core/report/document.ts";
import { isServed } from "../../core/report/served.ts";
import { printable } from "../../core/report/text.ts";
import { shortFingerprint } from "./fingerprint.ts";
import { renderNotes } from "./notes.ts";
import {
  lineageLabel,
  outcomeCell,
  renderExpiry,
  renderLineage,
  renderPublication,
  sayOnce,
  shortList,
} from "./run.ts";
import { renderTable, type Cell, type TableStyle } from "./table.ts";

export type StatusStyle = TableStyle & { readonly now: Date };

/** Is every certificate live? One row for each, then what is wrong, then the answer. */
export function renderStatus(
  document: RunDocument,
  style: StatusStyle,
): string {
  const colours = createColors(style.colours);
  const { lineages } = document;
  const table = renderTable(
    [
      "certificate",
      "state",
      "expiry",
      "on disk",
      "served",
      "last run",
      "names",
    ],
    lineages.map((lineage) => row(lineage, colours, style.now)),
    style,
  );
  const details = sayOnce(
    lineages.filter((lineage) => !isFine(lineage)),
  ).flatMap((lineage) => [
    ...renderLineage(lineage, colours, style.now),
    ...lastFailure(lineage),
  ]);
  const published = document.publications
    .filter(({ state }) => state !== "unchanged")
    .flatMap((publication) => renderPublication(publication, colours));
  const lines = [
    ...details,
    ...published,
    ...renderNotes(document),
    answer(document),
  ];
  return table + lines.map((line) => `${line}\n`).join("");
}

/** What went wrong the last time that something was done about it. */
function lastFailure({ last, outcome }: LineageReport): readonly string[] {
  if (last === null || !isFailure(last.outcome) || last.outcome === outcome)
    return [];
  const detail = last.detail === null ? "" : `, ${last.detail}`;
  return [printable(`  last run (${last.at}): ${last.outcome}${detail}`)];
}

function row(
  lineage: LineageReport,
  colours: ReturnType<typeof createColors>,
  now: Date,
): readonly Cell[] {
  const { leaf } = lineage;
  return [
    lineageLabel(lineage),
    outcomeCell(lineage, colours),
    leaf === null ? "-" : renderExpiry(leaf.notAfter, now),
    shortFingerprint(leaf?.fingerprint256 ?? null),
    served(lineage),
    lastRun(lineage),
    leaf === null ? "-" : shortList(leaf.subjectAltNames),
  ];
}

/** Every certificate that was seen at one of the probe points. */
function served({ probes }: LineageReport): string {
  const seen = probes.flatMap(({ before, after }) => after ?? before ?? []);
  return seen.length === 0
    ? "-"
    : [...new Set(seen)].map(shortFingerprint).join(" ");
}

/** `deployed 2026-11-23 12:00`, in UTC. */
function lastRun({ last }: LineageReport): string {
  if (last === null) return "-";
  return `${last.outcome} ${last.at.slice(0, 16).replace("T", " ")}`;
}

/** Live without a remark, or not used at all. */
function isFine({ outcome, findings, probes }: LineageReport): boolean {
  return (
    (outcome === "live" || outcome === "unused") &&
    findings.length === 0 &&
    probes.every(({ verdict }) => verdict === "live")
  );
}

function answer({ lineages, nginx, outcome }: RunDocument): string {
  const unjudged = nginx?.unjudged ?? [];
  const used = lineages.filter(({ outcome }) => outcome !== "unused");
  const live = used.filter(isServed).length;
  const unused = lineages.length - used.length;
  const rest = unused === 0 ? "" : `, ${unused} not used by Nginx`;
  if (used.length === 0)
    return outcome !== null && isFailure(outcome)
      ? "which certificates Nginx uses could not be asked"
      : "Nginx uses no certificate that livecert knows";
  const unknown =
    unjudged.length === 0 ? "" : `; nothing is known of ${unjudged.join(", ")}`;
  return live === used.length
    ? `every certificate ${unused === 0 ? "" : "in use "}is live${rest}${unknown}`
    : `${live} of ${used.length} certificates are live${rest}${unknown}`;
}
