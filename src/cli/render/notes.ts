/** What concerns the whole run rather than one lineage. */
import type { RunDocument } from "../../core/report/document.ts";
import { printable } from "../../core/report/text.ts";

/** Nginx's own words (unless a lineage's reason has them already), what it has not loaded yet, and the warnings. */
export function renderNotes(document: RunDocument): readonly string[] {
  const { nginx, lineages, warnings } = document;
  const errors = (nginx?.errors ?? []).filter(
    (line) => !lineages.some(({ reason }) => reason?.includes(line) ?? false),
  );
  const pending = nginx?.configPending ?? [];
  const notes = [
    ...errors.map((line) => `nginx: ${line.replace(/^nginx: /, "")}`),
    ...(pending.length === 0
      ? []
      : [`edited, and not loaded by Nginx yet: ${pending.join(", ")}`]),
    ...warnings.map((warning) => `warning: ${warning}`),
  ];
  return notes.map(printable);
}
