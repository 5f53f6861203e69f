/**
 * The watch loop: feeds events to core/schedule and carries out what it answers. Nothing that goes wrong ends it but a
 * signal; the served certificate, not the event, is the truth.
 */
import { readdir } from "node:fs/promises";
import type { Store } from "../adapters/store/store.ts";
import {
  openWatching,
  type Refused,
  type Watching,
} from "../adapters/watcher/watching.ts";
import type { WatcherReport } from "../core/report/document.ts";
import type { Telling } from "../core/schedule/retries.ts";
import { rhythmOf } from "../core/schedule/rhythm.ts";
import {
  initialSchedule,
  nextWake,
  step,
  type Schedule,
  type ScheduleAction,
  type ScheduleEvent,
  type Work,
} from "../core/schedule/schedule.ts";
import { LivecertError } from "../errors.ts";
import { Announcer, type AnnouncerOptions } from "./announcer.ts";
import { limitOf } from "./errands/send.ts";
import { failuresOf, type Failing } from "./failing.ts";
import { look } from "./look.ts";
import { Manager } from "./manager.ts";
import {
  isMeant,
  nothingKnown,
  placesOf,
  subjectsOf,
  toKnown,
  type Known,
  type Meaning,
  type Surroundings,
} from "./meanings.ts";
import { otherWatcher } from "./presence.ts";
import { tellAll, tellRefused, type Alarm } from "./tell.ts";

export interface WatchOptions extends AnnouncerOptions {
  /** Ends the service. */
  readonly signal: AbortSignal;
  /** Ends this watch for another one with other settings, once the step under way has come to its end. */
  readonly successor: AbortSignal;
  readonly openStore: () => Promise<Store>;
  /** Calls back for every wish to look everything through now. */
  readonly onAsked: (callback: () => void) => void;
  readonly alarm: Alarm;
}

/** How long the step under way may take to obey when the service is stopped. */
const farewellMs = 3_000;
/** What a look may take, and a child that has to be ended beyond its own limit, before the watchdog is no longer fed. */
const graceMs = 60_000;
/** What is refused at once is told at once. */
const aMomentMs = 1_000;
/** Timers are asked again at least this often, so that a clock that was set does not matter for long. */
const longestSleepMs = 3_600_000;

/** Returns when it was told to end and has done so. */
export async function watch(options: WatchOptions): Promise<void> {
  await using loop = new WatchLoop(options);
  await loop.untilStopped();
}

class WatchLoop implements AsyncDisposable {
  readonly #options: WatchOptions;
  readonly #announcer: Announcer;
  readonly #manager: Manager;
  readonly #watching: Watching;
  readonly #since: Date;
  #schedule: Schedule;
  #known: Known = nothingKnown;
  #timer: NodeJS.Timeout | undefined;
  /** What is under way, and since when, by a clock that nobody sets. */
  #work: { readonly done: Promise<void>; readonly sinceMs: number } | null =
    null;
  /** What is found out about the surroundings is believed in the order in which it was asked for. */
  #turn: Promise<unknown> = Promise.resolve();
  #rearming: Promise<void> | null = null;
  #recollecting: Promise<void> | null = null;
  /** Directories that the kernel does not watch, not told yet. */
  readonly #refused: Refused[] = [];
  #lastRun: WatcherReport["lastRun"] = null;
  #runId = "";
  /** By subject. */
  #failing: ReadonlyMap<string, Failing> = new Map();
  #giveUp: (error: unknown) => void = () => undefined;

  constructor(options: WatchOptions) {
    const { settings, now } = options;
    this.#options = options;
    this.#announcer = new Announcer(options);
    this.#manager = new Manager(options.notifier);
    this.#since = now();
    this.#schedule = initialSchedule(rhythmOf(settings));
    this.#watching = openWatching({
      pollMs: settings.watch.pollMs,
      onChange: (directory, name) => this.#onChange(directory, name),
      onRefused: (refused) => this.#onRefused(refused),
    });
  }

  async untilStopped(): Promise<void> {
    const { signal, successor, log, onAsked } = this.#options;
    const stopped = new Promise<void>((resolve, reject) => {
      // Removed with the watch itself: the signal outlives it.
      signal.addEventListener("abort", () => resolve(), { signal: successor });
      successor.addEventListener("abort", () => resolve());
      this.#giveUp = reject;
    });
    onAsked(() => this.#onAsked());
    await this.#survey();
    if (this.#isOver) return;
    log.info("watching", {
      lineages: this.#known.lineages.size,
      directories: this.#known.meanings.size,
    });
    await this.#tellOther();
    await this.#announcer.serve();
    await this.#manager.ready();
    this.#manager.feedWatchdog(() => this.#isHealthy());
    this.#dispatch({ kind: "started" });
    // The first run may have to wait; that the service is there is told before.
    await this.#announce();
    await stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#isReplaced) await Promise.all([this.#work?.done, this.#turn]);
    // It may have been told to end meanwhile.
    const isReplaced = this.#isReplaced;
    this.#manager.stopFeeding();
    const told = isReplaced
      ? this.#manager.reloading()
      : this.#manager.stopping();
    await this.#watching[Symbol.asyncDispose]();
    await this.#announcer.stopServing();
    await Promise.race([this.#work?.done, this.#rest(farewellMs)]);
    await this.#announcer.leave();
    await told;
    this.#options.log.info(
      isReplaced ? "the settings have changed" : "stopped",
    );
  }

  get #isOver(): boolean {
    const { signal, successor } = this.#options;
    return signal.aborted || successor.aborted;
  }

  get #isReplaced(): boolean {
    const { signal, successor } = this.#options;
    return successor.aborted && !signal.aborted;
  }

  /** One lock keeps the two from harm, but nobody needs both. */
  async #tellOther(): Promise<void> {
    const { settings, log } = this.#options;
    const pid = await otherWatcher(settings.runDir);
    if (pid !== null)
      log.warn("another watcher is running", {
        otherPid: pid,
        remedy: "stop one of the two: livecert status tells of the other",
      });
  }

  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms).unref());
  }

  /** @param before what was failing when a run began that has ended */
  #dispatch(event: ScheduleEvent, before = this.#failing): void {
    if (this.#isOver) return;
    const { state, actions } = step(this.#schedule, event, this.#now());
    this.#schedule = state;
    this.#tell(actions, before);
    for (const action of actions) this.#act(action);
    this.#sleep();
  }

  #act(action: ScheduleAction): void {
    switch (action.kind) {
      case "tell":
        return;
      case "look":
        this.#start(() => this.#look(action.subjects));
        return;
      case "run":
        this.#start(() => this.#run(action.work));
        return;
    }
  }

  /** One at a time: the schedule asks for the next when this one has been answered. */
  #start(work: () => Promise<void>): void {
    const done = work().catch((error: unknown) => this.#onBroken(error));
    this.#work = { done, sinceMs: performance.now() };
  }

  async #look(subjects: readonly string[]): Promise<void> {
    const { settings, signal, now, openStore } = this.#options;
    const looking = {
      certbotDir: settings.certbotDir,
      store: await openStore(),
      now: now(),
      signal,
      known: this.#known,
    };
    this.#dispatch(await look(looking, subjects));
  }

  async #run(work: Work): Promise<void> {
    const { sendFor } = this.#options;
    const before = this.#failing;
    await this.#inTurn(async () => {
      const found = await sendFor<"run">({ kind: "run", work });
      this.#runId = found.id;
      this.#lastRun = found.run ?? this.#lastRun;
      this.#failing = new Map(found.failing.map((one) => [one.subject, one]));
      if (found.surroundings !== null) await this.#arm(found.surroundings);
    });
    this.#dispatch(
      {
        kind: "completed",
        failures: failuresOf([...this.#failing.values()]),
        chance: Math.random(),
      },
      before,
    );
    await this.#announce();
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #onBroken(error: unknown): void {
    const { log } = this.#options;
    if (this.#isOver) return;
    this.#endIfReplaced(error);
    if (!(error instanceof LivecertError))
      log.error("unexpected error", { error });
    const reason = error instanceof Error ? error.message : String(error);
    this.#dispatch({ kind: "broken", reason, chance: Math.random() });
    void this.#announce();
  }

  /** An upgrade that nobody has started anew: children would be another program than we are. */
  #endIfReplaced(error: unknown): void {
    if (error instanceof LivecertError && error.code === "program-replaced")
      this.#giveUp(error);
  }

  #onAsked(): void {
    const { log } = this.#options;
    // Everything is about to be looked through for the first time.
    if (this.#known === nothingKnown || this.#isOver) return;
    log.info("asked to look everything through");
    void this.#manager.reloading();
    this.#dispatch({ kind: "asked" });
    void this.#manager.ready();
  }

  #onChange(directory: string, name: string | null): void {
    const meant = this.#meaningsOf(directory).filter((meaning) =>
      isMeant(meaning, name),
    );
    const subjects = subjectsOf(meant);
    if (subjects.length > 0) this.#dispatch({ kind: "changed", subjects });
    if (meant.some(({ kind }) => kind === "configuration"))
      this.#dispatch({ kind: "surroundings-changed" });
    if (meant.some(({ kind }) => kind === "pending"))
      this.#recollect(directory);
    if (name === null || meant.some(({ kind }) => kind === "lineages"))
      this.#rearm();
  }

  #meaningsOf(directory: string): readonly Meaning[] {
    return this.#known.meanings.get(directory) ?? [];
  }

  /** A person, or a hook, may have mended what is tried again here only after a while. */
  #recollect(directory: string): void {
    if (this.#failing.size === 0) return;
    this.#recollecting ??= this.#rest(aMomentMs)
      .then(() => this.#settled())
      .then(async () => {
        this.#recollecting = null;
        const mended = await this.#mendedByOthers(directory);
        if (mended.length > 0)
          this.#dispatch({ kind: "changed", subjects: mended });
      });
  }

  /** What a run of our own has recorded is told at its end. */
  async #settled(): Promise<void> {
    while (this.#schedule.activity.kind !== "idle" && !this.#isOver)
      await this.#work?.done;
  }

  async #mendedByOthers(directory: string): Promise<readonly string[]> {
    const pending = new Set(await readdir(directory).catch(() => []));
    return [...this.#failing.values()]
      .filter(({ records }) => !records.some((name) => pending.has(name)))
      .map(({ subject }) => subject);
  }

  /** Soon, and once for all that happens until then. */
  #rearm(): void {
    this.#rearming ??= this.#rest(100)
      .then(() => {
        this.#rearming = null;
        return this.#survey();
      })
      .catch((error: unknown) => {
        if (this.#isOver) return;
        this.#endIfReplaced(error);
        this.#options.log.error("cannot watch", { error });
      });
  }

  #survey(): Promise<void> {
    const { sendFor } = this.#options;
    return this.#inTurn(async () =>
      this.#arm(await sendFor<"survey">({ kind: "survey" })),
    );
  }

  /** What is watched anew may have changed before: only the first time everything is looked through anyway. */
  async #arm(surroundings: Surroundings): Promise<void> {
    if (this.#isOver) return;
    const isFirst = this.#known === nothingKnown;
    this.#known = toKnown(surroundings);
    const fresh = await this.#watching.arm(placesOf(this.#known));
    const subjects = new Set(
      fresh.flatMap((directory) => subjectsOf(this.#meaningsOf(directory))),
    );
    if (!isFirst && subjects.size > 0)
      this.#dispatch({ kind: "changed", subjects: [...subjects] });
  }

  /** One line for all of a moment: the limits of the kernel are met by hundreds at once. */
  #onRefused(refused: Refused): void {
    this.#refused.push(refused);
    if (this.#refused.length > 1) return;
    void this.#rest(aMomentMs).then(() =>
      tellRefused(this.#options.log, this.#refused.splice(0)),
    );
  }

  #tell(
    actions: readonly ScheduleAction[],
    before: ReadonlyMap<string, Failing>,
  ): void {
    const tellings: readonly Telling[] = actions.flatMap((action) =>
      action.kind === "tell" ? [action.telling] : [],
    );
    if (tellings.length === 0) return;
    const { log, alarm } = this.#options;
    tellAll(log, tellings, new Map([...before, ...this.#failing]), alarm);
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

  /** The event loop turns, or nobody would ask; and no step is past its limit. */
  #isHealthy(): boolean {
    const { activity } = this.#schedule;
    if (activity.kind === "idle" || this.#work === null) return true;
    const { settings } = this.#options;
    const limitMs =
      activity.kind === "running"
        ? limitOf("survey", settings) + limitOf("run", settings)
        : 0;
    return performance.now() - this.#work.sinceMs < limitMs + graceMs;
  }

  #announce(): Promise<void> {
    const watcher = {
      since: this.#since,
      known: this.#known,
      lastRun: this.#lastRun,
      schedule: this.#schedule,
      failing: this.#failing,
    };
    return this.#announcer.announce(watcher, this.#runId);
  }

  #now(): number {
    return this.#options.now().getTime();
  }
}
