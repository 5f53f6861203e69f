/**
 * The no-regression rule: a sound new certificate is never held back in favour of a worse served one (promise P8), and
 * a certificate that clients would refuse never replaces one that they accept, until waiting would harm everybody.
 */
import { findingIdentity, type Finding } from "./finding.ts";

/** What clients are handed at present, as far as it is known. */
export type Present =
  | {
      readonly kind: "known";
      /** Seen in a handshake now, or remembered from the last deployment. */
      readonly source: "served" | "deployed";
      /** Identities (findingIdentity) of the regressions that it suffers from itself. */
      readonly regressions: ReadonlySet<string>;
      readonly notBefore: Date;
      readonly notAfter: Date;
    }
  /** Nginx answers and every handshake fails: nothing can be worse. */
  | { readonly kind: "broken" }
  | { readonly kind: "unknown" };

export interface Weighed {
  /** Findings because of which the certificate is held back. */
  readonly blocking: readonly Finding[];
  /** All findings, the tolerated regressions as warnings that say why they were tolerated. */
  readonly findings: readonly Finding[];
}

const tenth = 0.1;
const dayMs = 24 * 60 * 60 * 1000;

/** Less than a tenth of the lifetime is left, at least 24 h before the end: from here on waiting harms everybody. */
export function isNearItsEnd(
  validity: { notBefore: Date; notAfter: Date },
  now: Date,
): boolean {
  return now.getTime() >= deadline(validity).getTime();
}

/** When a held-back certificate must go live whatever else is wrong with it. */
export function deadline(validity: { notBefore: Date; notAfter: Date }): Date {
  const lifetimeMs = validity.notAfter.getTime() - validity.notBefore.getTime();
  return new Date(
    validity.notAfter.getTime() - Math.max(lifetimeMs * tenth, dayMs),
  );
}

/**
 * Splits findings into those that hold the certificate back and those that are only told. Fatal findings always block;
 * `force` overrides regressions, never fatal findings.
 */
export function weigh(input: {
  readonly findings: readonly Finding[];
  readonly present: Present;
  readonly now: Date;
  readonly force: boolean;
}): Weighed {
  const blocking: Finding[] = [];
  const findings: Finding[] = [];
  for (const finding of input.findings) {
    const tolerance =
      finding.severity === "regression"
        ? toleratedBecause(finding, input)
        : null;
    if (tolerance === null) {
      findings.push(finding);
      if (finding.severity !== "warning") blocking.push(finding);
    } else {
      findings.push({
        ...finding,
        severity: "warning",
        message: `${finding.message} (${tolerance})`,
      });
    }
  }
  return { blocking, findings };
}

function toleratedBecause(
  finding: Finding,
  { present, now, force }: { present: Present; now: Date; force: boolean },
): string | null {
  if (force) return "overridden by --force";
  switch (present.kind) {
    case "broken":
      return "tolerated: every handshake fails with what is served now";
    case "unknown":
      return finding.rule === "chain/untrusted"
        ? "tolerated: nothing is known of what is served now"
        : null;
    case "known":
      return toleratedBesides(finding, present, now);
  }
}

function toleratedBesides(
  finding: Finding,
  present: Extract<Present, { kind: "known" }>,
  now: Date,
): string | null {
  if (present.regressions.has(findingIdentity(finding)))
    return `tolerated: the ${present.source} certificate has the same fault`;
  if (now.getTime() > present.notAfter.getTime())
    return `tolerated: the ${present.source} certificate has expired`;
  const isAboutDates =
    finding.rule === "dates/expired" || finding.rule === "dates/not-yet-valid";
  if (isAboutDates) return null;
  if (now.getTime() < present.notBefore.getTime())
    return `tolerated: the ${present.source} certificate is not yet valid`;
  if (isNearItsEnd(present, now))
    return `tolerated: the ${present.source} certificate is near its end`;
  return null;
}
