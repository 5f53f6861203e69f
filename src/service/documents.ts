/**
 * What is answered over HTTP, made once for what is known and kept as files, so that a thousand requests cost no more than
 * one and a watcher over ten thousand certificates holds none of it.
 */
import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { makeDirectory, writeBriefly } from "../adapters/store/files.ts";
import { renderMetrics, type Dialect } from "../core/metrics/exposition.ts";
import { metricFamilies } from "../core/metrics/families.ts";
import { statusOf } from "../core/report/board.ts";
import type { StatusDocument, WatcherReport } from "../core/report/document.ts";
import { eventOf } from "../core/report/events.ts";
import {
  describeHealth,
  isHealthy,
  judgeHealth,
} from "../core/report/health.ts";
import { redact } from "../core/report/redact.ts";
import { version } from "../version.ts";
import { documentPath } from "./document-files.ts";
import { lastSeenOf, type Knowledge } from "./knowledge.ts";
import type { Present } from "./present.ts";

export interface Told {
  /** Of the status document. */
  readonly tag: string;
  readonly health: HealthLine;
}

export interface HealthLine {
  readonly isWell: boolean;
  readonly text: string;
  /** When this may become another one without anything happening, ISO 8601; null: never. */
  readonly until: string | null;
}

export interface Occasion {
  readonly present: Present;
  /** Names of all Nginx that are looked after. */
  readonly targets: readonly string[];
  readonly now: Date;
}

/** Throws what the system throws. */
export async function writeDocuments(
  runDir: string,
  knowledge: Knowledge,
  occasion: Occasion,
): Promise<Told> {
  const { present, now } = occasion;
  const status = statusOfPresent(knowledge, present);
  const text = `${redact(JSON.stringify(status))}\n`;
  makeDirectory(join(documentPath(runDir, "status"), ".."));
  await writeBriefly(documentPath(runDir, "status"), text);
  for (const dialect of ["text", "openmetrics"] as const)
    await writeBriefly(
      documentPath(runDir, dialect),
      metricsIn(dialect, { ...occasion, status, knowledge }),
    );
  return { tag: tagOf(text), health: healthOf(status, present, now) };
}

const shownEvents = 50;

function statusOfPresent(
  { board, journal }: Knowledge,
  { at, run, watcher, broken }: Present,
): StatusDocument {
  const warnings = [...brokenRuns(broken, watcher), ...board.warnings];
  return statusOf(
    { ...board, warnings },
    {
      host: hostname(),
      ...{ at: new Date(at), run, watcher },
      events: journal.slice(0, shownEvents).map(eventOf),
    },
  );
}

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

function tagOf(text: string): string {
  const digest = createHash("sha256").update(text).digest("base64url");
  return `"${digest.slice(0, 22)}"`;
}

/** All but what is measured for whoever asks. */
function metricsIn(
  dialect: Dialect,
  {
    status,
    knowledge,
    present,
    targets,
  }: Occasion & {
    readonly status: StatusDocument;
    readonly knowledge: Knowledge;
  },
): string {
  const families = metricFamilies({
    version,
    status,
    totals: knowledge.totals,
    lastSeen: lastSeenOf(knowledge),
    targets,
    watcher: { broken: present.broken },
  });
  return redact(renderMetrics(families, dialect));
}

/** A single run that breaks is tried again soon. */
const toleratedBroken = 3;

/** A renewal becomes overdue without anything happening. */
function healthOf(
  status: StatusDocument,
  { broken, watcher }: Present,
  now: Date,
): HealthLine {
  const health = judgeHealth(status, now);
  const isOld = broken > toleratedBroken;
  const words = [
    ...(isOld ? brokenRuns(broken, watcher) : []),
    describeHealth(health),
  ];
  return {
    isWell: isHealthy(health) && !isOld,
    text: redact(words.join("; ")),
    until: health.validUntil?.toISOString() ?? null,
  };
}
