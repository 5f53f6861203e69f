/** What is pending after a run, in the words that are logged. */
import type { Outcome } from "../core/decision/outcome.ts";
import type { Failure } from "../core/schedule/retries.ts";

export interface Failing {
  readonly subject: string;
  /** As people call it: the lineage's name, else the certificate's path. */
  readonly name: string;
  readonly outcome: Outcome;
  readonly detail: string;
  /** null also where this run has not looked at it. */
  readonly remedy: string | null;
  /** Names of its files in the state's `pending`; without them it fails no more. */
  readonly records: readonly string[];
}

/** With words that stay the same while nothing but a number or a date in them changes. */
export function failuresOf(failing: readonly Failing[]): readonly Failure[] {
  return failing.map(({ subject, outcome, detail }) => ({
    subject,
    words: `${outcome}: ${detail.replaceAll(/\d+/g, "0")}`,
  }));
}
