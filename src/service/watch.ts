/**
 * The watch loop: feeds events to core/schedule and carries out what it answers. Nothing that goes wrong ends it but a
 * signal; the served certificate, not the event, is the truth.
 */
import type { Log } from "../adapters/log/log.ts";
import {
  monotonicMicroseconds,
  type Notifier,
} from "../adapters/systemd/notify.ts";
import {
  openWatching,
  type Refused,
  type Watching,
} from "../adapters/watcher/watching.ts";
import type { Serving } from "../adapters/http/server.ts";
import { formatEndpoint } from "../core/settings/endpoint.ts";
import type { RunDocument, WatcherReport } from "../core/report/document.ts";
import type { Telling } from "../core/schedule/retries.ts";
import type { Rhythm } from "../core/schedule/rhythm.ts";
import {
  initialSchedule,
  nextWake,
  step,
  type Schedule,
  type ScheduleAction,
  type ScheduleEvent,
  type Work,
} from "../core/schedule/schedule.ts";
import type { Settings } from "../core/settings/settings.ts";
import { pendingNow, subjectOf } from "../pipeline/pending.ts";
import type { World } from "../pipeline/world.ts";
import { carryOut, failuresOf, nameOf } from "./carry-out.ts";
import { look } from "./look.ts";
import { giveBackMemory } from "./memory.ts";
import { openEndpoint, type Present } from "./endpoint.ts";
import {
  learn,
  measureTargets,
  nothingLearnt,
  type Knowledge,
} from "./knowledge.ts";
import { removePresence, writePresence } from "./presence.ts";
import { isMeant, lookAround, type Surroundings } from "./surroundings.ts";
import {
  statusLine,
  summarise,
  tellAll,
  tellDeployed,
  tellRefused,
  type Alarm,
  type Circumstances,
} from "./tell.ts";

export interface WatchOptions {
  readonly settings: Settings;
  readonly log: Log;
  readonly now: () => Date;
  /** Ends the service. */
  readonly signal: AbortSignal;
  /** A new one for each look and run: a long life must not keep what a short one read. */
  readonly openWorld: (signal: AbortSignal) => Promise<World>;
  readonly newRunId: () => string;
  readonly notifier: Notifier | null;
  /** Calls back for every wish to look everything through now. */
  readonly onAsked: (callback: () => void) => void;
  readonly alarm: Alarm;
}

/** How long the step under way may take to obey when the service is stopped. */
const farewellMs = 3_000;
/** What a look may take, and a run beyond its own limit, before the watchdog is no longer fed. */
const graceMs = 60_000;
/** Until nothing of a run is held any more. */
const aMomentMs = 1_000;
/** Timers are asked again at least this often, so that a clock that was set does not matter for long. */
const longestSleepMs = 3_600_000;

/** Returns when the service was told to end and has done so. */
export async function watch(options: WatchOptions): Promise<void> {
  await using loop = new WatchLoop(options);
  await loop.untilStopped();
}

class WatchLoop implements AsyncDisposable {
  readonly #options: WatchOptions;
  readonly #watching: Watching;
  readonly #since: Date;
  #schedule: Schedule;
  #surroundings: Surroundings;
  #timer: NodeJS.Timeout | undefined;
  #feeder: NodeJS.Timeout | undefined;
  /** What is under way, and since when. */
  #work: { readonly done: Promise<void>; readonly sinceMs: number } | null =
    null;
  #lastRun: WatcherReport["lastRun"] = null;
  #rearming: Promise<void> | null = null;
  /** Directories that the kernel does not watch, not told yet. */
  readonly #refused: Refused[] = [];
  #pending: Circumstances["pending"] = [];
  #document: RunDocument | null = null;
  #knowledge: Knowledge = nothingLearnt;
  /** What is answered over HTTP; null before everything was looked through once. */
  #present: Present | null = null;
  #serving: Serving | null = null;

  constructor(options: WatchOptions) {
    const { settings, now } = options;
    this.#options = options;
    this.#since = now();
    this.#schedule = initialSchedule(rhythmOf(settings));
    this.#surroundings = nothingKnown;
    this.#watching = openWatching({
      pollMs: settings.watch.pollMs,
      onChange: (directory, name) => this.#onChange(directory, name),
      onRefused: (refused) => this.#onRefused(refused),
    });
  }

  async untilStopped(): Promise<void> {
    const { signal, log, notifier, onAsked } = this.#options;
    const stopped = new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    onAsked(() => this.#onAsked());
    await this.#arm();
    const { lineages, places } = this.#surroundings;
    log.info("watching", {
      lineages: lineages.length,
      directories: places.length,
    });
    await this.#serve();
    await notifier?.send({ READY: "1" });
    this.#feedWatchdog();
    if (!signal.aborted) this.#dispatch({ kind: "started" });
    // The first run may have to wait; that the service is there is told before.
    await this.#announce();
    await stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { notifier, settings, log } = this.#options;
    clearTimeout(this.#timer);
    clearInterval(this.#feeder);
    const told = notifier?.send({ STOPPING: "1", STATUS: "stopping" });
    await this.#watching[Symbol.asyncDispose]();
    await this.#serving?.[Symbol.asyncDispose]();
    await Promise.race([this.#work?.done, this.#rest(farewellMs)]);
    await removePresence(settings.runDir);
    await told;
    log.info("stopped");
  }

  async #serve(): Promise<void> {
    const { settings, log, now, openWorld, signal } = this.#options;
    this.#serving = await openEndpoint({
      endpoint: settings.http,
      log,
      now,
      present: () => this.#present,
      measure: async () => measureTargets(await openWorld(signal)),
    });
  }

  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms).unref());
  }

  #dispatch(event: ScheduleEvent): void {
    if (this.#options.signal.aborted) return;
    const { state, actions } = step(this.#schedule, event, this.#now());
    this.#schedule = state;
    this.#tell(actions);
    for (const action of actions) this.#act(action);
    this.#sleep();
  }

  #act(action: ScheduleAction): void {
    switch (action.kind) {
      case "tell":
        return;
      case "look": {
        this.#start(async (world) => {
          this.#dispatch(
            await look(world, this.#surroundings, action.subjects),
          );
        });
        return;
      }
      case "run": {
        this.#start((world) => this.#run(world, action.work));
        return;
      }
    }
  }

  /** One at a time: the schedule asks for the next when this one has been answered. */
  #start(work: (world: World) => Promise<void>): void {
    const { openWorld, signal } = this.#options;
    const done = (async () => {
      try {
        await work(await openWorld(signal));
      } catch (error) {
        this.#onBroken(error);
      }
    })();
    void done.then(() => this.#rest(aMomentMs)).then(giveBackMemory);
    this.#work = { done, sinceMs: this.#now() };
  }

  async #run(world: World, work: Work): Promise<void> {
    await this.#rearming;
    const document = await carryOut(
      world,
      this.#surroundings,
      work,
      this.#options.newRunId(),
    );
    this.#document = document;
    this.#pending = await pendingNow(world);
    if (document !== null) {
      tellDeployed(this.#options.log, document);
      const { reloads } = document;
      const at = this.#options.now().toISOString();
      this.#lastRun = { at, summary: summarise(document), reloads };
    }
    if (work.kind !== "subjects") await this.#arm();
    await this.#learn(world, work, document);
    this.#dispatch({
      kind: "completed",
      failures: failuresOf(this.#pending),
      chance: Math.random(),
    });
    await this.#announce();
  }

  async #learn(
    world: World,
    work: Work,
    document: RunDocument | null,
  ): Promise<void> {
    const { lineages, candidates } = this.#surroundings;
    this.#knowledge = await learn(world, this.#knowledge, {
      document,
      isWhole: work.kind === "sweep",
      subjects: work.kind === "subjects" ? work.subjects : null,
      lineages,
      candidates,
    });
  }

  #onBroken(error: unknown): void {
    const { signal, log } = this.#options;
    if (signal.aborted) return;
    if (!(error instanceof Error && error.name === "LivecertError"))
      log.error("unexpected error", { error });
    const reason = error instanceof Error ? error.message : String(error);
    this.#dispatch({ kind: "broken", reason, chance: Math.random() });
    void this.#announce();
  }

  #onAsked(): void {
    const { notifier, log } = this.#options;
    // Everything is about to be looked through for the first time.
    if (this.#surroundings === nothingKnown) return;
    log.info("asked to look everything through");
    void notifier?.send({
      RELOADING: "1",
      MONOTONIC_USEC: monotonicMicroseconds(),
    });
    this.#dispatch({ kind: "asked" });
    void notifier?.send({ READY: "1" });
  }

  #onChange(directory: string, name: string | null): void {
    const meant = (this.#surroundings.meanings.get(directory) ?? []).filter(
      (meaning) => isMeant(meaning, name),
    );
    const subjects = meant.flatMap((meaning) =>
      meaning.kind === "subject" ? [meaning.subject] : [],
    );
    if (subjects.length > 0) this.#dispatch({ kind: "changed", subjects });
    if (meant.some(({ kind }) => kind === "configuration"))
      this.#dispatch({ kind: "surroundings-changed" });
    if (name === null || meant.some(({ kind }) => kind === "lineages"))
      this.#rearm();
  }

  /** Soon, and once for all that happens until then. */
  #rearm(): void {
    this.#rearming ??= this.#rest(100)
      .then(() => {
        this.#rearming = null;
        return this.#arm();
      })
      .catch((error: unknown) =>
        this.#options.log.error("cannot watch", { error }),
      );
  }

  /** What is watched anew may have changed before: only the first time everything is looked through anyway. */
  async #arm(): Promise<void> {
    const { openWorld, signal } = this.#options;
    if (signal.aborted) return;
    const isFirst = this.#surroundings === nothingKnown;
    this.#surroundings = await lookAround(await openWorld(signal));
    const { places, meanings } = this.#surroundings;
    const fresh = await this.#watching.arm(places);
    const subjects = fresh.flatMap((directory) =>
      (meanings.get(directory) ?? []).flatMap((meaning) =>
        meaning.kind === "subject" ? [meaning.subject] : [],
      ),
    );
    if (!isFirst && subjects.length > 0)
      this.#dispatch({ kind: "changed", subjects: [...new Set(subjects)] });
  }

  /** One line for all of a moment: the limits of the kernel are met by hundreds at once. */
  #onRefused(refused: Refused): void {
    this.#refused.push(refused);
    if (this.#refused.length > 1) return;
    void this.#rest(aMomentMs).then(() =>
      tellRefused(this.#options.log, this.#refused.splice(0)),
    );
  }

  #tell(actions: readonly ScheduleAction[]): void {
    const tellings: readonly Telling[] = actions.flatMap((action) =>
      action.kind === "tell" ? [action.telling] : [],
    );
    if (tellings.length === 0) return;
    tellAll(
      this.#options.log,
      tellings,
      {
        surroundings: this.#surroundings,
        pending: this.#pending,
        document: this.#document,
      },
      this.#options.alarm,
    );
  }

  #sleep(): void {
    clearTimeout(this.#timer);
    const at = nextWake(this.#schedule);
    if (at === null) return;
    const delayMs = Math.min(Math.max(at - this.#now(), 0), longestSleepMs);
    this.#timer = setTimeout(
      () => this.#dispatch({ kind: "woke" }),
      Math.ceil(delayMs),
    );
  }

  #feedWatchdog(): void {
    const { notifier } = this.#options;
    const intervalMs = notifier?.watchdogMs ?? null;
    if (intervalMs === null) return;
    this.#feeder = setInterval(() => {
      if (this.#isHealthy()) void notifier?.send({ WATCHDOG: "1" });
    }, intervalMs / 3);
  }

  /** The event loop turns, or nobody would ask; and no step is past its limit. */
  #isHealthy(): boolean {
    const { activity } = this.#schedule;
    if (activity.kind === "idle" || this.#work === null) return true;
    const { limits, watch: timing } = this.#options.settings;
    const limitMs =
      activity.kind === "running"
        ? timing.runMs + limits.lockMs + graceMs
        : graceMs;
    return this.#now() - this.#work.sinceMs < limitMs;
  }

  async #announce(): Promise<void> {
    const { settings, notifier, log } = this.#options;
    const report = this.#report();
    this.#presentNow(report);
    await notifier?.send({ STATUS: statusLine(report) });
    await writePresence(settings.runDir, report).catch((error: unknown) =>
      log.debug("the presence file could not be written", { error }),
    );
  }

  #presentNow(report: Omit<WatcherReport, "pid">): void {
    if (this.#lastRun === null) return;
    this.#present = {
      knowledge: this.#knowledge,
      at: this.#options.now(),
      run: this.#document?.run ?? "",
      watcher: { pid: process.pid, ...report },
      broken: this.#schedule.broken.count,
    };
  }

  #report(): Omit<WatcherReport, "pid"> {
    const { reconcileAtMs, retries } = this.#schedule;
    const bySubject = new Map(
      this.#pending.map((entry) => [subjectOf(entry), entry]),
    );
    return {
      since: this.#since.toISOString(),
      sources: this.#surroundings.candidates.length,
      lastRun: this.#lastRun,
      retries: [...retries].map(([subject, { attempts, dueMs }]) => ({
        name: nameOf(subject, this.#surroundings, this.#pending),
        outcome: bySubject.get(subject)?.outcome ?? "",
        attempts,
        at: new Date(dueMs).toISOString(),
      })),
      reconcileAt: Number.isFinite(reconcileAtMs)
        ? new Date(reconcileAtMs).toISOString()
        : null,
      http:
        this.#serving === null ? null : formatEndpoint(this.#serving.endpoint),
    };
  }

  #now(): number {
    return this.#options.now().getTime();
  }
}

const nothingKnown: Surroundings = {
  lineages: [],
  candidates: [],
  places: [],
  meanings: new Map(),
};

function rhythmOf({ watch: timing, limits }: Settings): Rhythm {
  return {
    quietMs: timing.quietMs,
    quietBlindMs: timing.quietUnseenMs,
    settleMs: limits.settleWatcherMs,
    lookAgainMs: timing.quietMs,
    certbotWaitMs: limits.certbotWaitMs,
    retryFirstMs: timing.retryFirstMs,
    retryLongestMs: timing.retryLongestMs,
    brokenLongestMs: Math.min(10 * timing.retryFirstMs, timing.retryLongestMs),
    reconcileMs: timing.reconcileMs,
    sweepMs: timing.sweepMs,
  };
}
