/** What is pending, when it is tried again, and when that is worth a line in the log. */
import { backoffMs, type Rhythm } from "./rhythm.ts";

/** Something that is pending after a run. */
export interface Failure {
  readonly subject: string;
  /** Two failures with the same words are the same failure. */
  readonly words: string;
}

export interface Retry {
  /** Since the subject's files last changed. */
  readonly attempts: number;
  readonly dueMs: number;
  /** How often this very failure was found, one after the other. */
  readonly times: number;
  readonly words: string;
}

export type Telling =
  /** For the first, second, fourth, … time. */
  | {
      readonly kind: "failing";
      readonly subject: string;
      readonly times: number;
      /** When it is tried again. */
      readonly dueMs: number;
    }
  | {
      readonly kind: "recovered";
      readonly subject: string;
      /** How often it had failed. */
      readonly times: number;
    }
  | { readonly kind: "waiting-for-certbot" }
  | {
      readonly kind: "broken";
      readonly reason: string;
      readonly times: number;
      readonly againMs: number;
    }
  /** After runs that broke, one has come to its end. */
  | { readonly kind: "mended"; readonly times: number };

export function retriesAfter(input: {
  readonly before: ReadonlyMap<string, Retry>;
  readonly failures: readonly Failure[];
  readonly wasTried: (subject: string) => boolean;
  readonly rhythm: Rhythm;
  readonly chance: number;
  readonly now: number;
}): {
  readonly retries: ReadonlyMap<string, Retry>;
  readonly tellings: readonly Telling[];
} {
  const { before, failures, wasTried, rhythm, chance, now } = input;
  const retries = new Map<string, Retry>();
  const tellings: Telling[] = [];
  for (const { subject, words } of failures) {
    const known = before.get(subject);
    if (known !== undefined && !wasTried(subject)) {
      retries.set(subject, known);
      continue;
    }
    const attempts = (known?.attempts ?? 0) + 1;
    const times = known?.words === words ? known.times + 1 : 1;
    const dueMs = now + backoffMs(rhythm, attempts, chance);
    retries.set(subject, { attempts, dueMs, times, words });
    if (Number.isInteger(Math.log2(times)))
      tellings.push({ kind: "failing", subject, times, dueMs });
  }
  for (const [subject, { times }] of before)
    if (!retries.has(subject))
      tellings.push({ kind: "recovered", subject, times });
  return { retries, tellings };
}
