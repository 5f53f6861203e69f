/**
 * The service over a thousand lineages, started as systemd/livecert.service starts it: what it costs while nothing happens,
 * and how long a renewal that no hook told of takes to be live.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { livecertProgram } from "../../test/support/livecert.ts";
import { waitFor } from "../../test/support/wait.ts";
import { serve, type ServingHost } from "../host.ts";
import { median } from "../measure.ts";
import type { Measurement, Progress, Row } from "../row.ts";

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

interface Memory {
  readonly residentBytes: number;
  /** Of it, what is not the program's own file or a library. */
  readonly ownBytes: number;
}

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

let measured: Promise<Seen> | null = null;

/** Both rows are about the same minutes. */
function seen(progress: Progress): Promise<Seen> {
  return (measured ??= look(progress));
}

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

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}

async function look(progress: Progress): Promise<Seen> {
  progress(`openssl issues ${lineages} lineages`);
  await using host = await serve(lineages);
  progress("the watcher looks everything through for the first time");
  await using watcher = startNode(flagsOfUnit(), host, [
    livecertProgram,
    "watch",
    ...host.bed.livecert.options,
  ]);
  await using idle = startNode([], host, ["-e", "setInterval(() => {}, 1e9)"]);
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

interface Running extends AsyncDisposable {
  readonly pid: number;
}

/** In an environment as bare as a service's. */
function startNode(
  flags: readonly string[],
  { bed }: ServingHost,
  args: readonly string[],
): Running {
  const { PATH } = process.env;
  const child: ChildProcess = spawn(process.execPath, [...flags, ...args], {
    stdio: ["ignore", "ignore", "ignore"],
    env: bed.livecert.environment({ PATH }),
  });
  const ended = once(child, "close");
  return {
    pid: child.pid ?? NaN,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** What the unit tells Node.js. */
function flagsOfUnit(): readonly string[] {
  const unit = readFileSync(
    resolve(import.meta.dirname, "../../systemd/livecert.service"),
    "utf8",
  );
  const [, flags = ""] =
    /^ExecStart="@NODE@"(.*)"@LIVECERT@"/m.exec(unit) ?? [];
  return flags.trim().split(/\s+/);
}

/** Of all its threads; schedstat counts nanoseconds where other places count hundredths of a second. */
function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8"),
  );
  return threads
    .map((text) => Number(text.split(" ")[0]) / 1e6)
    .reduce((sum, ms) => sum + ms, 0);
}

function memoryIn(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const bytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
  return { residentBytes: bytes("VmRSS"), ownBytes: bytes("RssAnon") };
}
