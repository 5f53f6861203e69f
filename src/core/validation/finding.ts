import type { RuleId } from "./catalogue.ts";

/**
 * fatal: Nginx could not load or serve it. regression: clients would refuse it. warning: worth a look.
 */
export type Severity = "fatal" | "regression" | "warning";

/** One rule's judgement on the user's files. */
export interface Finding {
  readonly rule: RuleId;
  readonly severity: Severity;
  /** What is wrong, in terms of the user's files and server names. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
  /** The name that a `names/…` finding is about, else null. Part of a regression's identity. */
  readonly subject: string | null;
}

/** Two regressions are the same fault when their rule is, and for names the name too. */
export function findingIdentity(finding: Finding): string {
  return finding.subject === null
    ? finding.rule
    : `${finding.rule} ${finding.subject}`;
}
