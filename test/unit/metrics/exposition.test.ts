import { describe, expect, it } from "vitest";
import {
  renderMetrics,
  type Family,
} from "../../../src/core/metrics/exposition.ts";
import {
  bounds,
  emptyHistogram,
  withValues,
} from "../../../src/core/metrics/histogram.ts";
import { noTotals, withRun } from "../../../src/core/metrics/totals.ts";

const counter: Family = {
  name: "livecert_reloads",
  help: 'Reloads "made".',
  type: "counter",
  samples: [{ labels: { target: "host" }, value: 2 }],
};

describe("metrics as text", () => {
  it("names a counter in OpenMetrics without and in the older format with _total", () => {
    expect(renderMetrics([counter], "openmetrics")).toBe(
      String.raw`# HELP livecert_reloads Reloads \"made\".
# TYPE livecert_reloads counter
livecert_reloads_total{target="host"} 2
# EOF
`,
    );
    expect(renderMetrics([counter], "text")).toBe(
      `# HELP livecert_reloads_total Reloads "made".
# TYPE livecert_reloads_total counter
livecert_reloads_total{target="host"} 2
`,
    );
  });

  it("counts buckets up to each bound, the last for everything", () => {
    const histogram = withValues(
      "reload",
      emptyHistogram("reload"),
      [0.05, 0.3, 100],
    );
    const text = renderMetrics(
      [
        {
          name: "livecert_reload_duration_seconds",
          help: "Reloads.",
          type: "histogram",
          histogram,
          bounds: bounds.reload,
        },
      ],
      "openmetrics",
    );
    const values = [...text.matchAll(/_bucket\{le="(.*)"\} (\d+)/g)].map(
      ([, le, count]) => [le, count],
    );
    expect(values).toContainEqual(["0.05", "1"]);
    expect(values).toContainEqual(["0.25", "1"]);
    expect(values).toContainEqual(["0.5", "2"]);
    expect(values).toContainEqual(["1.0", "2"]);
    expect(values.at(-1)).toEqual(["+Inf", "3"]);
    expect(text).toContain("# UNIT livecert_reload_duration_seconds seconds");
    expect(text).toContain("livecert_reload_duration_seconds_sum 100.35");
    expect(text).toContain("livecert_reload_duration_seconds_count 3");
  });

  it("leaves out a family without a sample", () => {
    expect(renderMetrics([{ ...counter, samples: [] }], "text")).toBe("");
  });

  it.each([
    ["a\nb", String.raw`a\nb`],
    ['a"b', String.raw`a\"b`],
    ["a\\b", String.raw`a\\b`],
    ["a\rb\0", "a\ufffdb\ufffd"],
    ["\ud800", "\ufffd"],
    ["\u{1f600}", "\u{1f600}"],
  ])("writes the label %j on one line of UTF-8", (name, written) => {
    const samples = [{ labels: { certificate: name }, value: 1 }];
    const gauge: Family = { name: "m", help: "h", type: "gauge", samples };
    expect(renderMetrics([gauge], "text")).toBe(
      `# HELP m h\n# TYPE m gauge\nm{certificate="${written}"} 1\n`,
    );
  });
});

describe("the totals", () => {
  const nothing = { probe: [], reload: [], timeToLive: [] };

  it("add up what runs did", () => {
    const once = withRun(noTotals, {
      reloads: new Map([["host", 1]]),
      failures: ["rejected", "rejected", "stale"],
      retries: 2,
      seconds: { ...nothing, reload: [0.1] },
    });
    const twice = withRun(once, {
      reloads: new Map([
        ["host", 1],
        ["web", 1],
      ]),
      failures: ["stale"],
      retries: 0,
      seconds: { ...nothing, reload: [0.2] },
    });
    expect(twice).toMatchObject({
      reloads: [
        { target: "host", count: 2 },
        { target: "web", count: 1 },
      ],
      failures: [
        { outcome: "rejected", count: 2 },
        { outcome: "stale", count: 2 },
      ],
      retries: 2,
    });
    expect(twice.histograms.reload.sum).toBeCloseTo(0.3);
  });

  it("begin anew where they were counted with other bounds", () => {
    const old = { counts: [5, 5], sum: 9 };
    const { histograms } = withRun(
      { ...noTotals, histograms: { ...noTotals.histograms, probe: old } },
      {
        reloads: new Map(),
        failures: [],
        retries: 0,
        seconds: { ...nothing, probe: [0.002] },
      },
    );
    expect(histograms.probe.sum).toBe(0.002);
    expect(histograms.probe.counts).toHaveLength(bounds.probe.length + 1);
  });
});
