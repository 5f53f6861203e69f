/** Certificates through their lives, a look every hour: which day people were told what. */
import { describe, expect, it } from "vitest";
import {
  expiryConditions,
  type Dated,
} from "../../../src/core/expiry/conditions.ts";
import { at, dayMs, hourMs, Looks } from "../incidents/incidents.ts";

function certificate(fromDays: number, lifetimeDays: number): Dated {
  return {
    subject: "CN=a.test",
    subjectAltNames: ["DNS:a.test"],
    notBefore: at(fromDays * dayMs),
    notAfter: at((fromDays + lifetimeDays) * dayMs),
  };
}

/** What is served and what lies on disk, by the hour since the first certificate was issued. */
interface Life {
  readonly served: (days: number) => readonly Dated[];
  readonly onDisk?: (days: number) => Dated;
}

function walk(days: number, life: Life, floorsDays: readonly number[] = []) {
  const looks = new Looks();
  for (let ms = 0; ms <= days * dayMs; ms += hourMs) {
    const served = life.served(ms / dayMs);
    looks.look(
      ms,
      expiryConditions(
        {
          target: "host",
          source: "/etc/letsencrypt/live/a.test",
          name: "a.test",
          isLineage: true,
          served: [served],
          onDisk: life.onDisk?.(ms / dayMs) ?? served[0] ?? null,
        },
        {
          now: at(ms),
          floorsMs: floorsDays.map((floor) => floor * dayMs),
          graceMs: dayMs,
        },
      ),
    );
  }
  return looks.told.map(({ ms, announcement: { event, incidents } }) => [
    ms / dayMs,
    event,
    incidents[0]?.kind,
  ]);
}

const never = (lifetime: number): Life => ({
  served: () => [certificate(0, lifetime)],
});

/** As Certbot does it: a new one at each `every` days. */
const renewed = (lifetime: number, every: number): Life => ({
  served: (days) => [certificate(Math.floor(days / every) * every, lifetime)],
});

const hour = 1 / 24;
/** 2.4 days of grace are 14.4 hours, and the look after that is 15 hours later. */
const shortGrace = 15 / 24;

describe("a certificate that nobody renews", () => {
  it("of 90 days is told on these days", () => {
    expect(walk(100, never(90))).toEqual([
      [61, "opened", "overdue"],
      [62, "reminder", "overdue"],
      [64, "reminder", "overdue"],
      [68, "reminder", "overdue"],
      [76, "reminder", "overdue"],
      [90, "opened", "expired"],
      [91, "reminder", "expired"],
      [93, "reminder", "expired"],
      [97, "reminder", "expired"],
    ]);
  });

  it("of 45 days is told on these days", () => {
    expect(walk(50, never(45))).toEqual([
      [31, "opened", "overdue"],
      [32, "reminder", "overdue"],
      [34, "reminder", "overdue"],
      [38, "reminder", "overdue"],
      [45, "opened", "expired"],
      [46, "reminder", "expired"],
      [48, "reminder", "expired"],
    ]);
  });

  it("of 6 days is told on these days", () => {
    expect(walk(8, never(6))).toEqual([
      [3 + shortGrace, "opened", "overdue"],
      [4 + shortGrace, "reminder", "overdue"],
      [6, "opened", "expired"],
      [7, "reminder", "expired"],
    ]);
  });

  it("of 90 days is told earlier where a floor says so", () => {
    expect(walk(53, never(90), [40])).toEqual([
      [51, "opened", "overdue"],
      [52, "reminder", "overdue"],
    ]);
  });
});

describe("a certificate that is renewed in time", () => {
  it.each([
    { lifetime: 90, every: 60 },
    { lifetime: 90, every: 60.5 },
    { lifetime: 45, every: 30.9 },
    { lifetime: 6, every: 3 },
    { lifetime: 6, every: 3.5 },
  ])(
    "of $lifetime days every $every days is never told of in a year",
    ({ lifetime, every }) => {
      expect(walk(365, renewed(lifetime, every))).toEqual([]);
    },
  );
});

describe("a certificate that is renewed too late", () => {
  it("is told once, and once that it is over", () => {
    const life: Life = {
      served: (days) => [
        days < 61.5 ? certificate(0, 90) : certificate(61.5, 90),
      ],
    };
    expect(walk(91.5, life)).toEqual([
      [61, "opened", "overdue"],
      [61.5, "recovered", "overdue"],
    ]);
  });

  it("after it had expired is told to be over", () => {
    const life: Life = {
      served: (days) => [certificate(days < 7 ? 0 : 7, 6)],
    };
    expect(walk(9, life)).toEqual([
      [3 + shortGrace, "opened", "overdue"],
      [4 + shortGrace, "reminder", "overdue"],
      [6, "opened", "expired"],
      [7, "recovered", "expired"],
    ]);
  });
});

describe("a renewed certificate that is not live", () => {
  it("is not called overdue, but expired once the served one is", () => {
    const life: Life = {
      served: () => [certificate(0, 90)],
      onDisk: (days) => certificate(days < 60 ? 0 : 60, 90),
    };
    expect(walk(90 + hour, life)).toEqual([[90, "opened", "expired"]]);
  });
});

describe("a chain", () => {
  const intermediate = (endDays: number): Dated => ({
    ...certificate(-1000, 1000 + endDays),
    subject: "CN=R10",
  });

  it("that ends before the leaf is told at once", () => {
    const life: Life = {
      served: () => [certificate(0, 90), intermediate(80)],
    };
    expect(walk(1, life)).toEqual([
      [0, "opened", "chain-ends-first"],
      [1, "reminder", "chain-ends-first"],
    ]);
  });

  it("that lasts as long as the leaf is not told of", () => {
    const life: Life = {
      served: () => [certificate(0, 90), intermediate(90)],
    };
    expect(walk(2, life)).toEqual([]);
  });
});
