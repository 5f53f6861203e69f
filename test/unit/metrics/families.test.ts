/** Which metrics there are, and that rules, dashboard and documentation speak of no others. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { renderMetrics } from "../../../src/core/metrics/exposition.ts";
import {
  metricFamilies,
  targetFamilies,
  type Measured,
} from "../../../src/core/metrics/families.ts";
import { noTotals } from "../../../src/core/metrics/totals.ts";
import type {
  LineageReport,
  PublicationReport,
} from "../../../src/core/report/document.ts";

const at = "2026-11-24T00:00:00.000Z";
const leaf = { fingerprint256: "AA", notBefore: at, notAfter: at };

const lineage: LineageReport = {
  ...{ name: "a.test", path: "/live/a.test", outcome: "stale", last: null },
  ...{ reason: null, remedy: null, valid: true, findings: [] },
  leaf: {
    ...leaf,
    ...{ bundle256: null, serial: "0A", subject: "CN=a.test" },
    ...{ issuer: "CN=E7", subjectAltNames: [], keyType: "ec-p256" },
  },
  served: [leaf],
  renewalDue: at,
  probes: [
    {
      ...{ target: "host", address: "127.0.0.1:443", servername: "a.test" },
      ...{ expected: "AA", before: "BB", after: null, error: null },
      verdict: "stale",
    },
  ],
};

function publication(
  name: string,
  outcome: PublicationReport["outcome"],
): PublicationReport {
  return {
    ...{ name, lineage: "a.test", files: [], state: "unchanged", outcome },
    ...{ reason: null, remedy: null, version: null, fingerprint256: null },
  };
}

/** Everything that can be told, told. */
const measured: Measured = {
  version: "1.2.3",
  status: {
    ...{ schema: 1, run: "r", command: "status", outcome: "stale" },
    ...{ exitCode: 6, reloads: 0, warnings: [] },
    ...{ timingsMs: {}, host: "web1", at, events: [] },
    nginx: {
      ...{
        configOk: true,
        masterPid: 1,
        configPending: [],
        unjudged: ["edge"],
      },
      ...{ draining: 0, errors: [] },
    },
    lineages: [lineage],
    publications: [
      publication("mail", "rejected"),
      publication("chat", "live"),
      publication("old", null),
    ],
    watcher: {
      ...{ pid: 1, since: at, sources: 1, retries: [], http: null },
      ...{ reconcileAt: null },
      lastRun: { at, summary: "1 stale", reloads: 0 },
    },
  },
  totals: noTotals,
  lastSeen: [
    {
      path: "/live/a.test",
      successAt: at,
      failures: [{ outcome: "stale", at }],
    },
  ],
  targets: ["host"],
  watcher: { broken: 0 },
};

const families = [
  ...metricFamilies(measured),
  ...targetFamilies([
    { target: "host", isRunning: true, accepting: 2, draining: 0 },
  ]),
];

const text = renderMetrics(families, "openmetrics");

const series = new Set(
  text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => /^\w+/.exec(line)?.[0] ?? ""),
);

const root = resolve(import.meta.dirname, "../../..");

/** The metrics that a file names. */
function namesIn(file: string): readonly string[] {
  const content = readFileSync(resolve(root, file), "utf8");
  return [...new Set(content.match(/\blivecert_[a-z_]+\b/g))].sort();
}

describe("the metrics", () => {
  it.each([
    "monitoring/livecert.rules.yml",
    "monitoring/livecert.rules.test.yml",
    "monitoring/livecert.dashboard.json",
  ])("are all that %s asks for", (file) => {
    const names = namesIn(file);
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => !series.has(name))).toEqual([]);
  });

  it("are all explained in the documentation, which explains no others", () => {
    const table = readFileSync(resolve(root, "docs/monitoring.md"), "utf8")
      .split("\n")
      .filter((line) => /^\| `[a-z_]+`/.test(line))
      .flatMap((line) => (line.split("|")[1] ?? "").match(/[a-z_]+/g) ?? []);
    const named = families.map(({ name, type }) =>
      type === "counter" ? `${name}_total` : name,
    );
    expect(table.map((name) => `livecert_${name}`).sort()).toEqual(
      named.filter((name) => name !== "livecert_build_info").sort(),
    );
  });

  it("count the reloads of a target from none on", () => {
    expect(text).toContain('livecert_reloads_total{target="host"} 0\n');
  });

  it("tell which publication is not where a service expects it, and nothing of one that no run has judged", () => {
    expect(text).toContain('livecert_publication_ok{publication="mail"} 0\n');
    expect(text).toContain('livecert_publication_ok{publication="chat"} 1\n');
    expect(text).not.toContain('publication="old"');
  });

  it("tell each series once, with its type before it", () => {
    const samples = text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.slice(0, line.lastIndexOf(" ")));
    expect(new Set(samples).size).toBe(samples.length);
    for (const { name } of families)
      expect(text.match(new RegExp(`^# TYPE ${name} `, "gm"))).toHaveLength(1);
  });
});
