/** Where others look for what the watcher tells of itself: the service manager's status, the presence file, and HTTP. */
import type { Serving } from "../adapters/http/server.ts";
import type { Log } from "../adapters/log/log.ts";
import type { Notifier } from "../adapters/systemd/notify.ts";
import type { TargetMeasure } from "../core/metrics/families.ts";
import type { WatcherReport } from "../core/report/document.ts";
import type { Settings } from "../core/settings/settings.ts";
import { openEndpoint } from "./endpoint.ts";
import type { Answers, Errand } from "./errands/errand.ts";
import { removePresence, writePresence } from "./presence.ts";
import type { Present } from "./present.ts";
import { statusLine } from "./tell.ts";
import { watcherReport, type Watcher } from "./watcher-report.ts";

export interface AnnouncerOptions {
  readonly settings: Settings;
  readonly log: Log;
  readonly now: () => Date;
  /** Lets a child do it. */
  readonly sendFor: <Kind extends Errand["kind"]>(
    errand: Extract<Errand, { kind: Kind }>,
  ) => Promise<Answers[Kind]>;
  readonly measure: () => Promise<readonly TargetMeasure[]>;
  readonly notifier: Notifier | null;
}

export class Announcer {
  readonly #options: AnnouncerOptions;
  /** What is answered over HTTP; null before everything was looked through once. */
  #present: Present | null = null;
  #serving: Serving | null = null;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** Answers over HTTP from now on, where the settings want it. */
  async serve(): Promise<void> {
    const { settings, log, now, measure, sendFor } = this.#options;
    this.#serving = await openEndpoint({
      endpoint: settings.http,
      runDir: settings.runDir,
      log,
      now,
      present: () => this.#present,
      tell: (present) => sendFor<"tell">({ kind: "tell", present }),
      measure,
    });
  }

  /** @param run id of the last run, which `watcher.lastRun` is about */
  async announce(watcher: Watcher, run: string): Promise<void> {
    const { settings, notifier, log } = this.#options;
    const endpoint = this.#serving?.endpoint ?? null;
    const report = watcherReport(watcher, endpoint);
    const { count: broken } = watcher.schedule.broken;
    this.#presentNow(report, run, broken);
    await notifier?.send({ STATUS: statusLine(report) });
    await writePresence(settings.runDir, report).catch((error: unknown) =>
      log.debug("the presence file could not be written", { error }),
    );
  }

  #presentNow(
    report: Omit<WatcherReport, "pid">,
    run: string,
    broken: number,
  ): void {
    if (report.lastRun === null) return;
    this.#present = {
      at: this.#options.now().toISOString(),
      run,
      watcher: { pid: process.pid, ...report },
      broken,
    };
  }

  async stopServing(): Promise<void> {
    await this.#serving?.[Symbol.asyncDispose]();
  }

  /** Once nothing is announced any more. */
  async leave(): Promise<void> {
    await removePresence(this.#options.settings.runDir);
  }
}
