import { describe, expect, it } from "vitest";
import type {
  LineageReport,
  PublicationReport,
} from "../../../src/core/report/document.ts";
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

function statusWith(lineages: readonly LineageReport[]) {
  return { lineages, publications: [], nginx: null };
}

const fine = {
  configOk: true,
  masterPid: 1,
  configPending: [],
  draining: 0,
  errors: [],
  unjudged: [],
};

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
      const document = statusWith([certificate("a", left, outcome)]);
      expect(describeHealth(judgeHealth(document, now))).toBe(words);
      const answer = pluginAnswer(document, now);
      expect(answer.exitCode).toBe(exitCode);
    },
  );

  it("counts each certificate once, by what is most grave about it", () => {
    const health = judgeHealth(
      statusWith([
        certificate("a", -1, "stale"),
        certificate("b", 20, "stale"),
      ]),
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
      statusWith([certificate("a", 60), certificate("b", 45)]),
      now,
    );
    expect(validUntil?.getTime()).toBe(Date.parse(inDays(15)) + 1);
    const judged = (left: number) =>
      judgeHealth(statusWith([certificate("a", left)]), now).validUntil;
    // A tenth of its lifetime before its end.
    expect(judged(20)?.getTime()).toBe(Date.parse(inDays(11)) + 1);
    expect(judged(-1)).toBeNull();
  });

  it("names few of many", () => {
    const many = Array.from({ length: 8 }, (_, n) =>
      certificate(`n${String(n)}`, 60, "stale"),
    );
    expect(describeHealth(judgeHealth(statusWith(many), now))).toBe(
      "8 not live: n0, n1, n2, n3, n4 and 3 more",
    );
  });
});

describe("a publication that failed", () => {
  it("is critical, though every certificate is live", () => {
    const publication: PublicationReport = {
      ...{ name: "mail", lineage: "a", files: [], reason: "full" },
      ...{ remedy: null, version: null, fingerprint256: null },
      state: "failed",
      outcome: "unpublished",
    };
    const document = {
      ...statusWith([certificate("a", 60)]),
      publications: [publication],
    };
    const health = judgeHealth(document, now);
    expect(isHealthy(health)).toBe(false);
    expect(describeHealth(health)).toBe(
      "1 not where a service expects it: mail",
    );
    expect(pluginAnswer(document, now)).toMatchObject({
      exitCode: 2,
      line: expect.stringContaining("not_published=1;;0;0") as string,
    });
  });
});

describe("the monitoring plug-in", () => {
  it.each([
    [60, "the next expires in 60 days (a)"],
    [1.5, "the next expires in 1 day (a)"],
    [0.6, "the next expires in less than a day (a)"],
    [-0.6, "the first expired less than a day ago (a)"],
    [-3, "the first expired 3 days ago (a)"],
  ])("says of a certificate with %f days left: %s", (left, words) => {
    const { line } = pluginAnswer(statusWith([certificate("a", left)]), now);
    expect(line).toContain(`; ${words} |`);
  });

  it("keeps a name from ending the line or beginning the figures", () => {
    const lineages = [certificate("a|b\nc", 60, "stale")];
    const { line } = pluginAnswer(statusWith(lineages), now);
    expect(line).toMatch(
      /^LIVECERT CRITICAL - 1 not live: a_b c; [^|\n]*\| [^|\n]*$/,
    );
  });

  it("warns where Nginx's own test fails", () => {
    const nginx = { ...fine, configOk: false };
    const document = { ...statusWith([certificate("a", 60)]), nginx };
    expect(pluginAnswer(document, now).exitCode).toBe(1);
  });

  it.each([
    ["live", 1, "the certificate is live; Nginx's own test"],
    ["stale", 2, "1 not live: a"],
  ] as const)(
    "warns where Nginx's own test fails and the certificate is seen %s",
    (verdict, exitCode, words) => {
      const probe = {
        ...{ target: "host", address: "127.0.0.1:443", servername: "a" },
        ...{ expected: "AA", before: "AA", after: null, error: null },
      };
      const seen = {
        ...certificate("a", 60, "config-invalid"),
        probes: [{ ...probe, verdict }],
      };
      const nginx = { ...fine, configOk: false };
      const answer = pluginAnswer({ ...statusWith([seen]), nginx }, now);
      expect(answer).toMatchObject({
        exitCode,
        line: expect.stringContaining(words) as string,
      });
    },
  );

  it.each([
    [[certificate("a", 60)], 1],
    [[], 3],
  ])("tells of an Nginx of which nothing is known", (lineages, exitCode) => {
    const nginx = { ...fine, unjudged: ["web"] };
    const answer = pluginAnswer({ ...statusWith(lineages), nginx }, now);
    expect(answer).toMatchObject({
      exitCode,
      line: expect.stringContaining("nothing is known of web") as string,
    });
  });
});
