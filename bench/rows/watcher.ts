/**
 * The service over a thousand lineages, started as systemd/livecert.service starts it: what it costs while nothing happens,
 * and how long a renewal that no hook told of takes to be live.
 */
import { setTimeout as pause } from "node:timers/promises";
import { waitFor } from "../../test/support/wait.ts";
import { serve, type ServingHost } from "../host.ts";
import { median } from "../measure.ts";
import {
  cpuMs,
  mebibytes,
  memoryIn,
  startIdle,
  startWatcher,
  type Memory,
} from "../resting.ts";
import {
  measuredOnce,
  type Measurement,
  type Progress,
  type Row,
} from "../row.ts";

const lineages = 1000;
const restMs = 60_000;
const renewals = 5;

interface Seen {
  /** Of one core, per cent. */
  readonly cpuPercent: number;
  readonly idle: Memory;
  readonly watcher: Memory;
  /** From the last file that was written to the first client that is handed it, one for each renewal. */
  readonly liveMs: readonly number[];
}

const seen = measuredOnce(look);

export const watcherCpuRow: Row = {
  id: "watcher",
  what: `watcher at rest with ${lineages} lineages: CPU time of one core`,
  bound: 0.1,
  unit: "%",
  measure: async (progress) => cpuOf(await seen(progress)),
};

export const watcherMemoryRow: Row = {
  id: "watcher-memory",
  what: `watcher at rest with ${lineages} lineages: resident memory, against an idle \`node\``,
  bound: 2,
  unit: "×",
  measure: async (progress) => memoryOf(await seen(progress)),
};

function cpuOf({ cpuPercent, liveMs }: Seen): Measurement {
  return {
    figure: cpuPercent,
    details: [
      `over ${restMs / 1000} s: ${((cpuPercent / 100) * restMs).toFixed(1)} ms`,
      `a renewal that no hook told of is live after ${seconds(median(liveMs))} (${renewals} renewals, ${seconds(Math.min(...liveMs))} to ${seconds(Math.max(...liveMs))}); of it 1 s is the quiet that is waited for (watch.quiet)`,
    ],
  };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function memoryOf({ idle, watcher }: Seen): Measurement {
  return {
    figure: watcher.residentBytes / idle.residentBytes,
    details: [
      `idle node ${inWords(idle)}; watcher after it has looked everything through ${inWords(watcher)}`,
    ],
  };
}

function inWords({ residentBytes, ownBytes }: Memory): string {
  return `${mebibytes(residentBytes)} MiB (${mebibytes(ownBytes)} MiB without what it shares with files)`;
}

async function look(progress: Progress): Promise<Seen> {
  progress(`${lineages} lineages are issued`);
  await using host = await serve(lineages);
  progress("the watcher looks everything through for the first time");
  await using watcher = startWatcher(host);
  await using idle = startIdle(host);
  await host.bed.livecert.firstPresence(watcher.pid, 600_000);
  progress(`nothing happens for ${restMs / 1000} s`);
  await pause(10_000);
  const before = cpuMs(watcher.pid);
  await pause(restMs);
  const spentMs = cpuMs(watcher.pid) - before;
  const memory = { idle: memoryIn(idle.pid), watcher: memoryIn(watcher.pid) };
  progress(`${renewals} renewals, one after the other`);
  const liveMs: number[] = [];
  for (const name of host.names.slice(0, renewals))
    liveMs.push(await renewalToLive(host, name));
  return { cpuPercent: (100 * spentMs) / restMs, ...memory, liveMs };
}

async function renewalToLive(
  { bed, address }: ServingHost,
  name: string,
): Promise<number> {
  await bed.renew(name);
  const writtenMs = performance.now();
  await waitFor(`${name} is live`, () => bed.isLive(name, address), 120_000);
  return performance.now() - writtenMs;
}
