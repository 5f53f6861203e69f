import { describe, expect, it } from "vitest";
import { unreachableTarget } from "../../../src/adapters/targets/unreachable.ts";
import {
  judgeContainers,
  judgeEngines,
} from "../../../src/doctor/containers.ts";

const endpoint = {
  kind: "socket",
  path: "/run/docker.sock",
  name: "unix:///run/docker.sock",
} as const;

const target = unreachableTarget({
  name: "web",
  reason: "the container web is paused",
  remedy: "docker unpause web",
  certbotDir: "/etc/letsencrypt",
});

const running = {
  kind: "running",
  generation: {
    master: { pid: 812, startTicks: "1" },
    workers: [{ pid: 813, startTicks: "2" }],
    draining: [],
  },
  oldestWorkerStartMs: null,
  stopped: false,
} as const;

describe("containers/engine", () => {
  it("is fine where there is none, and where it answers", () => {
    expect(judgeEngines([])).toMatchObject([{ verdict: "ok" }]);
    expect(judgeEngines([{ endpoint, failure: null }])).toMatchObject([
      { verdict: "ok", message: "unix:///run/docker.sock answers" },
    ]);
  });

  it("warns of one that cannot be asked, with what mends it", () => {
    const failure = {
      reason: "denied",
      message: "may not be asked by this user",
      remedy: "run livecert as root",
    } as const;
    expect(judgeEngines([{ endpoint, failure }])).toEqual([
      {
        verdict: "warning",
        message:
          "the container engine at unix:///run/docker.sock may not be asked by this user",
        remedy: "run livecert as root",
      },
    ]);
  });
});

describe("containers/nginx", () => {
  it("finds nothing wrong where no container is looked after", () => {
    expect(judgeContainers([])).toMatchObject([{ verdict: "ok" }]);
  });

  it("says which container does not run, and what starts it", async () => {
    const state = await target.inspect(new AbortController().signal);
    expect(judgeContainers([{ target, state, dump: null }])).toEqual([
      {
        verdict: "problem",
        message: "web: the container web is paused",
        remedy: "docker unpause web",
      },
    ]);
  });

  it.each([
    [
      { kind: "refused", errors: ["nginx: [emerg] no luck"] },
      "problem",
      /refuses its configuration:\nnginx: \[emerg\] no luck/,
    ],
    [{ kind: "failed", reason: "no time" }, "unknown", /not tested: no time/],
    [{ kind: "ok", text: "", warnings: [], prefix: "/" }, "ok", /1 worker/],
  ] as const)(
    "judges what Nginx says inside (%j)",
    (dump, verdict, message) => {
      const found = judgeContainers([{ target, state: running, dump }]);
      expect(found).toMatchObject([{ verdict }]);
      expect(found[0]?.message).toMatch(message);
    },
  );
});
