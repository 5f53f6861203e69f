import { basename } from "node:path";
import type { PendingEntry } from "../core/decision/record.ts";
import { recordOf } from "../pipeline/pending.ts";
import type { RunDocument } from "../core/report/document.ts";
import { subjectOf } from "../core/lineage/subject.ts";
import type { Failing } from "./failing.ts";

/** Of each subject the last one. */
export function failingNow(
  pending: readonly PendingEntry[],
  document: RunDocument | null,
): readonly Failing[] {
  const remedies = new Map(
    document?.lineages.map(({ path, remedy }) => [path, remedy]),
  );
  const bySubject = new Map<string, Failing>();
  for (const entry of pending) {
    const { lineage, outcome, detail } = entry;
    const subject = subjectOf(entry);
    bySubject.set(subject, {
      subject,
      name: lineage === null ? subject : basename(subject),
      outcome,
      detail,
      remedy: remedies.get(subject) ?? null,
      records: [...(bySubject.get(subject)?.records ?? []), recordOf(entry)],
    });
  }
  return [...bySubject.values()];
}
