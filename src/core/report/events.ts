import { isFailure, type Outcome } from "../decision/outcome.ts";
import type { JournalEntry } from "../decision/record.ts";
import type { LastSeen } from "../metrics/families.ts";
import type { EventReport } from "./document.ts";

/** A line of the journal for people. */
export function eventOf({
  at,
  command,
  lineage,
  certificate,
  outcome,
  reloads,
  detail,
}: JournalEntry): EventReport {
  const name = lineage ?? certificate ?? "";
  return { at, command, name, outcome, reloads, detail };
}

/** When each certificate last failed with which outcome, by name, as far back as these entries reach. */
export function lastFailures(
  entries: readonly JournalEntry[],
): ReadonlyMap<string, LastSeen["failures"]> {
  const byName = new Map<string, Map<Outcome, string>>();
  for (const entry of entries) {
    if (!isFailure(entry.outcome)) continue;
    const { name, outcome, at } = eventOf(entry);
    const known = byName.get(name) ?? new Map<Outcome, string>();
    if (at > (known.get(outcome) ?? "")) known.set(outcome, at);
    byName.set(name, known);
  }
  return new Map(
    [...byName].map(([name, known]) => [
      name,
      [...known].map(([outcome, at]) => ({ outcome, at })),
    ]),
  );
}
