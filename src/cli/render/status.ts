import { createColors } from "picocolors";
import type { LineageReport, RunDocument } from "../../core/report/document.ts";
import { shortFingerprint } from "./fingerprint.ts";
import {
  lineageLabel,
  outcomeCell,
  renderExpiry,
  renderLineage,
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
    ["certificate", "state", "expiry", "on disk", "served", "names"],
    lineages.map((lineage) => row(lineage, colours, style.now)),
    style,
  );
  const details = lineages
    .filter((lineage) => !isFine(lineage))
    .flatMap((lineage) => renderLineage(lineage, colours, style.now));
  const warnings = document.warnings.map((warning) => `warning: ${warning}`);
  const lines = [...details, ...warnings, answer(lineages)];
  return table + lines.map((line) => `${line}\n`).join("");
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

/** Live without a remark, or not used at all. */
function isFine({ outcome, findings, probes }: LineageReport): boolean {
  return (
    (outcome === "live" || outcome === "unused") &&
    findings.length === 0 &&
    probes.every(({ verdict }) => verdict === "live")
  );
}

function answer(lineages: readonly LineageReport[]): string {
  const used = lineages.filter(({ outcome }) => outcome !== "unused");
  const live = used.filter(({ outcome }) => outcome === "live").length;
  if (used.length === 0) return "Nginx uses no certificate that livecert knows";
  return live === used.length
    ? "every certificate is live"
    : `${live} of ${used.length} certificates are live`;
}
