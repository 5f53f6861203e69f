/**
 * A reload loads every file anew, so another source that is bad and not served yet would go live along with the good one.
 * How long it may hold the good one back: one tenant must not freeze a host.
 */
import {
  deadline,
  isNearItsEnd,
  type Present,
} from "../validation/no-regression.ts";
import type { Finding } from "../validation/finding.ts";
import type { Obstacle } from "./decide.ts";

/** The source that is held back. */
export interface HeldBack {
  /** When the newest of its files was written. */
  readonly renewedAt: Date | null;
  readonly present: Present;
  /** The end of its own validity decides where nothing is served yet. */
  readonly validity: { readonly notBefore: Date; readonly notAfter: Date };
  /** Nobody is handed a certificate for its names yet, so waiting protects no visitor of theirs. */
  readonly isNew: boolean;
}

/** What `other`'s findings mean for a reload that `heldBack` needs; null when they hold nobody back. */
export function obstacleFor(
  heldBack: HeldBack,
  other: { readonly label: string; readonly blocking: readonly Finding[] },
  holdbackMs: number,
): Obstacle | null {
  const worst =
    other.blocking.find(({ severity }) => severity === "fatal") ??
    other.blocking[0];
  if (worst === undefined || worst.severity === "warning") return null;
  const until =
    worst.severity === "fatal"
      ? lastMoment(heldBack)
      : earlier(endOfHoldback(heldBack, holdbackMs), lastMoment(heldBack));
  return {
    label: other.label,
    severity: worst.severity,
    message: worst.message,
    until,
  };
}

function endOfHoldback(
  { renewedAt, isNew }: HeldBack,
  holdbackMs: number,
): Date {
  if (isNew || renewedAt === null) return new Date(0);
  return new Date(renewedAt.getTime() + holdbackMs);
}

/** A tenth of the lifetime is left, at least a day. */
function lastMoment({ present, validity }: HeldBack): Date {
  switch (present.kind) {
    case "broken":
      return new Date(0);
    case "known":
      return deadline(present);
    case "unknown":
      return deadline(validity);
  }
}

function earlier(one: Date, other: Date): Date {
  return one.getTime() < other.getTime() ? one : other;
}

/** Waiting harms everybody: what is served has failed, expired, or has less than a tenth of its lifetime left. */
export function isUrgent(present: Present, now: Date): boolean {
  return (
    present.kind === "broken" ||
    (present.kind === "known" && isNearItsEnd(present, now))
  );
}
