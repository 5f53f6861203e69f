import type { WatcherReport } from "../core/report/document.ts";

/** What is answered over HTTP is about this. The same object as long as it is the same. */
export interface Present {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** The last run; empty where it has found nothing to do. */
  readonly run: string;
  readonly watcher: WatcherReport;
  /** Runs in a row that did not come to their end. */
  readonly broken: number;
}
