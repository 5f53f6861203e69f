import { describe, expect, it } from "vitest";
import {
  isUrgent,
  obstacleFor,
  type HeldBack,
} from "../../../src/core/decision/obstacles.ts";
import type { Finding } from "../../../src/core/validation/finding.ts";

const hour = 60 * 60 * 1000;
const now = new Date("2026-11-23T12:00:00Z");
const inHours = (hours: number): Date => new Date(now.getTime() + hours * hour);

const finding = (severity: Finding["severity"]): Finding => ({
  rule: "dates/expired",
  severity,
  message: "has expired",
  hint: "renew it",
  subject: null,
});

/** Renewed just now; what is served has 20 of its 90 days left. */
const good: HeldBack = {
  renewedAt: now,
  present: {
    kind: "known",
    source: "served",
    regressions: new Set(),
    notBefore: inHours(-70 * 24),
    notAfter: inHours(20 * 24),
  },
  validity: { notBefore: now, notAfter: inHours(90 * 24) },
  isNew: false,
};
const holdbackMs = 24 * hour;
const until = (
  heldBack: HeldBack,
  severity: Finding["severity"],
): Date | undefined =>
  obstacleFor(
    heldBack,
    { label: "bad.example", blocking: [finding(severity)] },
    holdbackMs,
  )?.until;

describe("obstacleFor", () => {
  it("lets a regression hold back for the holdback after the renewal", () => {
    expect(until(good, "regression")).toEqual(inHours(24));
  });

  it("lets a fatal fault hold back until a tenth of the lifetime is left", () => {
    expect(until(good, "fatal")).toEqual(inHours(11 * 24));
  });

  it("lets a regression hold back no longer than a tenth of the lifetime is left", () => {
    const heldBack: HeldBack = {
      ...good,
      present: {
        kind: "known",
        source: "served",
        regressions: new Set(),
        notBefore: inHours(-114),
        notAfter: inHours(30),
      },
    };
    expect(until(heldBack, "regression")).toEqual(inHours(6));
  });

  it("holds back nothing that nobody is served yet", () => {
    expect(until({ ...good, isNew: true }, "regression")).toEqual(new Date(0));
  });

  it("holds back nothing where every handshake fails", () => {
    const broken: HeldBack = { ...good, present: { kind: "broken" } };
    expect(until(broken, "fatal")).toEqual(new Date(0));
  });

  it("goes by the new certificate's own end where nothing is known of the present", () => {
    const unknown: HeldBack = { ...good, present: { kind: "unknown" } };
    expect(until(unknown, "fatal")).toEqual(inHours(81 * 24));
  });

  it("ignores what blocks nothing", () => {
    expect(
      obstacleFor(good, { label: "fine.example", blocking: [] }, holdbackMs),
    ).toBeNull();
  });
});

describe("isUrgent", () => {
  it.each<[string, HeldBack["present"], boolean]>([
    ["a healthy one", good.present, false],
    ["a broken one", { kind: "broken" }, true],
    ["an unknown one", { kind: "unknown" }, false],
  ])("%s: %#", (_, present, expected) => {
    expect(isUrgent(present, now)).toBe(expected);
  });
});
