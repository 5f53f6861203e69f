/** What the watcher tells of itself: in its presence file, in the service manager's status and over HTTP. */
import type { WatcherReport } from "../core/report/document.ts";
import type { Schedule } from "../core/schedule/schedule.ts";
import { formatEndpoint, type Endpoint } from "../core/settings/endpoint.ts";
import type { Failing } from "./failing.ts";
import type { Known } from "./meanings.ts";

export interface Watcher {
  readonly since: Date;
  readonly known: Known;
  readonly lastRun: WatcherReport["lastRun"];
  readonly schedule: Schedule;
  /** By subject. */
  readonly failing: ReadonlyMap<string, Failing>;
}

/** @param endpoint where HTTP is answered, if it is */
export function watcherReport(
  { since, known, lastRun, schedule, failing }: Watcher,
  endpoint: Endpoint | null,
): Omit<WatcherReport, "pid"> {
  const { reconcileAtMs, retries } = schedule;
  return {
    since: since.toISOString(),
    sources: known.sources,
    lastRun,
    retries: [...retries].map(([subject, { attempts, dueMs }]) => ({
      name: failing.get(subject)?.name ?? subject,
      outcome: failing.get(subject)?.outcome ?? "",
      attempts,
      at: new Date(dueMs).toISOString(),
    })),
    reconcileAt: Number.isFinite(reconcileAtMs)
      ? new Date(reconcileAtMs).toISOString()
      : null,
    http: endpoint === null ? null : formatEndpoint(endpoint),
  };
}
