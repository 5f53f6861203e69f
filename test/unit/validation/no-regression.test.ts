import { describe, expect, it } from "vitest";
import {
  deadline,
  isNearItsEnd,
  weigh,
  type Present,
} from "../../../src/core/validation/no-regression.ts";
import type { Finding } from "../../../src/core/validation/finding.ts";

const day = 24 * 60 * 60 * 1000;
const now = new Date("2026-11-23T12:00:00Z");
const inDays = (days: number): Date => new Date(now.getTime() + days * day);

const finding = (
  rule: Finding["rule"],
  severity: Finding["severity"],
  subject: string | null = null,
): Finding => ({
  rule,
  severity,
  message: "what is wrong",
  hint: "what to do",
  subject,
});
const served = (
  regressions: string[],
  notBefore: Date,
  notAfter: Date,
): Present => ({
  kind: "known",
  source: "served",
  regressions: new Set(regressions),
  notBefore,
  notAfter,
});

const healthy = served([], inDays(-30), inDays(60));
const nearItsEnd = served([], inDays(-85), inDays(5));
const expired = served(["dates/expired"], inDays(-91), inDays(-1));
const notYetValid = served(["dates/not-yet-valid"], inDays(1), inDays(91));

describe("weigh", () => {
  it.each<[string, Finding, Present, boolean]>([
    [
      "a fatal finding blocks",
      finding("pair/key-mismatch", "fatal"),
      expired,
      true,
    ],
    [
      "a warning never blocks",
      finding("dates/expires-soon", "warning"),
      healthy,
      false,
    ],
    [
      "a regression blocks beside a healthy one",
      finding("chain/untrusted", "regression"),
      healthy,
      true,
    ],
    [
      "the fault that the served one has too does not block",
      finding("chain/untrusted", "regression"),
      served(["chain/untrusted"], inDays(-30), inDays(60)),
      false,
    ],
    [
      "another fault than the served one has blocks",
      finding("chain/missing-intermediate", "regression"),
      served(["chain/untrusted"], inDays(-30), inDays(60)),
      true,
    ],
    [
      "a lost name blocks",
      finding("names/lost", "regression", "a.example"),
      healthy,
      true,
    ],
    [
      "a lost name waits no longer than the deadline",
      finding("names/lost", "regression", "a.example"),
      nearItsEnd,
      false,
    ],
    [
      "expired blocks even near the deadline",
      finding("dates/expired", "regression"),
      nearItsEnd,
      true,
    ],
    [
      "not yet valid blocks even near the deadline",
      finding("dates/not-yet-valid", "regression"),
      nearItsEnd,
      true,
    ],
    [
      "not yet valid does not block where the served one has expired",
      finding("dates/not-yet-valid", "regression"),
      expired,
      false,
    ],
    [
      "untrusted does not block where the served one has expired",
      finding("chain/untrusted", "regression"),
      expired,
      false,
    ],
    [
      "untrusted does not block where the served one is not yet valid",
      finding("chain/untrusted", "regression"),
      notYetValid,
      false,
    ],
    [
      "expired blocks where the served one is not yet valid",
      finding("dates/expired", "regression"),
      notYetValid,
      true,
    ],
    [
      "a regression blocks where nothing is known of the present",
      finding("dates/expired", "regression"),
      { kind: "unknown" },
      true,
    ],
    [
      "untrusted does not block where nothing is known",
      finding("chain/untrusted", "regression"),
      { kind: "unknown" },
      false,
    ],
    [
      "nothing but fatal blocks where every handshake fails",
      finding("dates/expired", "regression"),
      { kind: "broken" },
      false,
    ],
  ])("%s", (_, given, present, blocks) => {
    expect(
      weigh({ findings: [given], present, now, force: false }).blocking.length >
        0,
    ).toBe(blocks);
  });

  it("tells a tolerated regression as a warning with the reason", () => {
    const { findings } = weigh({
      findings: [finding("chain/untrusted", "regression")],
      present: expired,
      now,
      force: false,
    });
    expect(findings).toMatchObject([
      {
        severity: "warning",
        message: expect.stringContaining("has expired") as string,
      },
    ]);
  });

  it("lets --force override regressions and never fatal findings", () => {
    const findings = [
      finding("dates/expired", "regression"),
      finding("pair/key-mismatch", "fatal"),
    ];
    const { blocking } = weigh({
      findings,
      present: healthy,
      now,
      force: true,
    });
    expect(blocking.map(({ rule }) => rule)).toEqual(["pair/key-mismatch"]);
  });
});

describe("deadline", () => {
  it.each([
    ["a tenth of 90 days", 90, 81],
    ["at least a day for six-day certificates", 6, 5],
  ])("leaves %s", (_, lifetimeDays, deadlineDays) => {
    const validity = { notBefore: now, notAfter: inDays(lifetimeDays) };
    expect(deadline(validity)).toEqual(inDays(deadlineDays));
    expect(isNearItsEnd(validity, inDays(deadlineDays))).toBe(true);
    expect(
      isNearItsEnd(validity, new Date(inDays(deadlineDays).getTime() - 1)),
    ).toBe(false);
  });
});
