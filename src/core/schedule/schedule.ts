/**
 * Only WHEN: one reducer from (state, event, now) to (state, actions). What is to be done about a certificate is the
 * decision table's alone; here it is a subject, a text.
 *
 * Every run follows the same path: something is due, the shell is asked to look at it (`look`), and what it saw either
 * lets the run begin (`run`) or makes it wait. There is never more than one look or run under way.
 */
import { assertNever } from "../assert-never.ts";
import { continued, past, quietAt, type Burst } from "./burst.ts";
import { backoffMs, jittered, type Rhythm } from "./rhythm.ts";
import {
  retriesAfter,
  type Failure,
  type Retry,
  type Telling,
} from "./retries.ts";

export type ScheduleEvent =
  /** The service has begun to watch. */
  | { readonly kind: "started" }
  /** Something was written where a subject lives. */
  | { readonly kind: "changed"; readonly subjects: readonly string[] }
  /** Nginx's configuration, or which lineages there are: what there is to look after may have changed. */
  | { readonly kind: "surroundings-changed" }
  /** A person wants everything to be looked through now. */
  | { readonly kind: "asked" }
  /** The time that `nextWake` named has come. */
  | { readonly kind: "woke" }
  /** The answer to `look`. */
  | {
      readonly kind: "looked";
      readonly certbot: "idle" | "at-work" | "unknown";
      readonly seen: ReadonlyMap<string, SubjectState>;
    }
  /** A run came to its end; `failures` is everything that is pending now, whoever found it. */
  | {
      readonly kind: "completed";
      readonly failures: readonly Failure[];
      /** Of [0, 1): spreads what would otherwise happen at once on many machines. */
      readonly chance: number;
    }
  /** A look or a run could not come to its end: the lock was held, a limit exceeded, a defect. */
  | {
      readonly kind: "broken";
      readonly reason: string;
      readonly chance: number;
    };

/** How a changed subject looks on disk. */
export type SubjectState =
  | "settled"
  /** Half written. */
  | "moving"
  /** Settled, and clients are being harmed by what is served for it: nobody may be waited for. */
  | "urgent"
  /** No longer there. */
  | "gone";

export type ScheduleAction =
  | { readonly kind: "look"; readonly subjects: readonly string[] }
  | { readonly kind: "run"; readonly work: Work }
  | { readonly kind: "tell"; readonly telling: Telling };

export type Work =
  /** Everything, as if nothing had ever been seen. */
  | { readonly kind: "sweep" }
  /** Everything that is not known to be served as it is on disk, and these subjects. */
  | { readonly kind: "reconcile"; readonly subjects: readonly string[] }
  /** These subjects. */
  | { readonly kind: "subjects"; readonly subjects: readonly string[] };

/** Instants are ms of any clock that only `now` must share. */
export interface Schedule {
  readonly rhythm: Rhythm;
  readonly changes: ReadonlyMap<string, Burst>;
  readonly surroundings: Burst | null;
  readonly retries: ReadonlyMap<string, Retry>;
  readonly reconcileAtMs: number;
  readonly sweepAtMs: number;
  readonly activity: Activity;
  /** Since when due work has been waiting for a Certbot. */
  readonly heldSinceMs: number | null;
  /** Nothing begins before. */
  readonly notBeforeMs: number;
  /** Runs that broke, one after the other. */
  readonly broken: { readonly count: number; readonly reason: string };
}

export type Activity =
  | { readonly kind: "idle" }
  | { readonly kind: "looking" }
  | { readonly kind: "running"; readonly work: Work };

export interface Step {
  readonly state: Schedule;
  readonly actions: readonly ScheduleAction[];
}

/** Nothing is due before `started`. */
export function initialSchedule(rhythm: Rhythm): Schedule {
  return {
    rhythm,
    changes: new Map(),
    surroundings: null,
    retries: new Map(),
    reconcileAtMs: Infinity,
    sweepAtMs: Infinity,
    activity: { kind: "idle" },
    heldSinceMs: null,
    notBeforeMs: -Infinity,
    broken: { count: 0, reason: "" },
  };
}

export function step(
  before: Schedule,
  event: ScheduleEvent,
  now: number,
): Step {
  const { state, actions } = take(withinReach(before, now), event, now);
  if (state.activity.kind !== "idle" || !isDue(state, now))
    return { state, actions };
  return {
    state: { ...state, activity: { kind: "looking" } },
    actions: [...actions, { kind: "look", subjects: subjectsFor(state, now) }],
  };
}

/** When `woke` should come; null: only another event can make something due. */
export function nextWake(state: Schedule): number | null {
  if (state.activity.kind !== "idle") return null;
  const next = Math.max(nextDue(state), state.notBeforeMs);
  return Number.isFinite(next) ? next : null;
}

function take(state: Schedule, event: ScheduleEvent, now: number): Step {
  switch (event.kind) {
    case "started":
      return just({ ...state, sweepAtMs: now, reconcileAtMs: now });
    case "changed":
      return just(withChanges(state, event.subjects, now));
    case "surroundings-changed":
      return just({
        ...state,
        surroundings: continued(state.surroundings, now),
      });
    case "asked":
      return just({ ...state, reconcileAtMs: now, notBeforeMs: -Infinity });
    case "woke":
      return just(state);
    case "looked":
      return afterLook(state, event, now);
    case "completed":
      return afterRun(state, event, now);
    case "broken":
      return afterBrokenRun(state, event, now);
    default:
      return assertNever(event);
  }
}

function just(state: Schedule): Step {
  return { state, actions: [] };
}

/** A clock that was set back must not put anything off for longer than its own interval. */
function withinReach(state: Schedule, now: number): Schedule {
  const { rhythm } = state;
  const until = (at: number, intervalMs: number): number =>
    Number.isFinite(at) ? Math.min(at, now + intervalMs) : at;
  return {
    ...state,
    reconcileAtMs: until(state.reconcileAtMs, jittered(rhythm.reconcileMs, 1)),
    sweepAtMs: until(state.sweepAtMs, rhythm.sweepMs),
    notBeforeMs: until(state.notBeforeMs, rhythm.brokenLongestMs),
    heldSinceMs:
      state.heldSinceMs === null ? null : Math.min(state.heldSinceMs, now),
    surroundings:
      state.surroundings === null ? null : past(state.surroundings, now),
    changes: mapValues(state.changes, (burst) => past(burst, now)),
    retries: mapValues(state.retries, (retry) => ({
      ...retry,
      dueMs: Math.min(retry.dueMs, now + rhythm.retryLongestMs),
    })),
  };
}

/** New files have a backoff of their own: what failed before is no measure for them. */
function withChanges(
  state: Schedule,
  subjects: readonly string[],
  now: number,
): Schedule {
  const changes = new Map(state.changes);
  const retries = new Map(state.retries);
  for (const subject of subjects) {
    changes.set(subject, continued(changes.get(subject) ?? null, now));
    const retry = retries.get(subject);
    if (retry !== undefined) retries.set(subject, { ...retry, attempts: 0 });
  }
  return { ...state, changes, retries };
}

function isDue(state: Schedule, now: number): boolean {
  return now >= Math.max(nextDue(state), state.notBeforeMs);
}

function nextDue(state: Schedule): number {
  const { rhythm, surroundings, changes } = state;
  const bursts = [
    ...changes.values(),
    ...(surroundings === null ? [] : [surroundings]),
  ];
  return Math.min(
    state.reconcileAtMs,
    state.sweepAtMs,
    ...[...state.retries.values()].map(({ dueMs }) => dueMs),
    bursts.length === 0 ? Infinity : quietAt(bursts, rhythm.quietMs, rhythm),
  );
}

/** What has changed, and the failures whose turn it is. */
function subjectsFor(
  { changes, retries }: Schedule,
  now: number,
): readonly string[] {
  const due = [...retries].flatMap(([subject, { dueMs }]) =>
    dueMs <= now ? [subject] : [],
  );
  return [...new Set([...changes.keys(), ...due])];
}

type Look = Extract<ScheduleEvent, { kind: "looked" }>;

function afterLook(looking: Schedule, look: Look, now: number): Step {
  const state = withoutGone(
    { ...looking, activity: { kind: "idle" } },
    look,
    now,
  );
  const isUrgent = [...look.seen.values()].includes("urgent");
  if (look.certbot === "at-work" && !isUrgent) {
    const heldSinceMs = state.heldSinceMs ?? now;
    if (now - heldSinceMs < state.rhythm.certbotWaitMs)
      return hold(state, heldSinceMs, now);
  }
  const readyAt = Math.max(
    stillMovingUntil(state, look),
    look.certbot === "unknown" ? blindUntil(state) : -Infinity,
  );
  if (readyAt > now && !isUrgent)
    return just({
      ...state,
      heldSinceMs: null,
      notBeforeMs: Math.min(readyAt, now + state.rhythm.lookAgainMs),
    });
  return begin({ ...state, heldSinceMs: null }, now);
}

function hold(state: Schedule, heldSinceMs: number, now: number): Step {
  const isNew = state.heldSinceMs === null;
  return {
    state: {
      ...state,
      heldSinceMs,
      notBeforeMs: now + state.rhythm.lookAgainMs,
    },
    actions: isNew
      ? [{ kind: "tell", telling: { kind: "waiting-for-certbot" } }]
      : [],
  };
}

/** `certbot delete`: what Nginx's configuration still says of it is for a reconciliation to find. */
function withoutGone(state: Schedule, { seen }: Look, now: number): Schedule {
  const isGone = (subject: string): boolean => seen.get(subject) === "gone";
  const changes = new Map(
    [...state.changes].filter(([subject]) => !isGone(subject)),
  );
  return changes.size === state.changes.size
    ? state
    : {
        ...state,
        changes,
        reconcileAtMs: Math.min(state.reconcileAtMs, now),
      };
}

/** A half-written subject is waited for until the limit; from then on it is judged as it is. */
function stillMovingUntil(
  { changes, rhythm }: Schedule,
  { seen }: Look,
): number {
  const ends = [...seen].flatMap(([subject, found]) => {
    const burst = changes.get(subject);
    return found === "moving" && burst !== undefined
      ? [burst.firstMs + rhythm.settleMs]
      : [];
  });
  return Math.max(-Infinity, ...ends);
}

/** Where a Certbot cannot be seen, its silence must tell that it has finished. */
function blindUntil({ changes, rhythm }: Schedule): number {
  const bursts = [...changes.values()];
  return bursts.length === 0
    ? -Infinity
    : quietAt(bursts, rhythm.quietBlindMs, rhythm);
}

/** Everything due goes into one run, so that a burst costs one reload. */
function begin(state: Schedule, now: number): Step {
  const work = workFor(state, subjectsFor(state, now), now);
  if (work === null) return just(state);
  return {
    state: {
      ...state,
      changes: new Map(),
      surroundings: work.kind === "subjects" ? state.surroundings : null,
      // Whoever asks from here on asks for another one.
      reconcileAtMs: work.kind === "subjects" ? state.reconcileAtMs : Infinity,
      sweepAtMs: work.kind === "sweep" ? Infinity : state.sweepAtMs,
      activity: { kind: "running", work },
    },
    actions: [{ kind: "run", work }],
  };
}

function workFor(
  state: Schedule,
  subjects: readonly string[],
  now: number,
): Work | null {
  if (state.sweepAtMs <= now) return { kind: "sweep" };
  if (state.reconcileAtMs <= now || state.surroundings !== null)
    return { kind: "reconcile", subjects };
  return subjects.length === 0 ? null : { kind: "subjects", subjects };
}

type Completed = Extract<ScheduleEvent, { kind: "completed" }>;

function afterRun(
  running: Schedule,
  { failures, chance }: Completed,
  now: number,
): Step {
  const { rhythm, activity, broken } = running;
  if (activity.kind !== "running") return just(running);
  const { work } = activity;
  const { retries, tellings } = retriesAfter({
    before: running.retries,
    failures,
    wasTried: (subject) =>
      work.kind !== "subjects" || work.subjects.includes(subject),
    rhythm,
    chance,
    now,
  });
  const mended: readonly Telling[] =
    broken.count === 0 ? [] : [{ kind: "mended", times: broken.count }];
  return {
    state: {
      ...running,
      retries,
      activity: { kind: "idle" },
      broken: { count: 0, reason: "" },
      reconcileAtMs: Math.min(
        running.reconcileAtMs,
        now + jittered(rhythm.reconcileMs, chance),
      ),
      sweepAtMs: Math.min(running.sweepAtMs, now + rhythm.sweepMs),
    },
    actions: [...mended, ...tellings].map((telling) => ({
      kind: "tell",
      telling,
    })),
  };
}

type Broken = Extract<ScheduleEvent, { kind: "broken" }>;

/** What the run was about is due again after a while; what changes meanwhile waits with it. */
function afterBrokenRun(
  running: Schedule,
  { reason, chance }: Broken,
  now: number,
): Step {
  const { rhythm, activity } = running;
  if (activity.kind === "idle") return just(running);
  const count = running.broken.count + 1;
  const work = activity.kind === "running" ? activity.work : null;
  const subjects = work === null || work.kind === "sweep" ? [] : work.subjects;
  const delayMs = Math.min(
    backoffMs(rhythm, count, chance),
    rhythm.brokenLongestMs,
  );
  const isWorthTelling =
    reason !== running.broken.reason || Number.isInteger(Math.log2(count));
  return {
    state: {
      ...running,
      changes: new Map([
        ...subjects.map(
          (subject) => [subject, { firstMs: now, lastMs: now }] as const,
        ),
        ...running.changes,
      ]),
      activity: { kind: "idle" },
      reconcileAtMs:
        work?.kind === "reconcile" || work?.kind === "sweep"
          ? now
          : running.reconcileAtMs,
      sweepAtMs: work?.kind === "sweep" ? now : running.sweepAtMs,
      notBeforeMs: now + delayMs,
      broken: { count, reason },
    },
    actions: isWorthTelling
      ? [
          {
            kind: "tell",
            telling: { kind: "broken", reason, times: count, againMs: delayMs },
          },
        ]
      : [],
  };
}

function mapValues<Value>(
  map: ReadonlyMap<string, Value>,
  change: (value: Value) => Value,
): ReadonlyMap<string, Value> {
  return new Map([...map].map(([key, value]) => [key, change(value)]));
}
