/**
 * The processes of a verified master. A reload has been applied when there are new workers and every old one is gone or
 * is shutting down, so workers are told apart by pid and start time, never counted.
 */
import { setTimeout as delay } from "node:timers/promises";
import type {
  Generation,
  ProcessIdentity,
} from "../../core/decision/record.ts";
import {
  childrenOf,
  isAlive,
  readProcess,
  readStatus,
  startedAtMs,
} from "../process/processes.ts";
import { roleOf } from "./title.ts";

/** Several clock ticks, so that work shows in the CPU time. */
const betweenLooksMs = 60;

/** The workers now; null when this master has gone. Helpers (cache manager, loader) are left out. */
export function readGeneration(master: ProcessIdentity): Generation | null {
  if (!isAlive(master)) return null;
  const workers: ProcessIdentity[] = [];
  const draining: ProcessIdentity[] = [];
  for (const pid of childrenOf(master.pid)) {
    const child = readProcess(pid);
    if (child === null) continue;
    const identity = { pid, startTicks: child.startTicks };
    const role = roleOf(child.arguments[0] ?? "");
    if (role === "worker") workers.push(identity);
    if (role === "draining") draining.push(identity);
  }
  const { pid, startTicks } = master;
  return { master: { pid, startTicks }, workers, draining };
}

/**
 * Wall clock, ms since the epoch; null without an accepting worker. The oldest tells what Nginx has loaded: in the place of
 * a worker that crashed its master starts a younger one, with the configuration and certificates that it had before.
 */
export function oldestStartMs({ workers }: Generation): number | null {
  return workers.length === 0 ? null : Math.min(...workers.map(startedAtMs));
}

/** Running, waiting for a disk or for new workers, or its CPU time grew between two looks. */
export async function isBusy(master: ProcessIdentity): Promise<boolean> {
  const before = readStatus(master.pid);
  if (before === null || !isAlive(master)) return false;
  if (hasUnreadyWorkers(master)) return true;
  if (before.state === "R" || before.state === "D") return true;
  await delay(betweenLooksMs);
  const after = readStatus(master.pid);
  return (
    after?.startTicks === before.startTicks && after.cpuTicks > before.cpuTicks
  );
}

/**
 * A worker bears its master's title until it has set itself up, which may take seconds on a machine that is short of CPU
 * time. The new master of an upgrade is such a child too, but has children of its own.
 * Source: ngx_worker_process_cycle() in https://github.com/nginx/nginx/blob/release-1.22.1/src/os/unix/ngx_process_cycle.c
 */
export function hasUnreadyWorkers({ pid }: ProcessIdentity): boolean {
  return childrenOf(pid).some(
    (child) =>
      roleOf(readProcess(child)?.arguments[0] ?? "") === "master" &&
      childrenOf(child).length === 0,
  );
}
