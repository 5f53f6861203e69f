import type { Outcome } from "../decision/outcome.ts";
import type { Finding } from "../validation/finding.ts";

/** The one JSON document that a run prints with `--json`. Fields may be added; none changes its meaning. */
export interface RunDocument {
  readonly schema: 1;
  /** Identifies the run in log and journal. */
  readonly run: string;
  readonly command: string;
  /** null: nothing was to be done (no lineage at all). */
  readonly outcome: Outcome | null;
  readonly exitCode: number;
  readonly reloads: number;
  readonly nginx: NginxReport | null;
  readonly lineages: readonly LineageReport[];
  /** What was to be put where a service expects it, and what became of it. */
  readonly publications: readonly PublicationReport[];
  /** Sentences for people: what is not about one lineage. */
  readonly warnings: readonly string[];
  readonly timingsMs: Readonly<Record<string, number>>;
}

export interface NginxReport {
  /** false where one of several targets refuses its own; null where none could be asked. */
  readonly configOk: boolean | null;
  /** The first target's. */
  readonly masterPid: number | null;
  /** Files on disk that Nginx has not loaded. */
  readonly configPending: readonly string[];
  readonly draining: number;
  readonly errors: readonly string[];
  /** Targets that could not be asked, or refuse their configuration, and of which no lineage tells that. */
  readonly unjudged: readonly string[];
}

export interface LeafReport {
  readonly fingerprint256: string;
  readonly bundle256: string | null;
  readonly serial: string;
  readonly subject: string;
  readonly issuer: string;
  /** ISO 8601, UTC. */
  readonly notBefore: string;
  readonly notAfter: string;
  readonly subjectAltNames: readonly string[];
  readonly keyType: string;
}

/** A certificate that a client was handed; instants are ISO 8601, UTC. */
export interface ServedReport {
  readonly fingerprint256: string;
  readonly notBefore: string;
  readonly notAfter: string;
}

export interface ProbeReport {
  readonly target: string;
  readonly address: string;
  readonly servername: string | null;
  /** Leaf fingerprints. */
  readonly expected: string | null;
  readonly before: string | null;
  readonly after: string | null;
  /** `live`: the expected bundle was seen. `stale`: another one. `unverified`: could not be judged, `error` says why. */
  readonly verdict: "live" | "stale" | "unverified";
  readonly error: string | null;
}

export interface LastOutcome {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly outcome: Outcome;
  readonly detail: string | null;
}

export interface LineageReport {
  /** null for a source that is no lineage; `path` is then its certificate file. */
  readonly name: string | null;
  readonly path: string;
  readonly outcome: Outcome | null;
  /** What the run before this one recorded; null where there was none. */
  readonly last: LastOutcome | null;
  /** One sentence for people: why this outcome. */
  readonly reason: string | null;
  /** The one command or change that mends it. */
  readonly remedy: string | null;
  readonly leaf: LeafReport | null;
  /** Each once, the one that expires first in front; none where nothing was seen. */
  readonly served: readonly ServedReport[];
  /**
   * From here on a renewal is overdue: of the first of `served`, of `leaf` where nothing was seen. ISO 8601, UTC.
   */
  readonly renewalDue: string | null;
  /** No fatal and no regression finding. */
  readonly valid: boolean;
  readonly findings: readonly Finding[];
  readonly probes: readonly ProbeReport[];
}

export interface PublicationReport {
  readonly name: string;
  /** As the configuration names it. */
  readonly lineage: string;
  /** Where the service finds them. */
  readonly files: readonly string[];
  /**
   * `held`: gone back to an earlier version, until the lineage changes. `due`: a dry run does not publish. `rejected`: what
   * is published is no worse. `failed`: see `reason`.
   */
  readonly state:
    | "published"
    | "unchanged"
    | "rolled-back"
    | "held"
    | "due"
    | "rejected"
    | "failed";
  /** null where it has no part in the run's outcome. */
  readonly outcome: Outcome | null;
  readonly reason: string | null;
  readonly remedy: string | null;
  /** What is published now; null: nothing of livecert's. */
  readonly version: string | null;
  /** Of its leaf; null also for what was there before livecert. */
  readonly fingerprint256: string | null;
}

/** The running watcher, as `livecert status` shows it; instants are ISO 8601, UTC. */
export interface WatcherReport {
  readonly pid: number;
  readonly since: string;
  /** How many certificate sources it looks after. */
  readonly sources: number;
  readonly lastRun: WatcherRun | null;
  readonly retries: readonly WatcherRetry[];
  /** When everything is looked through again. */
  readonly reconcileAt: string | null;
  /** Where it answers HTTP, as it is configured, with the real port; null: nowhere. */
  readonly http: string | null;
}

export interface WatcherRun {
  readonly at: string;
  /** For people, e.g. `2 deployed, 1 rejected`. */
  readonly summary: string;
  readonly reloads: number;
}

export interface WatcherRetry {
  readonly name: string;
  readonly outcome: string;
  readonly attempts: number;
  readonly at: string;
}

/** `livecert status --json`, and what the watcher answers to `/api/status`. */
export interface StatusDocument extends RunDocument {
  /** The machine's name. */
  readonly host: string;
  /** When this was known to be so; ISO 8601, UTC. */
  readonly at: string;
  /** null where none runs. */
  readonly watcher: WatcherReport | null;
  /** The last lines of the journal, newest first. */
  readonly events: readonly EventReport[];
}

/** What a run did about one certificate source. */
export interface EventReport {
  readonly at: string;
  readonly command: string;
  /** The lineage's name, else the certificate's path. */
  readonly name: string;
  readonly outcome: Outcome;
  readonly reloads: number;
  readonly detail: string | null;
}

/** `livecert uses --json`. */
export interface UsesDocument {
  readonly schema: 1;
  readonly uses: readonly UseReport[];
  /** What of the configuration was not understood, so that uses may be missing; `FILE:LINE: …`, for people. */
  readonly warnings: readonly string[];
}

export interface UseReport {
  /** Which Nginx; null for a saved dump. */
  readonly target: string | null;
  readonly certificate: string;
  readonly key: string | null;
  readonly file: string;
  readonly line: number;
  readonly context: "http" | "stream" | "mail";
  readonly directive: string;
  readonly serverNames: readonly string[];
  readonly listeners: readonly {
    readonly address: string;
    readonly ssl: boolean;
    readonly quic: boolean;
    readonly proxyProtocol: boolean;
    readonly default: boolean;
  }[];
  readonly lineage: string | null;
  readonly dynamic: boolean;
}
