import { describe, expect, it } from "vitest";
import type { LineageReport } from "../../../src/core/report/document.ts";
import {
  describeHealth,
  isHealthy,
  judgeHealth,
} from "../../../src/core/report/health.ts";
import { pluginAnswer } from "../../../src/core/report/nagios.ts";

const now = new Date("2026-11-24T00:00:00Z");
const day = 86_400_000;
const inDays = (days: number) =>
  new Date(now.getTime() + days * day).toISOString();

/** Of ninety days, `left` of them to go. */
function certificate(
  name: string,
  left: number,
  outcome: LineageReport["outcome"] = "live",
): LineageReport {
  return {
    name,
    path: `/live/${name}`,
    outcome,
    last: null,
    reason: null,
    remedy: null,
    leaf: null,
    served: [
      {
        fingerprint256: "AA",
        notBefore: inDays(left - 90),
        notAfter: inDays(left),
      },
    ],
    renewalDue: inDays(left - 30),
    valid: true,
    findings: [],
    probes: [],
  };
}

describe("health", () => {
  it.each([
    ["live", 60, "live", "the certificate is live", 0],
    ["due at this moment", 30, "live", "the certificate is live", 0],
    ["past due", 29, "live", "1 overdue for renewal: a", 1],
    ["near its end", 8, "live", "1 about to expire: a", 2],
    ["expired", 0, "live", "1 expired: a", 2],
    ["not live", 60, "stale", "1 not live: a", 2],
    ["unseen", 60, "unverified", "1 could not be seen: a", 1],
    [
      "not used",
      60,
      "unused",
      "Nginx uses no certificate that livecert knows",
      3,
    ],
  ] as const)(
    "of a certificate that is %s",
    (_, left, outcome, words, exitCode) => {
      const lineages = [certificate("a", left, outcome)];
      expect(describeHealth(judgeHealth(lineages, now))).toBe(words);
      const answer = pluginAnswer({ lineages, nginx: null }, now);
      expect(answer.exitCode).toBe(exitCode);
    },
  );

  it("counts each certificate once, by what is most grave about it", () => {
    const health = judgeHealth(
      [certificate("a", -1, "stale"), certificate("b", 20, "stale")],
      now,
    );
    expect(health).toMatchObject({
      expired: ["a"],
      notLive: ["b"],
      overdue: [],
    });
    expect(isHealthy(health)).toBe(false);
    expect(describeHealth(health)).toBe("1 expired: a; 1 not live: b");
  });

  it("is judged anew when something becomes due or expires", () => {
    const { validUntil } = judgeHealth(
      [certificate("a", 60), certificate("b", 45)],
      now,
    );
    expect(validUntil?.getTime()).toBe(Date.parse(inDays(15)) + 1);
    expect(judgeHealth([certificate("a", -1)], now).validUntil).toBeNull();
  });

  it("names few of many", () => {
    const many = Array.from({ length: 8 }, (_, n) =>
      certificate(`n${String(n)}`, 60, "stale"),
    );
    expect(describeHealth(judgeHealth(many, now))).toBe(
      "8 not live: n0, n1, n2, n3, n4 and 3 more",
    );
  });
});

describe("the monitoring plug-in", () => {
  it("keeps a name from ending the line or beginning the figures", () => {
    const lineages = [certificate("a|b\nc", 60, "stale")];
    const { line } = pluginAnswer({ lineages, nginx: null }, now);
    expect(line).toMatch(
      /^LIVECERT CRITICAL - 1 not live: a_b c; [^|\n]*\| [^|\n]*$/,
    );
  });

  it("warns where Nginx's own test fails", () => {
    const nginx = {
      configOk: false,
      masterPid: 1,
      configPending: [],
      draining: 0,
      errors: [],
    };
    const lineages = [certificate("a", 60)];
    expect(pluginAnswer({ lineages, nginx }, now).exitCode).toBe(1);
  });
});
