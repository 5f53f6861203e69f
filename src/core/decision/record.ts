import type { FileIdentity, Lineage } from "../lineage/lineage.ts";
import type { NginxModel } from "../nginx/model.ts";
import type { Outcome } from "./outcome.ts";

/** The master and its workers, each by pid and start time (clock ticks since boot), so that a reused pid differs. */
export interface Generation {
  readonly master: ProcessIdentity;
  /** Accepting workers, sorted by pid. */
  readonly workers: readonly ProcessIdentity[];
  /** Old workers that are shutting down gracefully. */
  readonly draining: readonly ProcessIdentity[];
}

export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: string;
}

/** Where and how a source was last seen: lets a run skip what cannot have changed. A record, never the truth. */
export interface LastSeen {
  readonly at: string;
  readonly target: string;
  /** Resolved files of the source as they were. */
  readonly files: readonly FileIdentity[];
  readonly generation: Generation;
  readonly bundle256: string;
}

/**
 * The reloads already made for one on-disk state under one configuration and one master: at most two (promise P2).
 * Each is recorded before the signal is sent, so that a run that dies in between is counted rightly by the next.
 */
export interface ReloadAttempts {
  /** Id of the certificate source. */
  readonly source: string;
  /** filesKey of the source's files. */
  readonly files: string;
  readonly master: ProcessIdentity;
  /** Digest of the dump. */
  readonly configuration: string;
  readonly signalled: readonly SignalledReload[];
}

export interface SignalledReload {
  /** Before the signal. */
  readonly generation: Generation;
  /** `open`: not known yet. `unseen`: no new workers came and no log said why. */
  readonly effect: "open" | "new-generation" | "refused" | "unseen";
}

/** What the state keeps of one certificate source: `STATE/v1/sources/…json`, one file per source. */
export interface SourceRecord {
  readonly schema: 1;
  readonly certificate: string;
  readonly key: string | null;
  readonly lineage: Lineage | null;
  /** What livecert last saw served after its own reload, or found live. */
  readonly deployed: {
    readonly at: string;
    readonly version: number | null;
    readonly fingerprint256: string;
    readonly bundle256: string;
    readonly notBefore: string;
    readonly notAfter: string;
    /** Identities of the regressions that it had, for the no-regression rule. */
    readonly regressions: readonly string[];
    /** DER, base64: which names it covered. Certificates are public. */
    readonly leaf: string;
    /** DER, base64: issuers known from before. */
    readonly others: readonly string[];
  } | null;
  readonly seen: readonly LastSeen[];
  /** The outcome that was last recorded, and for which on-disk version. */
  readonly last: {
    readonly at: string;
    readonly run: string;
    readonly outcome: Outcome;
    readonly version: number | null;
    /** Digest of the certificate file's bytes: "that very version". */
    readonly fingerprint256: string | null;
    readonly detail: string | null;
  } | null;
  /** The judge's verdict on a bundle, kept because it does not depend on the time. */
  readonly verdict: {
    readonly key: string;
    readonly rules: readonly string[];
  } | null;
  /** The rehearsal's result for these files. */
  readonly rehearsal: {
    readonly files: string;
    readonly bundle256: string;
  } | null;
}

/** `STATE/v1/pending/…json`: what `retry` and the watcher take up again. */
export interface PendingEntry {
  readonly schema: 1;
  readonly certificate: string | null;
  readonly key: string | null;
  readonly lineage: Lineage | null;
  readonly outcome: Outcome;
  /** ISO 8601; of the first failure for this on-disk version. */
  readonly since: string;
  /** ISO 8601; of the newest file of this on-disk version. The `holdback` counts from here. */
  readonly renewedAt: string;
  readonly fingerprint256: string | null;
  readonly attempts: number;
  readonly detail: string;
}

/** `STATE/v1/queue/…json`: a renewed lineage that waits for the one reload at the end of its Certbot run. */
export interface QueueEntry {
  readonly schema: 1;
  readonly lineage: Lineage;
  readonly version: number | null;
  readonly at: string;
  /** The Certbot that renewed it, where one was found. */
  readonly certbot: ProcessIdentity | null;
}

/** `STATE/v1/models/TARGET.json`: what is known when `nginx -T` prints nothing. Written when the dump changes. */
export interface ModelRecord {
  readonly schema: 1;
  readonly target: string;
  readonly at: string;
  /** The livecert whose reader made the model; another one may understand more of the same dump. */
  readonly readBy: string;
  readonly model: NginxModel;
  readonly files: readonly FileIdentity[];
  /** Digest of the dump's text. */
  readonly digest: string;
  /** The dump that Nginx ran when this one was found on disk, where that was known. */
  readonly previous: {
    readonly digest: string;
    readonly model: NginxModel;
  } | null;
}

/** `STATE/v1/targets/TARGET.json`: what is known of an Nginx that runs. Small, since every reload writes it. */
export interface TargetRecord {
  readonly schema: 1;
  readonly target: string;
  readonly at: string;
  /**
   * Generations that followed each other by reloads that livecert made and saw take effect, newest last: a source whose
   * files have not changed since it was seen under one of them is served unchanged by the newest.
   */
  readonly generations: readonly Generation[];
  /** The dump that the newest generation was last known to run. */
  readonly loadedDigest: string | null;
  readonly attempts: readonly ReloadAttempts[];
}

/** One line of `journal.jsonl`. */
export interface JournalEntry {
  readonly schema: 1;
  readonly at: string;
  readonly run: string;
  readonly command: string;
  readonly lineage: string | null;
  readonly certificate: string | null;
  readonly outcome: Outcome;
  readonly fingerprint256: string | null;
  readonly servedBefore: string | null;
  readonly reloads: number;
  readonly detail: string | null;
  readonly durationMs: number;
}
