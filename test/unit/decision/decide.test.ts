import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decide,
  decideAfterReload,
  decideAlong,
  decisionTable,
  type DecisionRow,
  type Situation,
} from "../../../src/core/decision/decide.ts";
import type { Finding } from "../../../src/core/validation/finding.ts";

const now = new Date("2026-11-23T12:00:00Z");

/** Renewed, sound, and Nginx still serves the old certificate. */
const renewed: Situation = {
  fatal: [],
  regressions: [],
  nginx: "running",
  configuration: "ok",
  isReferenced: true,
  isOutdatedCopy: false,
  isPinned: false,
  isDynamic: false,
  served: { kind: "different" },
  reloadsMade: 0,
  isStillReloading: false,
  masterIsStopped: false,
  obstacles: [],
  drainingGenerations: 0,
  drainingLimit: 3,
  isUrgent: false,
  configurationMustRest: false,
  isForced: false,
  isDryRun: false,
  now,
};

const fatal: Finding = {
  rule: "pair/key-mismatch",
  severity: "fatal",
  message: "m",
  hint: "h",
  subject: null,
};
const regression: Finding = {
  ...fatal,
  rule: "chain/untrusted",
  severity: "regression",
};
const obstacle = {
  label: "other.example",
  severity: "regression",
  message: "m",
  until: new Date(now.getTime() + 1),
} as const;

const rows: readonly [DecisionRow, Partial<Situation>, string][] = [
  ["fatal-finding", { fatal: [fatal] }, "rejected"],
  ["fatal-finding", { fatal: [fatal], nginx: "not-running" }, "rejected"],
  ["stopped-by-certbot", { nginx: "stopped-by-certbot" }, "deferred"],
  [
    "not-running",
    { nginx: "not-running", configuration: "refused" },
    "not-running",
  ],
  [
    "configuration-refused",
    { configuration: "refused", isReferenced: false },
    "config-invalid",
  ],
  ["configuration-unknown", { configuration: "unknown" }, "reload-failed"],
  ["outdated-copy", { isOutdatedCopy: true }, "stale"],
  [
    "not-referenced",
    { isReferenced: false, regressions: [regression] },
    "unused",
  ],
  ["regression", { regressions: [regression] }, "rejected"],
  ["already-served", { served: { kind: "same" } }, "live"],
  [
    "already-served",
    { served: { kind: "same" }, isForced: true, reloadsMade: 2 },
    "live",
  ],
  ["pinned-mount", { isPinned: true, isForced: true }, "stale"],
  [
    "pinned-mount",
    { isPinned: true, served: { kind: "unseen", evidence: "loaded" } },
    "stale",
  ],
  [
    "loaded-by-evidence",
    { served: { kind: "unseen", evidence: "loaded" } },
    "unverified",
  ],
  [
    "configuration-pending",
    { served: { kind: "unseen", evidence: "configuration-pending" } },
    "unverified",
  ],
  ["dynamic", { isDynamic: true }, "stale"],
  [
    "dynamic-unseen",
    { isDynamic: true, served: { kind: "unseen", evidence: "not-loaded" } },
    "unverified",
  ],
  ["still-reloading", { isStillReloading: true }, "reloading"],
  ["reload-limit", { reloadsMade: 2 }, "stale"],
  ["master-stopped", { masterIsStopped: true }, "reload-failed"],
  ["held-back", { obstacles: [obstacle] }, "blocked"],
  [
    "held-back",
    { obstacles: [{ ...obstacle, severity: "fatal" }], isForced: true },
    "blocked",
  ],
  ["draining", { drainingGenerations: 3 }, "stale"],
  ["configuration-resting", { configurationMustRest: true }, "stale"],
  ["dry-run", { isDryRun: true }, "stale"],
];

const reloads: readonly [string, Partial<Situation>][] = [
  ["a renewed certificate that is not served yet", {}],
  [
    "an unseen one that the workers cannot have loaded",
    { served: { kind: "unseen", evidence: "not-loaded" } },
  ],
  [
    "one that only an edit names which is not loaded, when a person forces it",
    {
      served: { kind: "unseen", evidence: "configuration-pending" },
      isForced: true,
    },
  ],
  ["a third time when a person forces it", { reloadsMade: 2, isForced: true }],
  [
    "once the obstacle's time is over",
    { obstacles: [{ ...obstacle, until: now }] },
  ],
  [
    "past a regression elsewhere when a person forces it",
    { obstacles: [obstacle], isForced: true },
  ],
  [
    "in spite of draining workers when it is urgent",
    { drainingGenerations: 3, isUrgent: true },
  ],
];

describe("decide", () => {
  it.each(rows)("row %s with %j gives %s", (row, change, outcome) => {
    expect(decide({ ...renewed, ...change })).toEqual({
      kind: "conclude",
      row,
      outcome,
    });
  });

  it.each(reloads)("reloads %s", (_, change) => {
    expect(decide({ ...renewed, ...change })).toEqual({
      kind: "reload",
      row: "reload",
    });
  });

  it("has a tested row for every row of the table", () => {
    const tested = new Set<string>([...rows.map(([row]) => row), "reload"]);
    expect(
      decisionTable.map((row) => row.name).filter((name) => !tested.has(name)),
    ).toEqual([]);
  });

  const situations = fc.record<Situation>({
    fatal: fc.constantFrom([], [fatal]),
    regressions: fc.constantFrom([], [regression]),
    nginx: fc.constantFrom("running", "not-running", "stopped-by-certbot"),
    configuration: fc.constantFrom("ok", "refused", "unknown"),
    isReferenced: fc.boolean(),
    isOutdatedCopy: fc.boolean(),
    isPinned: fc.boolean(),
    isDynamic: fc.boolean(),
    served: fc.constantFrom(
      { kind: "same" },
      { kind: "different" },
      { kind: "unseen", evidence: "loaded" },
      { kind: "unseen", evidence: "not-loaded" },
    ),
    reloadsMade: fc.nat({ max: 4 }),
    isStillReloading: fc.boolean(),
    masterIsStopped: fc.boolean(),
    obstacles: fc.constantFrom([], [obstacle]),
    drainingGenerations: fc.nat({ max: 5 }),
    drainingLimit: fc.constant(3),
    isUrgent: fc.boolean(),
    configurationMustRest: fc.boolean(),
    isForced: fc.boolean(),
    isDryRun: fc.boolean(),
    now: fc.constant(now),
  });

  it("never reloads with a fatal finding, a refused configuration, or what is served already", () => {
    fc.assert(
      fc.property(situations, (situation) => {
        if (decide(situation).kind !== "reload") return;
        expect(situation.fatal).toEqual([]);
        expect(situation.configuration).toBe("ok");
        expect(situation.nginx).toBe("running");
        expect(situation.served.kind).not.toBe("same");
        expect(situation.isReferenced).toBe(true);
        expect(situation.isDryRun).toBe(false);
        if (!situation.isForced) expect(situation.reloadsMade).toBeLessThan(2);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe("decideAlong", () => {
  it.each([
    ["held-back", { obstacles: [obstacle] }],
    ["reload-limit", { reloadsMade: 2 }],
    ["draining", { drainingGenerations: 3 }],
    ["configuration-resting", { configurationMustRest: true }],
  ] as const)(
    "takes along what waits for itself (%s), and says so in a dry run",
    (row, changes) => {
      const situation: Situation = { ...renewed, ...changes };
      const alone = decide(situation);
      expect(alone.row).toBe(row);
      expect(decideAlong(situation, alone)).toMatchObject({ kind: "reload" });
      expect(
        decideAlong({ ...situation, isDryRun: true }, alone),
      ).toMatchObject({ row: "dry-run", outcome: "stale" });
    },
  );

  it.each([
    { fatal: [fatal] },
    { regressions: [regression] },
    { served: { kind: "same" } },
    { isReferenced: false },
    { isStillReloading: true },
  ] as const)("leaves everything else as it was decided: %j", (changes) => {
    const situation: Situation = { ...renewed, ...changes };
    const alone = decide(situation);
    expect(decideAlong(situation, alone)).toBe(alone);
  });
});

describe("decideAfterReload", () => {
  it.each([
    [{ kind: "refused" }, { kind: "same" }, "reload-failed"],
    [{ kind: "busy" }, { kind: "same" }, "reloading"],
    [{ kind: "new-generation" }, { kind: "same" }, "deployed"],
    [{ kind: "new-generation" }, { kind: "different" }, "stale"],
    [
      { kind: "new-generation" },
      { kind: "unseen", evidence: "loaded" },
      "unverified",
    ],
  ] as const)("%j with %j served is %s", (effect, served, outcome) => {
    expect(decideAfterReload(effect, served)).toBe(outcome);
  });
});
