/** Simulated time around the schedule: what a shell would do, without a world. */
import type { Telling } from "../../../src/core/schedule/retries.ts";
import type { Rhythm } from "../../../src/core/schedule/rhythm.ts";
import {
  initialSchedule,
  nextWake,
  step,
  type Schedule,
  type ScheduleEvent,
  type SubjectState,
  type Work,
} from "../../../src/core/schedule/schedule.ts";

const second = 1_000;
const minute = 60 * second;
export const hour = 60 * minute;
export const day = 24 * hour;

/** The defaults. */
export const rhythm: Rhythm = {
  quietMs: second,
  quietBlindMs: 5 * second,
  settleMs: minute,
  lookAgainMs: second,
  certbotWaitMs: 15 * minute,
  retryFirstMs: minute,
  retryLongestMs: 6 * hour,
  brokenLongestMs: 10 * minute,
  reconcileMs: hour,
  sweepMs: day,
};

export interface World {
  certbot: "idle" | "at-work" | "unknown";
  /** How subjects look; `settled` unless told. */
  readonly states: Map<string, SubjectState>;
  /** What is pending after each run: the subject and its words. */
  readonly failing: Map<string, string>;
  /** What makes every run break; null: none does. */
  breaks: string | null;
}

export interface Ran {
  readonly atMs: number;
  readonly work: Work;
}

export class Clockwork {
  nowMs = 0;
  schedule: Schedule;
  readonly ran: Ran[] = [];
  readonly told: { readonly atMs: number; readonly telling: Telling }[] = [];
  readonly world: World = {
    certbot: "idle",
    states: new Map(),
    failing: new Map(),
    breaks: null,
  };
  looks = 0;
  readonly #chance: () => number;

  constructor(own: Partial<Rhythm> = {}, chance: () => number = () => 0.5) {
    this.schedule = initialSchedule({ ...rhythm, ...own });
    this.#chance = chance;
  }

  /** A clockwork that has been through its first sweep. */
  static started(own: Partial<Rhythm> = {}, chance?: () => number): Clockwork {
    const clockwork = new Clockwork(own, chance);
    clockwork.feed({ kind: "started" });
    clockwork.ran.length = 0;
    return clockwork;
  }

  feed(event: ScheduleEvent): void {
    const { state, actions } = step(this.schedule, event, this.nowMs);
    this.schedule = state;
    for (const action of actions) {
      switch (action.kind) {
        case "tell":
          this.told.push({ atMs: this.nowMs, telling: action.telling });
          break;
        case "look":
          this.looks += 1;
          this.feed({
            kind: "looked",
            certbot: this.world.certbot,
            seen: new Map(
              action.subjects.map((subject) => [
                subject,
                this.world.states.get(subject) ?? "settled",
              ]),
            ),
          });
          break;
        case "run":
          this.ran.push({ atMs: this.nowMs, work: action.work });
          this.feed(this.#outcome());
          break;
      }
    }
  }

  changed(...subjects: readonly string[]): void {
    this.feed({ kind: "changed", subjects });
  }

  /** Lets this much time go by, with every wake at its time. */
  pass(ms: number): void {
    const end = this.nowMs + ms;
    for (;;) {
      const at = nextWake(this.schedule);
      if (at === null || at > end) break;
      this.nowMs = Math.max(at, this.nowMs);
      this.feed({ kind: "woke" });
    }
    this.nowMs = end;
  }

  tellings(kind: Telling["kind"]): readonly Telling[] {
    return this.told
      .map(({ telling }) => telling)
      .filter((one) => one.kind === kind);
  }

  #outcome(): ScheduleEvent {
    const chance = this.#chance();
    if (this.world.breaks !== null)
      return { kind: "broken", reason: this.world.breaks, chance };
    const failures = [...this.world.failing].map(([subject, words]) => ({
      subject,
      words,
    }));
    return { kind: "completed", failures, chance };
  }
}
