import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  initialSchedule,
  nextWake,
  step,
} from "../../../src/core/schedule/schedule.ts";
import { Clockwork, day, hour, rhythm } from "./clockwork.ts";

const second = 1_000;
const minute = 60 * second;

describe("the schedule", () => {
  it("does nothing before it is started", () => {
    expect(nextWake(initialSchedule(rhythm))).toBeNull();
  });

  it("sweeps at its start", () => {
    const clockwork = new Clockwork();
    clockwork.feed({ kind: "started" });
    expect(clockwork.ran).toEqual([{ atMs: 0, work: { kind: "sweep" } }]);
  });

  it("reconciles every hour and sweeps every day, an interval being at most a quarter longer", () => {
    const clockwork = Clockwork.started({}, Math.random);
    clockwork.pass(10 * day);
    const kinds = clockwork.ran.map(({ work }) => work.kind);
    const sweeps = kinds.filter((kind) => kind === "sweep").length;
    const all = kinds.length;
    expect(sweeps).toBe(10);
    expect(all).toBeGreaterThanOrEqual(10 * 24 * 0.8);
    expect(all).toBeLessThanOrEqual(10 * 24 + sweeps);
  });

  it("runs once for a burst, a moment after its last change", () => {
    const clockwork = Clockwork.started();
    for (let count = 0; count < 200; count += 1) {
      clockwork.changed(`/live/${String(count)}`);
      clockwork.pass(500);
    }
    clockwork.pass(minute);
    const subjects = clockwork.ran.flatMap(({ work }) =>
      work.kind === "subjects" ? work.subjects : [],
    );
    expect(new Set(subjects).size).toBe(200);
    // 100 s of changes are longer than a burst may last.
    expect(clockwork.ran.length).toBe(2);
  });

  it.each([
    ["idle", second],
    ["unknown", 5 * second],
  ] as const)(
    "waits until nothing has changed for a while: Certbot is %s",
    (certbot, quietMs) => {
      const clockwork = Clockwork.started();
      clockwork.world.certbot = certbot;
      clockwork.changed("/live/a");
      clockwork.pass(minute);
      expect(clockwork.ran.map(({ atMs }) => atMs)).toEqual([quietMs]);
    },
  );

  it("waits for what is half written, and judges it at the limit", () => {
    const clockwork = Clockwork.started();
    clockwork.world.states.set("/live/a", "moving");
    clockwork.changed("/live/a");
    clockwork.changed("/live/b");
    clockwork.pass(minute - 1);
    expect(clockwork.ran).toEqual([]);
    clockwork.pass(second);
    expect(clockwork.ran).toMatchObject([
      { work: { kind: "subjects", subjects: ["/live/a", "/live/b"] } },
    ]);
  });

  it("begins as soon as what was half written is whole", () => {
    const clockwork = Clockwork.started();
    clockwork.world.states.set("/live/a", "moving");
    clockwork.changed("/live/a");
    clockwork.pass(20 * second);
    clockwork.world.states.delete("/live/a");
    clockwork.pass(2 * second);
    expect(clockwork.ran).toHaveLength(1);
  });

  it("reconciles for what is gone, without naming it", () => {
    const clockwork = Clockwork.started();
    clockwork.world.states.set("/live/a", "gone");
    clockwork.changed("/live/a");
    clockwork.pass(5 * second);
    expect(clockwork.ran.map(({ work }) => work)).toEqual([
      { kind: "reconcile", subjects: [] },
    ]);
  });

  it("reconciles for an edit of Nginx's configuration", () => {
    const clockwork = Clockwork.started();
    clockwork.feed({ kind: "surroundings-changed" });
    clockwork.pass(5 * second);
    expect(clockwork.ran.map(({ work }) => work.kind)).toEqual(["reconcile"]);
  });

  it("reconciles at once when it is asked, whatever it waits for", () => {
    const clockwork = Clockwork.started();
    clockwork.world.breaks = "the lock is held";
    clockwork.changed("/live/a");
    clockwork.pass(2 * second);
    clockwork.world.breaks = null;
    clockwork.ran.length = 0;
    clockwork.feed({ kind: "asked" });
    expect(clockwork.ran.map(({ work }) => work)).toEqual([
      { kind: "reconcile", subjects: ["/live/a"] },
    ]);
  });

  it("reconciles once more when it is asked during a reconciliation", () => {
    let { state } = step(initialSchedule(rhythm), { kind: "started" }, 0);
    const looked = {
      kind: "looked",
      certbot: "idle",
      seen: new Map(),
    } as const;
    ({ state } = step(state, looked, 0));
    ({ state } = step(state, { kind: "asked" }, 10));
    const { actions } = step(
      state,
      { kind: "completed", failures: [], chance: 0 },
      20,
    );
    expect(actions).toEqual([{ kind: "look", subjects: [] }]);
  });
});

describe("a Certbot at work", () => {
  it("is waited for, and told once", () => {
    const clockwork = Clockwork.started();
    clockwork.world.certbot = "at-work";
    clockwork.changed("/live/a");
    clockwork.pass(10 * minute);
    expect(clockwork.ran).toEqual([]);
    clockwork.world.certbot = "idle";
    clockwork.pass(2 * second);
    expect(clockwork.ran).toHaveLength(1);
    expect(clockwork.tellings("waiting-for-certbot")).toHaveLength(1);
  });

  it("is waited for 15 min at most", () => {
    const clockwork = Clockwork.started();
    clockwork.world.certbot = "at-work";
    clockwork.changed("/live/a");
    clockwork.pass(16 * minute);
    expect(clockwork.ran.map(({ atMs }) => atMs)).toEqual([
      15 * minute + second,
    ]);
  });

  it("is not waited for where a served certificate has expired", () => {
    const clockwork = Clockwork.started();
    clockwork.world.certbot = "at-work";
    clockwork.world.states.set("/live/a", "urgent");
    clockwork.changed("/live/a");
    clockwork.pass(5 * second);
    expect(clockwork.ran).toHaveLength(1);
  });
});

describe("a failure", () => {
  it("is tried again from a minute up to six hours apart, for a month and longer, with a dozen lines", () => {
    const clockwork = Clockwork.started({
      reconcileMs: 365 * day,
      sweepMs: 365 * day,
    });
    clockwork.world.failing.set("/live/a", "stale: two reloads");
    clockwork.changed("/live/a");
    clockwork.pass(40 * day);
    const at = clockwork.ran.map(({ atMs }) => atMs);
    const pauses = at.slice(1).map((later, index) => later - (at[index] ?? 0));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(minute);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(6 * hour);
    expect(pauses[0]).toBeLessThanOrEqual(1.25 * minute);
    expect(at.at(-1)).toBeGreaterThan(39 * day);
    expect(clockwork.tellings("failing").length).toBeLessThanOrEqual(12);
    const times = clockwork
      .tellings("failing")
      .map((telling) => ("times" in telling ? telling.times : 0));
    expect(times.slice(0, 5)).toEqual([1, 2, 4, 8, 16]);
  });

  it("is told anew where its words change, and its end with how often it came", () => {
    const clockwork = Clockwork.started();
    clockwork.world.failing.set("/live/a", "not-running");
    clockwork.changed("/live/a");
    clockwork.pass(10 * minute);
    clockwork.world.failing.set("/live/a", "config-invalid");
    clockwork.pass(10 * minute);
    clockwork.world.failing.clear();
    clockwork.pass(hour);
    expect(clockwork.told.map(({ telling }) => telling)).toMatchObject([
      { kind: "failing", times: 1 },
      { kind: "failing", times: 2 },
      { kind: "failing", times: 4 },
      { kind: "failing", times: 1 },
      { kind: "recovered", subject: "/live/a" },
    ]);
    expect(clockwork.schedule.retries.size).toBe(0);
  });

  it("of one subject has a pause of its own", () => {
    const clockwork = Clockwork.started({ reconcileMs: 365 * day });
    clockwork.world.failing.set("/live/a", "rejected");
    clockwork.changed("/live/a");
    clockwork.pass(4 * hour);
    clockwork.world.failing.set("/live/b", "rejected");
    clockwork.changed("/live/b");
    clockwork.pass(2 * second);
    const later = clockwork.nowMs;
    clockwork.pass(2 * minute);
    const retried = clockwork.ran.filter(({ atMs }) => atMs > later);
    expect(retried.map(({ work }) => work)).toEqual([
      { kind: "subjects", subjects: ["/live/b"] },
    ]);
  });

  it("begins its pauses anew with new files", () => {
    const clockwork = Clockwork.started({
      reconcileMs: 365 * day,
      sweepMs: 365 * day,
    });
    clockwork.world.failing.set("/live/a", "rejected");
    clockwork.changed("/live/a");
    clockwork.pass(10 * day);
    clockwork.changed("/live/a");
    clockwork.pass(2 * second);
    const later = clockwork.nowMs;
    clockwork.pass(2 * minute);
    expect(clockwork.ran.filter(({ atMs }) => atMs > later)).toHaveLength(1);
  });
});

describe("a run that does not come to its end", () => {
  it("is made again with all that it was about, soon and then at growing distance", () => {
    const clockwork = Clockwork.started();
    clockwork.world.breaks = "another run holds the lock";
    clockwork.changed("/live/a");
    clockwork.pass(hour);
    expect(clockwork.ran.length).toBeGreaterThan(6);
    expect(clockwork.tellings("broken").length).toBeLessThanOrEqual(5);
    clockwork.world.breaks = null;
    clockwork.ran.length = 0;
    clockwork.pass(15 * minute);
    expect(clockwork.ran[0]?.work).toMatchObject({ subjects: ["/live/a"] });
    expect(clockwork.tellings("mended")).toHaveLength(1);
  });

  it("leaves the sweep due", () => {
    const clockwork = new Clockwork();
    clockwork.world.breaks = "another run holds the lock";
    clockwork.feed({ kind: "started" });
    clockwork.world.breaks = null;
    clockwork.pass(2 * minute);
    expect(clockwork.ran.map(({ work }) => work.kind)).toEqual([
      "sweep",
      "sweep",
    ]);
  });
});

describe("whatever happens", () => {
  const event = fc.oneof(
    fc.record({
      kind: fc.constant("change" as const),
      subject: fc.constantFrom("a", "b", "c"),
    }),
    fc.record({
      kind: fc.constant("state" as const),
      subject: fc.constantFrom("a", "b", "c"),
      state: fc.constantFrom(
        "settled" as const,
        "moving" as const,
        "urgent" as const,
        "gone" as const,
      ),
    }),
    fc.record({
      kind: fc.constant("certbot" as const),
      certbot: fc.constantFrom(
        "idle" as const,
        "at-work" as const,
        "unknown" as const,
      ),
    }),
    fc.record({
      kind: fc.constant("fail" as const),
      subject: fc.constantFrom("a", "b", "c"),
      words: fc.constantFrom("x", "y", null),
    }),
    fc.record({
      kind: fc.constant("break" as const),
      reason: fc.constantFrom("locked", null),
    }),
    fc.record({ kind: fc.constant("surroundings" as const) }),
    fc.record({ kind: fc.constant("asked" as const) }),
    fc.record({
      kind: fc.constant("pass" as const),
      ms: fc.integer({ min: 0, max: 3 * hour }),
    }),
    // The clock is set, forwards or back.
    fc.record({
      kind: fc.constant("jump" as const),
      ms: fc.integer({ min: -30 * day, max: 30 * day }),
    }),
  );

  it("every change is followed by a run about it within the longest wait", () => {
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 40 }),
        fc.constantFrom("a", "b", "c"),
        (events, subject) => {
          const clockwork = Clockwork.started();
          for (const one of events) play(clockwork, one);
          clockwork.world.breaks = null;
          clockwork.world.states.set(subject, "settled");
          clockwork.ran.length = 0;
          clockwork.changed(subject);
          clockwork.pass(
            rhythm.certbotWaitMs + 2 * rhythm.settleMs + rhythm.brokenLongestMs,
          );
          const about = clockwork.ran.filter(
            ({ work }) =>
              work.kind === "sweep" || work.subjects.includes(subject),
          );
          expect(about.length).toBeGreaterThan(0);
        },
      ),
    );
  });

  it("what fails is tried again at least every six hours, and everything is swept at least daily", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const clockwork = Clockwork.started();
        for (const one of events) play(clockwork, one);
        clockwork.world.breaks = null;
        clockwork.world.certbot = "idle";
        clockwork.ran.length = 0;
        const slack =
          rhythm.certbotWaitMs + rhythm.brokenLongestMs + rhythm.settleMs;
        clockwork.pass(rhythm.sweepMs + slack);
        expect(clockwork.ran.some(({ work }) => work.kind === "sweep")).toBe(
          true,
        );
        clockwork.world.failing.set("a", "stale");
        clockwork.ran.length = 0;
        clockwork.pass(
          rhythm.retryLongestMs + rhythm.reconcileMs * 1.25 + slack,
        );
        expect(clockwork.ran.length).toBeGreaterThan(1);
      }),
    );
  });

  type Play = typeof event extends fc.Arbitrary<infer One> ? One : never;

  function play(clockwork: Clockwork, one: Play): void {
    switch (one.kind) {
      case "change": {
        clockwork.changed(one.subject);
        return;
      }
      case "state":
        clockwork.world.states.set(one.subject, one.state);
        return;
      case "certbot":
        clockwork.world.certbot = one.certbot;
        return;
      case "fail":
        if (one.words === null) clockwork.world.failing.delete(one.subject);
        else clockwork.world.failing.set(one.subject, one.words);
        return;
      case "break":
        clockwork.world.breaks = one.reason;
        return;
      case "surroundings": {
        clockwork.feed({ kind: "surroundings-changed" });
        return;
      }
      case "asked": {
        clockwork.feed({ kind: "asked" });
        return;
      }
      case "pass": {
        clockwork.pass(one.ms);
        return;
      }
      case "jump":
        clockwork.nowMs += one.ms;
        {
          clockwork.feed({ kind: "woke" });
          return;
        }
    }
  }
});
