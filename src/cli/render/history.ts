import type { JournalEntry } from "../../core/decision/record.ts";
import { shortFingerprint } from "./fingerprint.ts";
import { renderTable, type TableStyle } from "./table.ts";

export function renderHistory(
  entries: readonly JournalEntry[],
  style: TableStyle,
): string {
  return renderTable(
    ["time", "command", "lineage", "outcome", "fingerprint", "detail"],
    entries.map((entry) => [
      entry.at,
      entry.command,
      entry.lineage ?? entry.certificate ?? "-",
      entry.outcome,
      shortFingerprint(entry.fingerprint256),
      entry.detail ?? "",
    ]),
    style,
  );
}
