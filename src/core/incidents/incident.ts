/** Something that people are told about once, reminded of at growing distance, and told the end of. */
import type { Outcome } from "../decision/outcome.ts";

/** A failure of a run by its outcome, or what the dates of a served certificate say. */
export type IncidentKind =
  | Exclude<
      Outcome,
      "live" | "deployed" | "published" | "unverified" | "unused" | "deferred"
    >
  /** The renewal should have happened. */
  | "overdue"
  | "expired"
  /** An intermediate or root of the bundle expires before the leaf. */
  | "chain-ends-first";

/** Of one family at most one incident of a source is open at a time: a later kind takes an earlier one's place. */
export type Family = "deployment" | "renewal" | "chain";

export type Severity = "critical" | "warning";

interface KindInfo {
  readonly family: Family;
  readonly severity: Severity;
  /** What is wrong, after the certificate's name and a colon. */
  readonly phrase: string;
}

export const incidentKinds = {
  rejected: {
    family: "deployment",
    severity: "critical",
    phrase: "not live: what is on disk was rejected",
  },
  blocked: {
    family: "deployment",
    severity: "warning",
    phrase: "renewed but not live: another certificate holds the reload back",
  },
  "config-invalid": {
    family: "deployment",
    severity: "critical",
    phrase:
      "no renewal can go live: Nginx's own test refuses its configuration",
  },
  "reload-failed": {
    family: "deployment",
    severity: "critical",
    phrase: "renewed but not live: Nginx did not reload",
  },
  "not-running": {
    family: "deployment",
    severity: "critical",
    phrase: "not live: Nginx is not running",
  },
  stale: {
    family: "deployment",
    severity: "critical",
    phrase: "renewed but not live: another certificate is still served",
  },
  unpublished: {
    family: "deployment",
    severity: "critical",
    phrase: "renewed but not where a service expects it",
  },
  reloading: {
    family: "deployment",
    severity: "warning",
    phrase: "renewed but not live: Nginx is still reloading",
  },
  locked: {
    family: "deployment",
    severity: "warning",
    phrase: "renewed but not live: no run comes to its end",
  },
  overdue: {
    family: "renewal",
    severity: "warning",
    phrase: "renewal overdue",
  },
  expired: {
    family: "renewal",
    severity: "critical",
    phrase: "expired",
  },
  "chain-ends-first": {
    family: "chain",
    severity: "warning",
    phrase: "its chain will break before it expires",
  },
} as const satisfies Record<IncidentKind, KindInfo>;

/** What is said of the sources of a family when it is over. */
export const recoveredPhrases = {
  deployment: "no longer failing",
  renewal: "no longer overdue",
  chain: "its chain lasts as long as it does",
} as const satisfies Record<Family, string>;

/** Something that is wrong at present. Instants are ISO 8601, UTC. */
export interface Condition {
  readonly target: string;
  /** The lineage's directory, or the certificate file of a source that is none. */
  readonly source: string;
  /** The lineage's name, or the certificate file. */
  readonly name: string;
  readonly kind: IncidentKind;
  readonly reason: string;
  readonly remedy: string | null;
  /** Names that the certificate is for. */
  readonly hostNames: readonly string[];
  /** When what clients are handed expires; null where that is not known. */
  readonly notAfter: string | null;
  /** Nobody is told before: much of what goes wrong is over before anybody has looked. */
  readonly tellFrom: string;
}

export interface Incident extends Omit<Condition, "tellFrom"> {
  readonly openedAt: string;
  /** null while it is open. A closed one is remembered for a while, since it may come back. */
  readonly closedAt: string | null;
  /** When people are told next: that it is there, or, once it is closed, that it is over. null: nothing is to be told. */
  readonly tellAt: string | null;
  /** When people were last told, whatever it was. */
  readonly toldAt: string | null;
  /** How often since it opened. */
  readonly told: number;
  /** How often people were told that it is over, and it came back soon afterwards or may still. */
  readonly endings: number;
  /** People know of it, or of the one whose place it took, and not yet that it is over. */
  readonly owesRecovery: boolean;
}

export type AnnouncedEvent = "opened" | "reminder" | "recovered";

/** What is told at once: incidents of one target that are alike. */
export interface Announcement {
  readonly event: AnnouncedEvent;
  readonly target: string;
  readonly incidents: readonly Incident[];
}

export function familyOf({ kind }: Pick<Incident, "kind">): Family {
  return incidentKinds[kind].family;
}
