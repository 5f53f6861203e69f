import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  incidentKinds,
  type IncidentKind,
} from "../../../src/core/incidents/incident.ts";
import {
  at,
  condition,
  dayMs,
  hourMs,
  Looks,
  minuteMs,
  words,
} from "./incidents.ts";

const stale = (name: string, ms: number) =>
  condition(name, { kind: "stale", now: at(ms) });

describe("an incident", () => {
  it("is told once, however often it is looked at", () => {
    const looks = new Looks();
    for (let ms = 0; ms < dayMs; ms += 10 * minuteMs)
      looks.look(ms, [stale("a.test", ms)]);
    expect(looks.told.map(({ announcement }) => words(announcement))).toEqual([
      "opened stale a.test",
    ]);
  });

  it("is reminded of at growing distance", () => {
    const looks = new Looks();
    for (let ms = 0; ms <= 70 * dayMs; ms += hourMs)
      looks.look(ms, [stale("a.test", ms)]);
    expect(looks.told.map(({ ms }) => ms / dayMs)).toEqual([
      0, 1, 3, 7, 15, 31, 47, 63,
    ]);
    expect(
      new Set(
        looks.told.slice(1).map(({ announcement }) => announcement.event),
      ),
    ).toEqual(new Set(["reminder"]));
  });

  it("is told to be over once", () => {
    const looks = new Looks();
    looks.look(0, [stale("a.test", 0)]);
    for (let ms = hourMs; ms < 5 * dayMs; ms += hourMs) looks.look(ms, []);
    expect(looks.told.map(({ announcement }) => words(announcement))).toEqual([
      "opened stale a.test",
      "recovered stale a.test",
    ]);
    expect(looks.incidents).toEqual([]);
  });

  it("is not told while it may still pass, nor that it has passed", () => {
    const looks = new Looks();
    const stopped = (ms: number) =>
      condition("a.test", {
        kind: "not-running",
        now: at(ms),
        patienceMs: 15 * minuteMs,
      });
    looks.look(0, [stopped(0)]);
    looks.look(14 * minuteMs, [stopped(14 * minuteMs)]);
    looks.look(14.5 * minuteMs, []);
    expect(looks.told).toEqual([]);
    looks.look(5 * hourMs, [stopped(5 * hourMs)]);
    looks.look(7 * hourMs, [stopped(7 * hourMs)]);
    expect(looks.told.map(({ announcement }) => words(announcement))).toEqual([
      "opened not-running a.test",
    ]);
  });

  it("stays open where a look did not concern it", () => {
    const looks = new Looks();
    looks.look(0, [stale("a.test", 0)]);
    looks.look(hourMs, [], { wasLookedAt: () => false });
    expect(looks.incidents).toMatchObject([{ closedAt: null }]);
    expect(looks.told).toHaveLength(1);
  });

  it("that nobody heard of is told once somebody listens, unless it is over", () => {
    const looks = new Looks();
    looks.look(0, [stale("a.test", 0), stale("b.test", 0)], { isHeard: false });
    looks.look(hourMs, [stale("a.test", hourMs)], { isHeard: false });
    expect(looks.told).toEqual([]);
    looks.look(2 * hourMs, [stale("a.test", 2 * hourMs)]);
    expect(looks.told.map(({ announcement }) => words(announcement))).toEqual([
      "opened stale a.test",
    ]);
  });

  it("that takes another's place is told, and one end for both", () => {
    const looks = new Looks();
    const of = (kind: IncidentKind, ms: number) =>
      condition("a.test", { kind, now: at(ms) });
    looks.look(0, [of("overdue", 0)]);
    looks.look(dayMs / 2, [of("expired", dayMs / 2)]);
    looks.look(dayMs, []);
    looks.look(2 * dayMs, []);
    expect(looks.told.map(({ announcement }) => words(announcement))).toEqual([
      "opened overdue a.test",
      "opened expired a.test",
      "recovered expired a.test",
    ]);
  });

  it("whose successor was not told yet is told to be over all the same", () => {
    const looks = new Looks();
    looks.look(0, [stale("a.test", 0)]);
    looks.look(hourMs, [
      condition("a.test", {
        kind: "not-running",
        now: at(hourMs),
        patienceMs: dayMs,
      }),
    ]);
    looks.look(2 * hourMs, []);
    expect(looks.told.map(({ announcement }) => announcement.event)).toEqual([
      "opened",
      "recovered",
    ]);
  });

  it("of another target, source or kind is another one", () => {
    const looks = new Looks();
    looks.look(0, [
      stale("a.test", 0),
      condition("a.test", { kind: "stale", now: at(0), target: "container" }),
      condition("a.test", { kind: "overdue", now: at(0) }),
    ]);
    expect(looks.incidents).toHaveLength(3);
    expect(looks.told).toHaveLength(3);
  });
});

describe("a clock that was years ahead and is set right", () => {
  const wrong = 4_000 * dayMs;

  it("holds back nothing that goes wrong afterwards", () => {
    const looks = new Looks();
    looks.look(wrong, [stale("a.test", wrong)]);
    looks.look(0, [stale("a.test", 0), stale("b.test", 0)]);
    expect(looks.told.map(({ announcement }) => words(announcement))).toContain(
      "opened stale b.test",
    );
  });

  it("puts off no reminder for years", () => {
    const looks = new Looks();
    looks.look(wrong, [stale("a.test", wrong)]);
    for (let ms = 0; ms <= 7 * dayMs; ms += hourMs)
      looks.look(ms, [stale("a.test", ms)]);
    expect(looks.told.slice(1).map(({ ms }) => ms / dayMs)).toEqual([0, 2, 6]);
  });
});

describe("a hundred incidents", () => {
  const names = Array.from({ length: 100 }, (_, index) => `${index}.test`);

  it("of one look are one message, one reminder and one end", () => {
    const looks = new Looks();
    for (let ms = 0; ms <= dayMs; ms += hourMs)
      looks.look(
        ms,
        names.map((name) => stale(name, ms)),
      );
    looks.look(dayMs + hourMs, []);
    expect(
      looks.told.map(({ announcement: { event, incidents } }) => [
        event,
        incidents.length,
      ]),
    ).toEqual([
      ["opened", 100],
      ["reminder", 100],
      ["recovered", 100],
    ]);
  });

  it("that come and go one by one are gathered", () => {
    const looks = new Looks();
    const present = new Set<string>();
    const step = (ms: number) =>
      looks.look(
        ms,
        [...present].map((name) => stale(name, ms)),
      );
    names.forEach((name, index) => {
      present.add(name);
      step(index * 10_000);
    });
    step(hourMs);
    names.forEach((name, index) => {
      present.delete(name);
      step(2 * hourMs + index * 10_000);
    });
    step(3 * hourMs);
    expect(
      looks.told.map(({ announcement: { event, incidents } }) => [
        event,
        incidents.length,
      ]),
    ).toEqual([
      ["opened", 1],
      ["opened", 90],
      ["opened", 9],
      ["recovered", 1],
      ["recovered", 90],
      ["recovered", 9],
    ]);
  });
});

describe("a fault that comes and goes", () => {
  it("has one end, where another took its place before that could be told", () => {
    const looks = new Looks();
    const look = (minutes: number, ...wrong: [string, IncidentKind][]) => {
      const ms = minutes * minuteMs;
      looks.look(
        ms,
        wrong.map(([name, kind]) => condition(name, { kind, now: at(ms) })),
      );
    };
    look(1, ["a.test", "rejected"]);
    look(2, ["b.test", "rejected"]);
    look(3);
    look(4, ["b.test", "locked"]);
    look(17);
    look(40);
    const ends = looks.told
      .filter(({ announcement: { event } }) => event === "recovered")
      .flatMap(({ announcement: { incidents } }) => incidents);
    expect(ends.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      "a.test rejected",
      "b.test locked",
    ]);
  });

  it("is told less and less often", () => {
    const looks = new Looks();
    for (let look = 0; look < 30 * 24 * 6; look++) {
      const ms = look * 10 * minuteMs;
      looks.look(ms, look % 2 === 0 ? [stale("a.test", ms)] : []);
    }
    const openings = looks.told
      .filter(({ announcement: { event } }) => event === "opened")
      .map(({ ms }) => Math.round(ms / hourMs));
    // It is there 2,160 times in 30 days.
    expect(openings).toEqual([0, 2, 7, 15, 31, 64, 128, 256, 513]);
  });

  it("is new again when it was away for days", () => {
    const looks = new Looks();
    looks.look(0, [stale("a.test", 0)]);
    looks.look(hourMs, []);
    looks.look(4 * dayMs, []);
    looks.look(4 * dayMs + hourMs, [stale("a.test", 4 * dayMs + hourMs)]);
    expect(looks.told.map(({ announcement: { event } }) => event)).toEqual([
      "opened",
      "recovered",
      "opened",
    ]);
  });
});

describe("whatever happens", () => {
  const kinds = Object.keys(incidentKinds) as IncidentKind[];
  const looksOf = fc.array(
    fc.record({
      afterMs: fc.integer({ min: minuteMs, max: 2 * dayMs }),
      present: fc.dictionary(
        fc.constantFrom("a", "b", "c"),
        fc.constantFrom(...kinds),
      ),
      isHeard: fc.boolean(),
    }),
    { maxLength: 60 },
  );

  it("no end is told of what was not told, and nothing is new twice without an end", () => {
    fc.assert(
      fc.property(looksOf, (steps) => {
        const looks = new Looks();
        let ms = 0;
        for (const { afterMs, present, isHeard } of steps) {
          ms += afterMs;
          looks.look(
            ms,
            Object.entries(present).map(([name, kind]) =>
              condition(name, { kind, now: at(ms) }),
            ),
            { isHeard },
          );
        }
        const open = new Map<string, boolean>();
        for (const { announcement } of looks.told)
          for (const { name, kind } of announcement.incidents) {
            const place = `${name} ${incidentKinds[kind].family}`;
            if (announcement.event === "recovered") {
              expect(open.get(place)).toBe(true);
              open.set(place, false);
            } else open.set(place, true);
          }
      }),
    );
  });

  it("what is wrong and heard of is told by the next look that is due", () => {
    fc.assert(
      fc.property(looksOf, (steps) => {
        const looks = new Looks();
        let ms = 0;
        for (const { afterMs, present } of steps) {
          ms += afterMs;
          looks.look(
            ms,
            Object.entries(present).map(([name, kind]) =>
              condition(name, { kind, now: at(ms) }),
            ),
          );
        }
        const last = steps.at(-1)?.present ?? {};
        ms += 3 * dayMs;
        looks.look(
          ms,
          Object.entries(last).map(([name, kind]) =>
            condition(name, { kind, now: at(ms) }),
          ),
        );
        const untold = looks.incidents.filter(
          ({ closedAt, told }) => closedAt === null && told === 0,
        );
        expect(untold).toEqual([]);
      }),
    );
  });
});
