import { describe, expect, it } from "vitest";
import type { Observation } from "../../../src/adapters/tls/probe.ts";
import { judgeAnswer } from "../../../src/doctor/listeners.ts";
import type { Machine, NginxView } from "../../../src/doctor/machine.ts";
import {
  filesNotLoaded,
  judgeConfiguration,
  judgeMaster,
  judgeProgram,
} from "../../../src/doctor/nginx.ts";
import { mergeSettings } from "../../../src/core/settings/merge.ts";

const merged = mergeSettings([]);
if (merged.kind === "invalid") throw new Error("the defaults are invalid");

type Who = Pick<Machine, "settings" | "isRoot" | "hasSystemd">;
const machine: Who = {
  settings: merged.settings,
  isRoot: true,
  hasSystemd: false,
};
const nobody: Who = { ...machine, isRoot: false };

const generation = {
  master: { pid: 812, startTicks: "1" },
  workers: [{ pid: 813, startTicks: "2" }],
  draining: [],
};
const running = {
  kind: "running",
  generation,
  oldestWorkerStartMs: 2_000,
  stopped: false,
} as const;

function view(given: Partial<NginxView> = {}): NginxView {
  return {
    state: running,
    refusal: null,
    found: null,
    dump: null,
    model: null,
    files: [],
    ...given,
  };
}

describe("the verdict on the program", () => {
  const reason = "/home/eve belongs to uid 1000, not to root";
  const refused = [`/home/eve/nginx is not run: ${reason}`];

  it("warns of a program that was passed over, with what would make it acceptable", () => {
    const found = {
      state: running,
      installation: null,
      master: null,
      refused,
    };
    expect(judgeProgram(machine, view({ found }))).toMatchObject([
      { verdict: "ok" },
      {
        verdict: "warning",
        message: `an Nginx was passed over: ${refused.join("")}`,
        remedy: "chown root /home/eve && chmod go-w /home/eve",
      },
    ]);
  });

  it.each([
    [machine, "problem"],
    [nobody, "unknown"],
  ] as const)("without any, as root or not", (who, verdict) => {
    const state = {
      kind: "absent",
      reason: "no Nginx program was found",
    } as const;
    expect(judgeProgram(who, view({ state }))).toMatchObject([{ verdict }]);
  });
});

describe("the verdict on the master", () => {
  it.each<[string, NginxView["state"], Who, string, string | null]>([
    ["that runs", running, machine, "ok", null],
    [
      "that is halted",
      { ...running, stopped: true },
      machine,
      "problem",
      "kill -CONT 812",
    ],
    [
      "that does not run",
      { kind: "not-running", reason: "no pid file" },
      machine,
      "problem",
      "nginx",
    ],
    [
      "that does not run under systemd",
      { kind: "not-running", reason: "no pid file" },
      { ...machine, hasSystemd: true },
      "problem",
      "systemctl start nginx.service",
    ],
    [
      "that is foreign",
      { kind: "foreign", reason: "another namespace" },
      machine,
      "problem",
      "set --nginx-bin, --nginx-conf and --nginx-prefix to the Nginx that is meant",
    ],
    [
      "that only root may look at",
      { kind: "foreign", reason: "which only root may look at" },
      nobody,
      "unknown",
      "sudo livecert doctor",
    ],
  ])("%s", (_, state, who, verdict, remedy) => {
    expect(judgeMaster(who, view({ state }))).toMatchObject({
      verdict,
      remedy,
    });
  });
});

describe("the verdict on the configuration", () => {
  it.each<[NginxView["dump"], string]>([
    [null, "unknown"],
    [{ kind: "failed", reason: "timed out" }, "unknown"],
    [{ kind: "refused", errors: ["[emerg] x"] }, "problem"],
    [{ kind: "ok", text: "", prefix: "/", warnings: [] }, "ok"],
    [{ kind: "ok", text: "", prefix: "/", warnings: ["[warn] x"] }, "warning"],
  ])("after %j", (dump, verdict) => {
    expect(judgeConfiguration(machine, view({ dump })).verdict).toBe(verdict);
  });
});

function file(path: string, modifiedMs: number): NginxView["files"][number] {
  return {
    path,
    resolved: path,
    device: "1",
    inode: "1",
    sizeBytes: 1,
    modifiedNs: `${String(modifiedMs)}000000`,
    changedNs: "1",
    mode: 0o644,
    uid: 0,
    gid: 0,
  };
}

describe("files that are not loaded", () => {
  it("are those that were written after the oldest worker started", () => {
    const files = [
      file("/old", 1_999),
      file("/same", 2_000),
      file("/new", 2_001),
    ];
    expect(filesNotLoaded(view({ files }))).toEqual(["/new"]);
  });

  it("are none where no worker's start is known", () => {
    const state = { ...running, oldestWorkerStartMs: null };
    expect(
      filesNotLoaded(view({ state, files: [file("/new", 9_999)] })),
    ).toEqual([]);
  });
});

describe("the verdict on a listener", () => {
  const point = {
    id: "p",
    sourceId: "s",
    serverId: "/etc/nginx/nginx.conf:7",
    listener: "0.0.0.0:443",
    address: "127.0.0.1:443",
    servername: "a.test",
    proxyProtocol: false,
    keyAlgorithm: null,
    doubt: null,
  };
  const served = {
    kind: "served",
    bundle: {} as Extract<Observation, { kind: "served" }>["bundle"],
    ends: null,
  } as const;
  const silent = {
    kind: "unreachable",
    code: "ECONNREFUSED",
    message: "connection refused",
  } as const;
  const refused = {
    kind: "refused",
    code: "ALERT",
    message: "handshake failure",
    ends: null,
  } as const;
  const changed = { files: [file("/etc/nginx/nginx.conf", 3_000)] };

  it.each<[Observation, boolean | null, Partial<NginxView>, unknown]>([
    [served, true, {}, []],
    [served, null, {}, []],
    [
      served,
      false,
      {},
      [{ verdict: "warning", remedy: "ss -tlnp 'sport = :443'" }],
    ],
    [refused, null, {}, [{ verdict: "problem", remedy: "livecert deploy" }]],
    [
      silent,
      null,
      {},
      [{ verdict: "problem", remedy: "ss -tlnp 'sport = :443'" }],
    ],
    [
      silent,
      null,
      changed,
      [{ verdict: "problem", remedy: "nginx -s reload" }],
    ],
  ])("after %j, ours %j, of %j", (observation, isOurs, given, expected) => {
    const answer = { point, observation, isOurs };
    expect(judgeAnswer(machine, view(given), answer)).toMatchObject(
      expected as object[],
    );
  });
});
