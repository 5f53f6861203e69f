import type { RunDocument } from "../../../src/core/report/document.ts";
import type { RunResult } from "../../support/run.ts";
import type { Claim } from "../claim.ts";
import type { Machine } from "../machine.ts";
import {
  countCalls,
  interferedHook,
  problemsAfterNextRun,
  sweep,
  together,
  type Point,
  type Sweep,
} from "../sweep.ts";

const lookups = ["stat", "lstat", "statx", "newfstatat", "readlink"];
const reads = ["read", "pread64", "fstat", "getdents64"];
const writes = [
  "write",
  "pwrite64",
  "writev",
  "fsync",
  "fdatasync",
  "ftruncate",
];
const names = [
  "mkdir",
  "rename",
  "unlink",
  "rmdir",
  "link",
  "symlink",
  "chmod",
  "fchmod",
];

/** Which calls can fail in this way. */
const faults = {
  ENOSPC: [...writes, "mkdir", "rename", "link", "symlink"],
  EIO: ["openat", ...reads, ...writes, ...names, ...lookups],
  EACCES: ["openat", "access", ...names, ...lookups],
  EMFILE: ["openat", "pipe2", "socket"],
} as const;

export const faultsClaim: Claim = {
  id: "faults",
  what: "P3, P4: a file operation fails (ENOSPC, EIO, EACCES, EMFILE), each in turn: no run claims what is not so, none ends as a defect, and the next one makes the certificate live",
  prove: async (work) => {
    const parts = [];
    for (const [error, calls] of Object.entries(faults))
      parts.push(await sweep(failing(error, calls), work));
    return together(parts);
  },
};

function failing(error: string, calls: readonly string[]): Sweep {
  const counted = { calls, from: "livecert.js" };
  return {
    what: `with ${error}`,
    few: 7,
    count: (machine) => countCalls(machine, counted),
    attempt: async (machine, number): Promise<Point> => {
      await machine.renew();
      const { result, report } = await interferedHook(machine, {
        ...counted,
        number,
        action: { kind: "fail", error },
      });
      const { acted } = report;
      if (acted === null) return { acted, problems: [], kind: "" };
      if (isNodesOwn(acted, result))
        return {
          acted,
          problems: await problemsAfterNextRun(machine),
          kind: "kept Node.js from starting",
        };
      const problems = [
        ...(await problemsOf(machine, result)),
        ...(await problemsAfterNextRun(machine)),
      ];
      const kind = result.exitCode === 0 ? "deployed all the same" : "told";
      return { acted: `call ${number}, ${acted}`, problems, kind };
    },
  };
}

/** Before livecert's first line runs: its file, and the package.json beside it, could not be read. */
function isNodesOwn(acted: string, { exitCode, stderr }: RunResult): boolean {
  return (
    exitCode !== 0 &&
    stderr.includes("node:internal/modules") &&
    /livecert\.js|package\.json/.test(acted)
  );
}

async function problemsOf(
  machine: Machine,
  { exitCode, signal, stdout, stderr }: RunResult,
): Promise<readonly string[]> {
  const told = stderr.slice(-1500);
  if (signal !== null) return [`ended by ${signal}: ${told}`];
  if (exitCode === 0)
    return (await machine.isLive())
      ? []
      : [`claimed ${outcomeIn(stdout)}, but the old certificate was served`];
  if (exitCode === null || exitCode < 2 || exitCode > 7)
    return [`ended with ${String(exitCode)}: ${told}`];
  return [];
}

function outcomeIn(stdout: string): string {
  return String((JSON.parse(stdout) as RunDocument).outcome);
}
