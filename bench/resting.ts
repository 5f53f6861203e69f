/** Programs that rest, and what they take meanwhile. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { livecertProgram } from "../test/support/livecert.ts";
import type { ServingHost } from "./host.ts";

export interface Memory {
  readonly residentBytes: number;
  /** Of it, what is not the program's own file or a library. */
  readonly ownBytes: number;
}

export interface Running extends AsyncDisposable {
  readonly pid: number;
}

/** As systemd/livecert.service starts it. */
export function startWatcher(host: ServingHost): Running {
  const { options } = host.bed.livecert;
  return startNode(flagsOfUnit(), host, [livecertProgram, "watch", ...options]);
}

/** What a watcher is compared with. */
export function startIdle(host: ServingHost): Running {
  return startNode([], host, ["-e", "setInterval(() => {}, 1e9)"]);
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
    resolve(import.meta.dirname, "../systemd/livecert.service"),
    "utf8",
  );
  const [, flags = ""] =
    /^ExecStart="@NODE@"(.*)"@LIVECERT@"/m.exec(unit) ?? [];
  return flags.trim().split(/\s+/);
}

/** Of all its threads; schedstat counts nanoseconds where other places count hundredths of a second. */
export function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8"),
  );
  return threads
    .map((text) => Number(text.split(" ")[0]) / 1e6)
    .reduce((sum, ms) => sum + ms, 0);
}

export function memoryIn(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const bytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
  return { residentBytes: bytes("VmRSS"), ownBytes: bytes("RssAnon") };
}

export function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
