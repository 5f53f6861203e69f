import { channelEntry } from "./channels.ts";
import type { EntryType } from "./entry.ts";
import { publicationEntry } from "./publications.ts";
import { targetEntry } from "./targets.ts";

/**
 * The one table of options. A row's key is its place in the configuration file (`nginx.bin` is `bin` below `nginx`); the
 * flag and the variable follow from it, so that the three can never disagree: `--nginx-bin`, `LIVECERT_NGINX_BIN`.
 *
 * A new option is a row here, a field in Settings and a line in settingsFrom, which does not compile without it.
 */
export const options = {
  "certbot-dir": {
    type: "path",
    default: "/etc/letsencrypt",
    text: "Certbot's configuration directory, which holds live/ and archive/",
  },
  "state-dir": {
    type: "path",
    default: "/var/lib/livecert",
    text: "where livecert keeps what it did and what is pending",
  },
  "run-dir": {
    type: "path",
    default: "/run/livecert",
    text: "where the lock and the socket of the running service are",
  },
  json: {
    type: "switch",
    default: false,
    text: "print one JSON document instead of text",
  },
  "log-level": {
    type: "choice",
    choices: ["trace", "debug", "info", "warn", "error", "silent"],
    default: "info",
    text: "the least important log lines that are written to stderr",
  },
  "nginx.bin": {
    type: "path",
    default: null,
    text: "the Nginx program; by default looked for under the known names of Nginx and its forks",
  },
  "nginx.conf": {
    type: "path",
    default: null,
    text: "Nginx's main configuration file; by default the one compiled in",
  },
  "nginx.prefix": {
    type: "path",
    default: null,
    text: "Nginx's prefix; by default the one compiled in",
  },
  "nginx.reload-by": {
    type: "choice",
    choices: ["signal", "nginx", "systemctl"],
    default: "signal",
    text: "how a reload is triggered: a signal to the master, nginx -s reload, or systemctl reload",
  },
  "nginx.unit": {
    type: "text",
    default: "nginx.service",
    text: "the unit that systemctl reload is told",
  },
  targets: {
    type: "entries",
    default: [],
    entry: targetEntry,
    text: "the Nginx to look after; by default the host's, and containers with the label livecert.enable=true",
  },
  publish: {
    type: "entries",
    default: [],
    entry: publicationEntry,
    text: "where certificates are put for services that look for them elsewhere, see publishing.md",
  },
  roots: {
    type: "paths",
    default: [],
    text: "files with trust roots beyond the system's own",
  },
  holdback: {
    type: "duration",
    default: 86_400_000,
    leastMs: 0,
    text: "how long a sound certificate waits for another one, which a reload would break, to be mended",
  },
  http: {
    type: "endpoint",
    default: "unix:RUN_DIR/http.sock",
    text: "where the service answers HTTP: unix:PATH, ADDRESS:PORT or off; RUN_DIR stands for run-dir",
  },
  "metrics.textfile": {
    type: "path",
    default: null,
    text: "a .prom file in the directory of node_exporter's textfile collector, written after each run while no watcher runs",
  },
  notify: {
    type: "entries",
    default: [],
    entry: channelEntry,
    text: "through what people are told of failures, of overdue renewals and of their end, see alerts.md",
  },
  "alerts.floors": {
    type: "durations",
    default: [],
    text: "a renewal is overdue also with less than one of these left; one that is longer than half a certificate's lifetime does not concern it",
  },
  "alerts.grace": {
    type: "duration",
    default: 86_400_000,
    leastMs: 0,
    text: "how long a renewal may be overdue before anybody is told, at most a tenth of the certificate's lifetime",
  },
  "alerts.remind": {
    type: "duration",
    default: 86_400_000,
    text: "how long after an alert its first reminder follows; the distance doubles each time, up to 16 times this",
  },
  "alerts.certbot-logs": {
    type: "path",
    default: "/var/log/letsencrypt",
    text: "Certbot's log directory, whose last lines go with an alert about a renewal",
  },
  "alerts.timeout": {
    type: "duration",
    default: 10_000,
    text: "limit for sending one message through one channel",
  },
  "alerts.send-again": {
    type: "duration",
    default: 60_000,
    text: "how soon a message that could not be sent is tried again; the pause doubles each time, up to an hour",
  },
  "watch.quiet": {
    type: "duration",
    default: 1_000,
    text: "how long nothing must change before the watcher looks at what has changed",
  },
  "watch.quiet-unseen": {
    type: "duration",
    default: 5_000,
    text: "the same where it cannot be seen whether a Certbot is at work",
  },
  "watch.reconcile": {
    type: "duration",
    default: 3_600_000,
    text: "how often the watcher compares everything with what is served, whatever it was told",
  },
  "watch.sweep": {
    type: "duration",
    default: 86_400_000,
    text: "how often it does so with a handshake for every certificate",
  },
  "watch.retry-first": {
    type: "duration",
    default: 60_000,
    text: "how soon a failure is tried again for the first time; the pause doubles each time",
  },
  "watch.retry-longest": {
    type: "duration",
    default: 21_600_000,
    text: "the longest pause between two attempts",
  },
  "watch.poll": {
    type: "duration",
    default: 0,
    leastMs: 0,
    text: "look for changes this often instead of waiting for the kernel's events, for file systems that have none; 0s: do not",
  },
  "watch.run": {
    type: "duration",
    default: 600_000,
    text: "limit for one run of the watcher",
  },
  "limits.nginx-command": {
    type: "duration",
    default: 20_000,
    text: "limit for nginx -T and nginx -t",
  },
  "limits.reload-command": {
    type: "duration",
    default: 20_000,
    text: "limit for the command that triggers a reload",
  },
  "limits.connect": {
    type: "duration",
    default: 3_000,
    text: "limit for connecting to a listener",
  },
  "limits.handshake": {
    type: "duration",
    default: 3_000,
    text: "limit for one TLS handshake",
  },
  "limits.generation-base": {
    type: "duration",
    default: 1_000,
    text: "how long new workers are waited for after a reload, before what each certificate adds",
  },
  "limits.generation-per-certificate": {
    type: "duration",
    default: 10,
    leastMs: 0,
    text: "what each certificate adds to the wait for new workers",
  },
  "limits.generation-max": {
    type: "duration",
    default: 15_000,
    text: "the longest wait for new workers",
  },
  "limits.settle-hook": {
    type: "duration",
    default: 5_000,
    text: "how long a hook waits for a lineage's files to be of one version",
  },
  "limits.settle-watcher": {
    type: "duration",
    default: 60_000,
    text: "how long the watcher waits for a lineage's files to be of one version",
  },
  "limits.engine": {
    type: "duration",
    default: 5_000,
    text: "limit for an answer of a container engine",
  },
  "limits.hook": {
    type: "duration",
    default: 40_000,
    text: "limit for a whole hook run, besides waiting for the lock",
  },
  "limits.lock-hook": {
    type: "duration",
    default: 120_000,
    text: "how long a hook waits for another run to end",
  },
  "limits.lock": {
    type: "duration",
    default: 30_000,
    text: "how long a run by hand waits for another run to end",
  },
  "limits.probes-at-once": {
    type: "count",
    default: 16,
    text: "TLS handshakes made at once",
  },
  "limits.draining-generations": {
    type: "count",
    default: 3,
    text: "no reload while this many old generations of workers still drain",
  },
  "limits.quiet-configuration": {
    type: "duration",
    default: 900_000,
    text: "how long Nginx's configuration files must be unchanged before the watcher reloads with an edit that is not loaded yet",
  },
  "limits.certbot-wait": {
    type: "duration",
    default: 900_000,
    text: "how long a queue waits for the Certbot that filled it",
  },
} as const satisfies Record<string, OptionRow>;

/** A path is absolute once read; a duration is in ms; null means that the program decides. */
export type OptionRow = { readonly text: string } & (
  | { readonly type: "path"; readonly default: string | null }
  | { readonly type: "paths"; readonly default: readonly string[] }
  | { readonly type: "durations"; readonly default: readonly number[] }
  | { readonly type: "text" | "endpoint"; readonly default: string }
  | {
      readonly type: "entries";
      readonly default: readonly [];
      readonly entry: EntryType<object>;
    }
  | { readonly type: "switch"; readonly default: boolean }
  | { readonly type: "count"; readonly default: number }
  | {
      readonly type: "duration";
      readonly default: number;
      /** 1 unless given. */
      readonly leastMs?: number;
    }
  | {
      readonly type: "choice";
      readonly choices: readonly string[];
      readonly default: string;
    }
);

/** What may be given more than once on the command line. */
export function isList({ type }: OptionRow): boolean {
  return type === "paths" || type === "durations";
}

export type OptionKey = keyof typeof options;

export const optionKeys = Object.keys(options) as readonly OptionKey[];

/** `--nginx-bin` for `nginx.bin`. */
export function flagOf(key: OptionKey): string {
  return `--${key.replace(".", "-")}`;
}

/** `LIVECERT_NGINX_BIN` for `nginx.bin`. */
export function variableOf(key: OptionKey): string {
  return `LIVECERT_${key.toUpperCase().replaceAll(/[.-]/g, "_")}`;
}

/** Options of rare need: `--help` leaves them to the documentation. */
export function isRarelyNeeded(key: OptionKey): boolean {
  return (
    key.startsWith("limits.") ||
    key.startsWith("watch.") ||
    key.startsWith("alerts.") ||
    options[key].type === "entries"
  );
}

/** One checked value per row. */
export type OptionValues = {
  readonly [Key in OptionKey]: ValueOf<(typeof options)[Key]>;
};

type ValueOf<Row extends OptionRow> = Row extends {
  readonly choices: readonly (infer Choice)[];
}
  ? Choice
  : Row extends { readonly entry: EntryType<infer Entry> }
    ? readonly Entry[]
    : Row extends { readonly type: "path"; readonly default: null }
      ? string | null
      : Row extends { readonly type: "path" | "text" | "endpoint" }
        ? string
        : Row extends { readonly type: "paths" }
          ? readonly string[]
          : Row extends { readonly type: "durations" }
            ? readonly number[]
            : Row extends { readonly type: "switch" }
              ? boolean
              : number;
