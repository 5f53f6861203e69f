/**
 * Which incidents there are after a look, and what people are told of them: one reducer from (incidents, what is wrong, now)
 * to (incidents, announcements).
 *
 * - An incident is told once, then reminded of after a day, two, four, eight and every sixteen; its end is told once.
 * - What is alike is told together, and what joins it soon afterwards waits until it can be told together too.
 * - What comes back soon after its end is told later each time, so that a fault that flickers is no storm.
 */
import {
  familyOf,
  type Announcement,
  type AnnouncedEvent,
  type Condition,
  type Incident,
} from "./incident.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** Between two announcements of the same kind at least this much passes. */
const gatherMs = 15 * minuteMs;
/** Reminders that are due within this time of each other are one. */
const nearMs = 2 * hourMs;
/** A reminder's distance is at most this many times the first one's. */
const longestDistance = 16;
/** How long people hear nothing of what comes back after its end, doubled each time. */
const quietMs = hourMs;
const longestQuietMs = 16 * dayMs;
const rememberedMs = 2 * dayMs;

export interface ReviewInput {
  readonly incidents: readonly Incident[];
  readonly conditions: readonly Condition[];
  /** Whether this look would have shown that the incident is still there. */
  readonly wasLookedAt: (incident: Incident) => boolean;
  /** false: nobody listens. Incidents are kept all the same, and told once somebody does. */
  readonly isHeard: boolean;
  /** How long after the first announcement its first reminder comes. */
  readonly remindMs: number;
  readonly now: Date;
}

export interface Reviewed {
  readonly incidents: readonly Incident[];
  readonly announcements: readonly Announcement[];
}

export function review(input: ReviewInput): Reviewed {
  const current = closeOthers(input, openAll(input));
  const { incidents, announcements } = announce(input, current);
  return {
    incidents: incidents.filter((one) => isRemembered(one, input.now)),
    announcements,
  };
}

/** Every condition as an open incident, and all other incidents as they were. */
function openAll({
  incidents,
  conditions,
  remindMs,
  now,
}: ReviewInput): readonly Incident[] {
  const known = new Map(incidents.map((one) => [keyOf(one), one]));
  for (const condition of conditions) {
    const key = keyOf(condition);
    const earlier = known.get(key) ?? null;
    const { tellFrom, ...facts } = condition;
    known.set(
      key,
      earlier === null
        ? opened(condition, now)
        : earlier.closedAt === null
          ? { ...earlier, ...facts }
          : { ...reopened(earlier, tellFrom, remindMs), ...facts },
    );
  }
  return [...known.values()];
}

function opened({ tellFrom, ...facts }: Condition, now: Date): Incident {
  return {
    ...facts,
    openedAt: now.toISOString(),
    closedAt: null,
    tellAt: tellFrom,
    toldAt: null,
    told: 0,
    endings: 0,
    owesRecovery: false,
  };
}

/** Where nobody was told of its end, it never was away. */
function reopened(
  earlier: Incident,
  tellFrom: string,
  remindMs: number,
): Incident {
  const { told, toldAt, endings } = earlier;
  if (toldAt === null) return { ...earlier, closedAt: null, tellAt: tellFrom };
  if (earlier.owesRecovery && told > 0)
    return {
      ...earlier,
      closedAt: null,
      tellAt: later(toldAt, distance(told - 1, remindMs)),
    };
  const quietEnd = later(toldAt, quietFor(endings));
  return {
    ...earlier,
    closedAt: null,
    told: 0,
    tellAt: tellFrom > quietEnd ? tellFrom : quietEnd,
  };
}

function quietFor(endings: number): number {
  return Math.min(quietMs * 2 ** endings, longestQuietMs);
}

/** Those without a condition are over, unless the look did not concern them. */
function closeOthers(
  { conditions, wasLookedAt, now }: ReviewInput,
  incidents: readonly Incident[],
): readonly Incident[] {
  const present = new Set(conditions.map(keyOf));
  const isOver = (one: Incident): boolean =>
    one.closedAt === null && !present.has(keyOf(one)) && wasLookedAt(one);
  const isAway = (one: Incident): boolean =>
    isOver(one) || (one.closedAt !== null && !present.has(keyOf(one)));
  const indebted = new Set(
    incidents.filter((one) => isAway(one) && one.owesRecovery).map(placeOf),
  );
  const taken = new Set(
    incidents.filter((one) => present.has(keyOf(one))).map(placeOf),
  );
  return incidents.map((one): Incident => {
    if (present.has(keyOf(one)))
      return {
        ...one,
        owesRecovery: one.owesRecovery || indebted.has(placeOf(one)),
      };
    const left = isOver(one) ? closed(one, now) : one;
    return isAway(one) && taken.has(placeOf(one)) ? succeeded(left) : left;
  });
}

function closed(one: Incident, now: Date): Incident {
  const at = now.toISOString();
  return { ...one, closedAt: at, tellAt: one.owesRecovery ? at : null };
}

/** One whose place another has taken is not over for people: the other will tell. */
function succeeded(one: Incident): Incident {
  return { ...one, owesRecovery: false, tellAt: null };
}

/** Tells what is due, in groups of what is alike. */
function announce(
  input: ReviewInput,
  incidents: readonly Incident[],
): Reviewed {
  const { now, isHeard } = input;
  if (!isHeard) return { incidents: incidents.map(unheard), announcements: [] };
  const groups = new Map<string, Incident[]>();
  for (const one of incidents)
    groups.set(groupOf(one), [...(groups.get(groupOf(one)) ?? []), one]);
  const announcements: Announcement[] = [];
  const changed = new Map<Incident, Incident>();
  for (const group of groups.values()) {
    const [first] = group.filter((one) => isDue(one, input, 0));
    if (first === undefined || isHeldBack(incidents, first, now)) continue;
    const event = eventOf(first);
    const near = event === "reminder" ? nearMs : gatherMs;
    const told = group.filter((one) => isDue(one, input, near));
    announcements.push({ event, target: first.target, incidents: told });
    for (const one of told) changed.set(one, afterTelling(one, input));
  }
  return {
    incidents: incidents.map((one) => changed.get(one) ?? one),
    announcements,
  };
}

/** Nobody hears of its end who did not hear of its beginning. */
function unheard(one: Incident): Incident {
  return one.closedAt === null
    ? one
    : { ...one, owesRecovery: false, tellAt: null };
}

/** Nothing waits as long as what a clock that was set back seems to leave. */
function isDue(
  { tellAt }: Incident,
  { now, remindMs }: ReviewInput,
  marginMs: number,
): boolean {
  if (tellAt === null) return false;
  const leftMs = Date.parse(tellAt) - now.getTime();
  const longestMs = Math.max(longestDistance * remindMs, longestQuietMs);
  return leftMs <= marginMs || leftMs > longestMs;
}

function eventOf({ closedAt, told }: Incident): AnnouncedEvent {
  if (closedAt !== null) return "recovered";
  return told === 0 ? "opened" : "reminder";
}

/** Something like this was told a moment ago: what joins it is gathered for a while. */
function isHeldBack(
  incidents: readonly Incident[],
  first: Incident,
  now: Date,
): boolean {
  if (eventOf(first) === "reminder") return false;
  const isAlike =
    first.closedAt === null
      ? (one: Incident) =>
          one.closedAt === null && one.told > 0 && one.kind === first.kind
      : (one: Incident) =>
          one.closedAt !== null &&
          !one.owesRecovery &&
          familyOf(one) === familyOf(first);
  return incidents.some(
    (one) =>
      one.target === first.target &&
      isAlike(one) &&
      one.toldAt !== null &&
      Math.abs(now.getTime() - Date.parse(one.toldAt)) < gatherMs,
  );
}

function afterTelling(one: Incident, { remindMs, now }: ReviewInput): Incident {
  const at = now.toISOString();
  if (one.closedAt !== null)
    return {
      ...one,
      endings: one.endings + 1,
      owesRecovery: false,
      tellAt: null,
      toldAt: at,
    };
  return {
    ...one,
    told: one.told + 1,
    toldAt: at,
    tellAt: later(at, distance(one.told, remindMs)),
    owesRecovery: true,
  };
}

/** From an announcement that `told` others came before to the next one. */
function distance(told: number, remindMs: number): number {
  return remindMs * Math.min(2 ** told, longestDistance);
}

function isRemembered(
  { closedAt, owesRecovery }: Incident,
  now: Date,
): boolean {
  return (
    closedAt === null ||
    owesRecovery ||
    now.getTime() - Date.parse(closedAt) < rememberedMs
  );
}

export function keyOf(
  one: Pick<Incident, "target" | "source" | "kind">,
): string {
  return JSON.stringify([one.target, one.source, one.kind]);
}

function placeOf(one: Pick<Incident, "target" | "source" | "kind">): string {
  return JSON.stringify([one.target, one.source, familyOf(one)]);
}

/** What is told in one message. */
function groupOf(one: Incident): string {
  const event = eventOf(one);
  const like = event === "recovered" ? familyOf(one) : one.kind;
  return JSON.stringify([event, one.target, like]);
}

function later(instant: string, ms: number): string {
  return new Date(Date.parse(instant) + ms).toISOString();
}
