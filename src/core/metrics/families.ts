/** Every metric that livecert has, made of what is known. Names and units as https://prometheus.io/docs/practices/naming/ has them. */
import { isFailure, outcomes, type Outcome } from "../decision/outcome.ts";
import type { LineageReport, StatusDocument } from "../report/document.ts";
import { isServed } from "../report/served.ts";
import { bounds, type HistogramName } from "./histogram.ts";
import type { Family, Sample } from "./exposition.ts";
import type { Totals } from "./totals.ts";

export interface Measured {
  readonly version: string;
  readonly status: StatusDocument;
  readonly totals: Totals;
  readonly lastSeen: readonly LastSeen[];
  /** Names of all Nginx that are looked after. */
  readonly targets: readonly string[];
  /** Only of a watcher. */
  readonly watcher: {
    /** Runs in a row that did not come to their end. */
    readonly broken: number;
  } | null;
}

/** When a certificate was last made or found live, and when it last failed with which outcome. */
export interface LastSeen {
  readonly path: string;
  readonly successAt: string | null;
  readonly failures: readonly {
    readonly outcome: Outcome;
    readonly at: string;
  }[];
}

export interface TargetMeasure {
  readonly target: string;
  readonly isRunning: boolean;
  readonly accepting: number;
  readonly draining: number;
}

/** All but `targetFamilies`. */
export function metricFamilies(measured: Measured): readonly Family[] {
  const { version, status } = measured;
  return [
    gauge("livecert_build_info", "The livecert that tells this.", [
      { labels: { version }, value: 1 },
    ]),
    ...certificateFamilies(status.lineages),
    ...lastFamilies(measured),
    configurationFamily(status),
    publicationFamily(status),
    ...totalFamilies(measured),
    ...runFamilies(measured),
  ];
}

function gauge(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, help, type: "gauge", samples };
}

function certificateFamilies(
  lineages: readonly LineageReport[],
): readonly Family[] {
  const each = (
    value: (one: LineageReport) => number | null,
  ): readonly Sample[] =>
    lineages.flatMap((one) => {
      const number = value(one);
      return number === null ? [] : [{ labels: labelsOf(one), value: number }];
    });
  return [
    gauge(
      "livecert_certificate_live",
      "1 where every probe point serves the certificate on disk, 0 where it is known not to be live; nothing where it could not be seen or is not used.",
      each(liveness),
    ),
    gauge(
      "livecert_certificate_outcome",
      "Why it is so: the outcome of the last look, which is always 1.",
      lineages.flatMap((one) =>
        one.outcome === null
          ? []
          : [{ labels: { ...labelsOf(one), outcome: one.outcome }, value: 1 }],
      ),
    ),
    gauge(
      "livecert_certificate_on_disk_not_after_timestamp_seconds",
      "When the certificate on disk expires.",
      each(({ leaf }) => seconds(leaf?.notAfter)),
    ),
    gauge(
      "livecert_certificate_served_not_after_timestamp_seconds",
      "When the certificate expires that clients are handed; the first where they are handed several.",
      each(({ served }) => seconds(served[0]?.notAfter)),
    ),
    gauge(
      "livecert_certificate_renewal_due_timestamp_seconds",
      "From here on the renewal of the served certificate is overdue; nothing where Nginx does not use it.",
      each((one) =>
        one.outcome === "unused" ? null : seconds(one.renewalDue),
      ),
    ),
    gauge(
      "livecert_certificate_probe_points",
      "Where the certificate must be seen: by what was seen there.",
      lineages.flatMap(pointSamples),
    ),
  ];
}

/** A name alone need not be the only one of its kind. */
function labelsOf({ name, path }: Pick<LineageReport, "name" | "path">): {
  readonly certificate: string;
  readonly path: string;
} {
  return { certificate: name ?? path, path };
}

function liveness(report: LineageReport): number | null {
  const { outcome } = report;
  if (outcome === null || outcome === "unused") return null;
  if (isServed(report)) return 1;
  return isFailure(outcome) ? 0 : null;
}

function pointSamples(one: LineageReport): readonly Sample[] {
  const targets = [...new Set(one.probes.map(({ target }) => target))];
  return targets.flatMap((target) =>
    (["live", "stale", "unverified"] as const).map((verdict) => ({
      labels: { ...labelsOf(one), target, verdict },
      value: one.probes.filter(
        (probe) => probe.target === target && probe.verdict === verdict,
      ).length,
    })),
  );
}

function seconds(instant: string | null | undefined): number | null {
  return instant == null ? null : Date.parse(instant) / 1_000;
}

function lastFamilies({ status, lastSeen }: Measured): readonly Family[] {
  const byPath = new Map(lastSeen.map((one) => [one.path, one]));
  const known = status.lineages.flatMap((report) => {
    const last = byPath.get(report.path);
    return last === undefined ? [] : [{ labels: labelsOf(report), last }];
  });
  return [
    gauge(
      "livecert_certificate_last_success_timestamp_seconds",
      "When this version was first seen live, or was made live.",
      known.flatMap(({ labels, last }) => {
        const value = seconds(last.successAt);
        return value === null ? [] : [{ labels, value }];
      }),
    ),
    gauge(
      "livecert_certificate_last_failure_timestamp_seconds",
      "When a run last failed for it, by outcome; as far back as the journal reaches.",
      known.flatMap(({ labels, last }) =>
        last.failures.map(({ outcome, at }) => ({
          labels: { ...labels, outcome },
          value: Date.parse(at) / 1_000,
        })),
      ),
    ),
  ];
}

export function targetFamilies(
  targets: readonly TargetMeasure[],
): readonly Family[] {
  return [
    gauge(
      "livecert_nginx_running",
      "1 where Nginx runs.",
      targets.map(({ target, isRunning }) => ({
        labels: { target },
        value: isRunning ? 1 : 0,
      })),
    ),
    gauge(
      "livecert_nginx_workers",
      "Nginx's workers; those that drain have been told to end and wait for their connections.",
      targets
        .filter(({ isRunning }) => isRunning)
        .flatMap(({ target, accepting, draining }) => [
          { labels: { target, state: "accepting" }, value: accepting },
          { labels: { target, state: "draining" }, value: draining },
        ]),
    ),
  ];
}

function configurationFamily({ nginx }: StatusDocument): Family {
  return gauge(
    "livecert_nginx_config_ok",
    "1 where Nginx's own test passed at the last look, 0 where it failed.",
    nginx?.configOk == null
      ? []
      : [{ labels: {}, value: nginx.configOk ? 1 : 0 }],
  );
}

function publicationFamily({ publications }: StatusDocument): Family {
  return gauge(
    "livecert_publication_ok",
    "1 where the service finds what the publication is to give it, 0 where that failed.",
    publications.flatMap(({ name, outcome }) =>
      outcome === null
        ? []
        : [
            {
              labels: { publication: name },
              value: isFailure(outcome) ? 0 : 1,
            },
          ],
    ),
  );
}

/** Each target from the first scrape on: an increase from nothing would be none. */
function reloadSamples({ totals, targets }: Measured): readonly Sample[] {
  const counts = new Map([
    ...targets.map((target) => [target, 0] as const),
    ...totals.reloads.map(({ target, count }) => [target, count] as const),
  ]);
  return [...counts].map(([target, value]) => ({ labels: { target }, value }));
}

function totalFamilies(measured: Measured): readonly Family[] {
  const { totals } = measured;
  const failed = new Map(
    totals.failures.map(({ outcome, count }) => [outcome, count]),
  );
  const failing = (Object.keys(outcomes) as Outcome[]).filter(isFailure);
  return [
    {
      name: "livecert_reloads",
      help: "Reloads of Nginx that took effect, by whichever run of livecert.",
      type: "counter",
      samples: reloadSamples(measured),
    },
    {
      name: "livecert_failures",
      help: "Certificates that a run did not make live, by outcome; rejected are those that livecert kept away from Nginx.",
      type: "counter",
      samples: failing.map((outcome) => ({
        labels: { outcome },
        value: failed.get(outcome) ?? 0,
      })),
    },
    {
      name: "livecert_retries",
      help: "Certificates that had failed and were taken up again.",
      type: "counter",
      samples: [{ labels: {}, value: totals.retries }],
    },
    histogram(
      totals,
      "timeToLive",
      "livecert_time_to_live_seconds",
      "From the renewal of a certificate to the handshake that showed it.",
    ),
    histogram(
      totals,
      "reload",
      "livecert_reload_duration_seconds",
      "From the signal to a new generation of workers, or to giving up.",
    ),
    histogram(
      totals,
      "probe",
      "livecert_probe_duration_seconds",
      "TLS handshakes with Nginx.",
    ),
  ];
}

function histogram(
  { histograms }: Totals,
  which: HistogramName,
  name: string,
  help: string,
): Family {
  return {
    name,
    help,
    type: "histogram",
    histogram: histograms[which],
    bounds: bounds[which],
  };
}

function runFamilies({ status, watcher }: Measured): readonly Family[] {
  const report = status.watcher;
  if (watcher === null || report === null)
    return [
      gauge("livecert_last_run_timestamp_seconds", "When the last run ended.", [
        { labels: {}, value: Date.parse(status.at) / 1_000 },
      ]),
    ];
  const last = seconds(report.lastRun?.at);
  return [
    gauge(
      "livecert_last_run_timestamp_seconds",
      "When the last run ended.",
      last === null ? [] : [{ labels: {}, value: last }],
    ),
    gauge(
      "livecert_watcher_start_time_seconds",
      "When the watcher was started.",
      [{ labels: {}, value: Date.parse(report.since) / 1_000 }],
    ),
    gauge(
      "livecert_watcher_broken_runs",
      "Runs in a row that did not come to their end.",
      [{ labels: {}, value: watcher.broken }],
    ),
    gauge(
      "livecert_certificates_retrying",
      "Certificates that failed and are tried again later.",
      [{ labels: {}, value: report.retries.length }],
    ),
  ];
}
