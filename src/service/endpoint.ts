/**
 * What the watcher answers over HTTP: `/`, `/api/status`, `/metrics`, `/healthz`. Each document is made once for what is
 * known, when it is first asked for, and then handed to whoever asks, so that a thousand requests cost no more than one.
 */
import { createHash } from "node:crypto";
import { hostname } from "node:os";
import {
  openHttp,
  plain,
  type Resource,
  type Serving,
} from "../adapters/http/server.ts";
import type { Log } from "../adapters/log/log.ts";
import {
  contentTypes,
  renderMetrics,
  type Dialect,
} from "../core/metrics/exposition.ts";
import {
  metricFamilies,
  type TargetMeasure,
} from "../core/metrics/families.ts";
import { statusOf } from "../core/report/board.ts";
import type { WatcherReport } from "../core/report/document.ts";
import { eventOf } from "../core/report/events.ts";
import {
  describeHealth,
  isHealthy,
  judgeHealth,
} from "../core/report/health.ts";
import { redact } from "../core/report/redact.ts";
import { formatEndpoint, type Endpoint } from "../core/settings/endpoint.ts";
import { version } from "../version.ts";
import { lastSeenOf, type Knowledge } from "./knowledge.ts";
import { page } from "./page/page.ts";

/** What is known at present. The same object as long as it is the same. */
export interface Present {
  readonly knowledge: Knowledge;
  readonly at: Date;
  readonly run: string;
  readonly watcher: WatcherReport;
  /** Runs in a row that did not come to their end. */
  readonly broken: number;
}

export interface EndpointOptions {
  readonly endpoint: Endpoint;
  readonly log: Log;
  readonly now: () => Date;
  /** null: nothing has been looked at yet. */
  readonly present: () => Present | null;
  readonly measure: () => Promise<readonly TargetMeasure[]>;
}

/** null: switched off, or the address cannot be had, which is logged. */
export async function openEndpoint(
  options: EndpointOptions,
): Promise<Serving | null> {
  const { endpoint, log } = options;
  if (endpoint.kind === "off") return null;
  const documents = documentsOf(options);
  const opening = await openHttp(endpoint, async ({ path, accept }) =>
    documents(path, accept),
  );
  if (opening.kind === "refused") {
    const { reason } = opening;
    log.warn("no metrics and no page", {
      http: formatEndpoint(endpoint),
      reason,
    });
    return null;
  }
  return opening.serving;
}

type Documents = (path: string, accept: string) => Promise<Resource | null>;

function documentsOf(options: EndpointOptions): Documents {
  const status = once(statusDocument);
  const health = healthOf(options.now);
  const metrics = metricsOf(options);
  return async (path, accept) => {
    const present = options.present();
    switch (path) {
      case "/":
        return page();
      case "/healthz":
        return present === null ? starting : health(present);
      case "/api/status":
        return present === null ? starting : status(present);
      case "/metrics":
        return present === null ? starting : metrics(present, accept);
      default:
        return null;
    }
  };
}

const starting = plain(503, "starting: not everything has been looked at yet");

/** Makes a document anew only for something else. */
function once<Key extends object>(
  make: (key: Key) => Resource,
): (key: Key) => Resource {
  let made: { readonly key: Key; readonly resource: Resource } | null = null;
  return (key) => {
    if (made?.key !== key) made = { key, resource: make(key) };
    return made.resource;
  };
}

function statusOfPresent({ knowledge, at, run, watcher, broken }: Present) {
  const { board, journal } = knowledge;
  const warnings = [...brokenRuns(broken, watcher), ...board.warnings];
  return statusOf(
    { ...board, warnings },
    {
      host: hostname(),
      ...{ at, run, watcher },
      events: journal.slice(0, shownEvents).map(eventOf),
    },
  );
}

const shownEvents = 50;

/** What is known then grows old, however well it looks. */
function brokenRuns(
  broken: number,
  { lastRun }: WatcherReport,
): readonly string[] {
  if (broken === 0) return [];
  const runs =
    broken === 1 ? "the last run" : `the last ${String(broken)} runs`;
  return [
    `${runs} did not come to ${broken === 1 ? "its" : "their"} end, so this is what was known at ${lastRun?.at ?? "no time"}: journalctl -u livecert -p warning tells why`,
  ];
}

/** A single run that breaks is tried again soon. */
const toleratedBroken = 3;

function statusDocument(present: Present): Resource {
  const text = JSON.stringify(statusOfPresent(present));
  return tagged("application/json; charset=utf-8", text);
}

function tagged(type: string, text: string): Resource {
  const body = Buffer.from(`${redact(text)}\n`);
  const digest = createHash("sha256").update(body).digest("base64url");
  return { status: 200, type, body, tag: `"${digest.slice(0, 22)}"` };
}

/** A renewal becomes overdue without anything happening. */
function healthOf(now: () => Date): (present: Present) => Resource {
  let made: {
    readonly present: Present;
    readonly until: Date | null;
    readonly resource: Resource;
  } | null = null;
  return (present) => {
    const at = now();
    const isStale =
      made?.present !== present || (made.until !== null && at >= made.until);
    if (made === null || isStale) {
      const lineages = [...present.knowledge.board.entries.values()];
      const health = judgeHealth(
        {
          lineages: lineages.map(({ report }) => report),
          publications: present.knowledge.board.publications,
        },
        at,
      );
      const { broken, watcher } = present;
      const isOld = broken > toleratedBroken;
      const words = [
        ...(isOld ? brokenRuns(broken, watcher) : []),
        describeHealth(health),
      ];
      const status = isHealthy(health) && !isOld ? 200 : 503;
      const resource = plain(status, redact(words.join("; ")));
      made = { present, until: health.validUntil, resource };
    }
    return made.resource;
  };
}

/** Workers come and go without a run: they are looked at again for whoever asks, this often at most. */
const measureMs = 5_000;

function metricsOf({
  measure,
  now,
}: EndpointOptions): (present: Present, accept: string) => Promise<Resource> {
  let measured: {
    readonly atMs: number;
    readonly targets: Promise<readonly TargetMeasure[]>;
  } | null = null;
  const rendered = new Map<Dialect, ReturnType<typeof once<MetricsKey>>>();
  let key: MetricsKey | null = null;
  return async (present, accept) => {
    const atMs = now().getTime();
    if (measured === null || Math.abs(atMs - measured.atMs) > measureMs)
      measured = { atMs, targets: measure().catch(() => []) };
    const targets = await measured.targets;
    if (key?.present !== present || key.targets !== targets)
      key = { present, targets };
    const dialect = dialectFor(accept);
    const render = rendered.get(dialect) ?? once(renderIn(dialect));
    rendered.set(dialect, render);
    return render(key);
  };
}

interface MetricsKey {
  readonly present: Present;
  readonly targets: readonly TargetMeasure[];
}

function renderIn(dialect: Dialect): (key: MetricsKey) => Resource {
  return ({ present, targets }) => {
    const { knowledge, broken } = present;
    const families = metricFamilies({
      version,
      status: statusOfPresent(present),
      totals: knowledge.totals,
      lastSeen: lastSeenOf(knowledge),
      targets,
      watcher: { broken },
    });
    return {
      status: 200,
      type: contentTypes[dialect],
      body: Buffer.from(redact(renderMetrics(families, dialect))),
      tag: null,
    };
  };
}

function dialectFor(accept: string): Dialect {
  return accept.includes("application/openmetrics-text")
    ? "openmetrics"
    : "text";
}
