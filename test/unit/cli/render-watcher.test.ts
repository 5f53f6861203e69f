import { describe, expect, it } from "vitest";
import { renderWatcher } from "../../../src/cli/render/watcher.ts";
import { statusLine } from "../../../src/service/tell.ts";
import type { WatcherReport } from "../../../src/core/report/document.ts";

const now = new Date("2026-11-23T12:00:00Z");

const watcher: WatcherReport = {
  pid: 812,
  since: "2026-11-20T08:15:00.000Z",
  sources: 3,
  lastRun: {
    at: "2026-11-23T11:58:00.000Z",
    summary: "1 deployed, 1 rejected",
    reloads: 1,
  },
  retries: [
    {
      name: "a.example",
      outcome: "rejected",
      attempts: 2,
      at: "2026-11-23T12:04:00.000Z",
    },
  ],
  reconcileAt: "2026-11-23T12:58:00.000Z",
  http: "127.0.0.1:9427",
};

describe("livecert status", () => {
  it("tells since when a watcher runs, what it did last and what it tries again when", () => {
    expect(renderWatcher(watcher, now)).toBe(
      [
        "watcher: running since 2026-11-20 08:15 UTC (pid 812)",
        "  last run 2026-11-23 11:58 UTC: 1 deployed, 1 rejected",
        "  a.example: rejected 2 times, tried again in 4 min",
        "  looks everything through in 58 min",
        "",
      ].join("\n"),
    );
  });

  it("says that none is running, and how one is run", () => {
    expect(renderWatcher(null, now)).toBe(
      "no watcher is running: what no hook makes live stays as it is (livecert watch)\n",
    );
  });
});

describe("the status line of the service", () => {
  it("tells what it looks after, what it did last and what fails", () => {
    expect(statusLine(watcher)).toBe(
      "looking after 3 certificates; last run 2026-11-23T11:58:00Z: 1 deployed, 1 rejected; a.example rejected, tried again at 2026-11-23T12:04:00Z",
    );
  });

  it("leaves out what has not happened yet", () => {
    expect(
      statusLine({ ...watcher, sources: 1, lastRun: null, retries: [] }),
    ).toBe("looking after 1 certificate");
  });
});
