import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { Cleanup } from "./cleanup.ts";
import {
  allProcesses,
  childrenOf,
  hasEnded,
  type ProcessEntry,
} from "./processes.ts";
import { waitFor } from "./wait.ts";

export interface NginxMaster extends AsyncDisposable {
  readonly pid: number;
}

/**
 * Runs a command line that becomes an Nginx master somewhere below it (directly, or through `unshare`, `env`, …), and
 * waits until that has workers. For the strange ways to start an Nginx; the usual one is NginxBed.
 */
export async function startMaster(
  command: readonly string[],
  options: {
    readonly isMaster: (title: string) => boolean;
    /** `none` under `master_process off`: then it is ready when its pid file is, which is the caller's to see. */
    readonly workers?: "some" | "none";
    readonly uid?: number;
    readonly environment?: NodeJS.ProcessEnv;
    readonly cwd?: string;
  },
): Promise<NginxMaster> {
  const [program = "", ...args] = command;
  const cleanup = new Cleanup();
  const child = spawn(program, args, {
    stdio: "ignore",
    detached: true,
    cwd: options.cwd ?? "/",
    env: options.environment ?? process.env,
    ...(options.uid === undefined
      ? {}
      : { uid: options.uid, gid: options.uid }),
  });
  cleanup.defer(() => endTree(child));
  try {
    await once(child, "spawn");
    const pid = await waitFor("the master has workers", () =>
      findMaster(child.pid ?? 0, options.isMaster, options.workers ?? "some"),
    );
    return {
      pid,
      [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
    };
  } catch (error) {
    await cleanup[Symbol.asyncDispose]();
    throw error;
  }
}

/** The first pid that a file holds, once it holds one. */
export async function pidIn(file: string): Promise<number> {
  return waitFor(`a pid in ${file}`, async () => {
    const text = await readFile(file, "utf8").catch(() => "");
    return /^\d+\s*$/.test(text) ? Number(text) : null;
  });
}

function findMaster(
  root: number,
  isMaster: (title: string) => boolean,
  workers: "some" | "none",
): number | null {
  const family = descendants(root);
  const masters = family.filter(({ title }) => isMaster(title));
  if (workers === "none") return masters[0]?.pid ?? null;
  for (const { pid } of masters)
    if (childrenOf(pid).some(({ title }) => !isMaster(title))) return pid;
  return null;
}

function descendants(root: number): readonly ProcessEntry[] {
  const entries = allProcesses();
  const pids = new Set([root]);
  for (let size = 0; size !== pids.size;) {
    size = pids.size;
    for (const { pid, parentPid } of entries)
      if (pids.has(parentPid)) pids.add(pid);
  }
  return entries.filter(({ pid }) => pids.has(pid));
}

async function endTree(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  for (const { pid } of descendants(child.pid)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended by itself in between.
    }
  }
  await waitFor("the master ends", () => hasEnded(child.pid ?? 0));
}
