import { describe, expect, it } from "vitest";
import {
  drainingGenerations,
  filesKey,
  hasBegun,
  hasTakenEffect,
  isSameGeneration,
  reloadHistory,
  withEffect,
  withSignal,
  type ReloadState,
} from "../../../src/core/decision/generations.ts";
import type {
  Generation,
  ProcessIdentity,
} from "../../../src/core/decision/record.ts";
import type { FileIdentity } from "../../../src/core/lineage/lineage.ts";

const process = (pid: number, startTicks = String(pid)): ProcessIdentity => ({
  pid,
  startTicks,
});

const generation = (
  workers: number[],
  draining: number[] = [],
  master = 1,
): Generation => ({
  master: process(master),
  workers: workers.map((pid) => process(pid)),
  draining: draining.map((pid) => process(pid)),
});

describe("hasTakenEffect", () => {
  const before = generation([10, 11]);
  it.each<[string, Generation, boolean]>([
    ["no new workers yet", before, false],
    ["old and new accept side by side", generation([10, 11, 20, 21]), false],
    ["one old worker still accepts", generation([11, 20, 21], [10]), false],
    ["the old ones drain", generation([20, 21], [10, 11]), true],
    ["the old ones are gone", generation([20, 21]), true],
    ["no worker at all", generation([]), false],
    ["another master", generation([20, 21], [], 2), false],
  ])("%s: %#", (_, after, expected) => {
    expect(hasTakenEffect(before, after)).toBe(expected);
  });

  it("tells a new worker with the pid of an old one by its start", () => {
    const after = { ...generation([]), workers: [process(10, "999")] };
    expect(hasTakenEffect(generation([10]), after)).toBe(true);
  });
});

describe("hasBegun", () => {
  const before = generation([10, 11]);
  it.each<[string, Generation, boolean]>([
    ["no new workers yet", before, false],
    ["old and new accept side by side", generation([10, 11, 20, 21]), true],
    ["one new worker so far", generation([10, 11, 20]), true],
    ["the old ones drain", generation([20, 21], [10, 11]), true],
    ["no worker at all", generation([]), false],
    ["another master", generation([20, 21], [], 2), false],
  ])("%s: %#", (_, after, expected) => {
    expect(hasBegun(before, after)).toBe(expected);
  });
});

describe("isSameGeneration", () => {
  it("does not care about workers that drain", () => {
    expect(isSameGeneration(generation([10], [5]), generation([10]))).toBe(
      true,
    );
  });

  it("tells a worker that was replaced after a crash", () => {
    expect(isSameGeneration(generation([10, 11]), generation([10, 12]))).toBe(
      false,
    );
  });
});

describe("drainingGenerations", () => {
  it("counts workers that started together once", () => {
    expect(
      drainingGenerations(generation([900], [100, 101, 300, 301, 302])),
    ).toBe(2);
  });

  it("is 0 where nothing drains", () => {
    expect(drainingGenerations(generation([900]))).toBe(0);
  });
});

describe("reloadHistory", () => {
  const state: ReloadState = {
    source: "a.pem",
    filesKey: "v2",
    configuration: "c1",
    generation: generation([10]),
  };
  const signalled = withSignal([], [state]);

  it("does not count a signal whose run died before it took effect", () => {
    expect(reloadHistory(signalled, state)).toEqual({ made: 0, isOpen: true });
  });

  it("counts a signal whose run died after it took effect", () => {
    const later = { ...state, generation: generation([20]) };
    expect(reloadHistory(signalled, later)).toEqual({ made: 1, isOpen: false });
  });

  it.each([
    ["new-generation", 1],
    ["unseen", 1],
    ["refused", 0],
  ] as const)("counts %s as %i", (effect, made) => {
    const attempts = withEffect(signalled, new Set(["a.pem"]), effect);
    expect(reloadHistory(attempts, state).made).toBe(made);
  });

  it.each<[string, Partial<ReloadState>]>([
    ["other files", { filesKey: "v3" }],
    ["another configuration", { configuration: "c2" }],
    ["another master", { generation: generation([20], [], 2) }],
    ["another source", { source: "b.pem" }],
  ])("grants %s an allowance of its own", (_, change) => {
    const attempts = withEffect(
      signalled,
      new Set(["a.pem"]),
      "new-generation",
    );
    expect(reloadHistory(attempts, { ...state, ...change }).made).toBe(0);
  });

  it("adds up over several reloads and forgets what another master did", () => {
    const once = withEffect(signalled, new Set(["a.pem"]), "new-generation");
    const next = { ...state, generation: generation([20]) };
    const twice = withEffect(
      withSignal(once, [next]),
      new Set(["a.pem"]),
      "new-generation",
    );
    expect(reloadHistory(twice, next).made).toBe(2);
    const restarted = {
      ...state,
      source: "b.pem",
      generation: generation([30], [], 2),
    };
    expect(withSignal(twice, [restarted]).map(({ source }) => source)).toEqual([
      "b.pem",
    ]);
  });
});

describe("filesKey", () => {
  const file: FileIdentity = {
    path: "/live/a/fullchain.pem",
    resolved: "/archive/a/fullchain1.pem",
    device: "1",
    inode: "2",
    sizeBytes: 3,
    modifiedNs: "4",
    changedNs: "5",
    mode: 0o644,
    uid: 0,
    gid: 0,
  };

  it.each<Partial<FileIdentity>>([
    { resolved: "/archive/a/fullchain2.pem" },
    { inode: "9" },
    { sizeBytes: 9 },
    { modifiedNs: "9" },
    { changedNs: "9" },
  ])("differs with %j", (change) => {
    expect(filesKey([{ ...file, ...change }])).not.toBe(filesKey([file]));
  });

  it("does not depend on the order", () => {
    const other = { ...file, resolved: "/archive/a/privkey1.pem" };
    expect(filesKey([file, other])).toBe(filesKey([other, file]));
  });
});
