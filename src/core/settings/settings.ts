import type { Channel } from "./channels.ts";
import type { Endpoint } from "./endpoint.ts";
import type { PublicationSetting } from "./publications.ts";
import type { TargetSetting } from "./targets.ts";

/** The effective settings of a run, checked once at the edge. Durations in ms. Defaults: the option table beside this file. */
export interface Settings {
  readonly certbotDir: string;
  readonly stateDir: string;
  readonly runDir: string;
  readonly json: boolean;
  readonly logLevel: LogLevel;
  readonly nginx: {
    /** null: looked for under the known names of Nginx and its forks. */
    readonly bin: string | null;
    /** null: compiled in. */
    readonly conf: string | null;
    readonly prefix: string | null;
    readonly reloadBy: "signal" | "nginx" | "systemctl";
    /** For `systemctl reload`. */
    readonly unit: string;
  };
  /** Empty: what is found. */
  readonly targets: readonly TargetSetting[];
  readonly publish: readonly PublicationSetting[];
  /** Files with trust roots beyond the system's. */
  readonly roots: readonly string[];
  /** How long a sound certificate waits for another source's regression to be mended. */
  readonly holdbackMs: number;
  readonly http: Endpoint;
  readonly metrics: {
    /** For node_exporter; null: none is written. */
    readonly textfile: string | null;
  };
  readonly notify: readonly Channel[];
  readonly alerts: AlertSettings;
  readonly watch: WatchSettings;
  readonly limits: Limits;
}

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "silent";

/** What is worth telling, when, and how it is sent. */
export interface AlertSettings {
  readonly floorsMs: readonly number[];
  readonly graceMs: number;
  readonly remindMs: number;
  readonly certbotLogs: string;
  readonly timeoutMs: number;
  readonly sendAgainMs: number;
}

/** When the service does what. */
export interface WatchSettings {
  readonly quietMs: number;
  readonly quietUnseenMs: number;
  readonly reconcileMs: number;
  readonly sweepMs: number;
  readonly retryFirstMs: number;
  readonly retryLongestMs: number;
  /** null: the kernel's events are waited for. */
  readonly pollMs: number | null;
  readonly runMs: number;
}

/** Every wait has an end (promise P9). */
export interface Limits {
  readonly nginxCommandMs: number;
  readonly reloadCommandMs: number;
  readonly connectMs: number;
  readonly handshakeMs: number;
  readonly generationBaseMs: number;
  readonly generationPerCertificateMs: number;
  readonly generationMaxMs: number;
  readonly settleHookMs: number;
  readonly settleWatcherMs: number;
  readonly engineMs: number;
  readonly hookMs: number;
  readonly lockHookMs: number;
  readonly lockMs: number;
  readonly probesAtOnce: number;
  readonly drainingGenerations: number;
  readonly quietConfigurationMs: number;
  readonly certbotWaitMs: number;
}
