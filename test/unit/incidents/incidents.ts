/** A look every so often, as the runs of a service are, and what people were told meanwhile. */
import type {
  Announcement,
  Condition,
  Incident,
} from "../../../src/core/incidents/incident.ts";
import { review } from "../../../src/core/incidents/review.ts";

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;
export const begin = new Date("2026-01-01T00:00:00Z");

export function at(ms: number): Date {
  return new Date(begin.getTime() + ms);
}

export function condition(
  name: string,
  {
    kind,
    now,
    patienceMs = 0,
    target = "host",
  }: {
    readonly kind: Condition["kind"];
    readonly now: Date;
    readonly patienceMs?: number;
    readonly target?: string;
  },
): Condition {
  return {
    target,
    source: `/etc/letsencrypt/live/${name}`,
    name,
    kind,
    reason: "a reason",
    remedy: "a remedy",
    hostNames: [name],
    notAfter: null,
    tellFrom: new Date(now.getTime() + patienceMs).toISOString(),
  };
}

export interface Told {
  /** Since the beginning. */
  readonly ms: number;
  readonly announcement: Announcement;
}

/** Keeps what a state keeps from one look to the next. */
export class Looks {
  incidents: readonly Incident[] = [];
  readonly told: Told[] = [];

  look(
    ms: number,
    conditions: readonly Condition[],
    {
      isHeard = true,
      wasLookedAt = () => true,
    }: {
      readonly isHeard?: boolean;
      readonly wasLookedAt?: (incident: Incident) => boolean;
    } = {},
  ): readonly Announcement[] {
    const { incidents, announcements } = review({
      incidents: this.incidents,
      conditions,
      wasLookedAt,
      isHeard,
      remindMs: dayMs,
      now: at(ms),
    });
    // As the state keeps them.
    this.incidents = JSON.parse(JSON.stringify(incidents)) as Incident[];
    for (const announcement of announcements)
      this.told.push({ ms, announcement });
    return announcements;
  }
}

/** `opened stale a.test`, in the order in which it was told. */
export function words({ event, incidents }: Announcement): string {
  const names = incidents.map(({ name }) => name).sort();
  return `${event} ${incidents[0]?.kind ?? ""} ${names.join(" ")}`;
}
