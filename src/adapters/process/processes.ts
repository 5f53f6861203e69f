/**
 * The process table as /proc shows it (proc(5)). Read without promises: the kernel answers from memory, and the parts of
 * one record belong to one moment. What has ended, or is hidden from us, is null; nothing here throws.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { ProcessIdentity } from "../../core/decision/record.ts";

/** One line of /proc/PID/stat: cheap enough to ask for every process. */
export interface ProcessStatus extends ProcessIdentity {
  readonly parentPid: number;
  /** R running, S sleeping, D disk sleep, T stopped, Z dead and not yet collected, … */
  readonly state: string;
  /** User and system time in clock ticks (10 ms). */
  readonly cpuTicks: number;
}

export interface ProcessRecord extends ProcessStatus {
  /** The effective user; null where it cannot be seen. */
  readonly uid: number | null;
  /** Absolute path; null where it cannot be seen. ` (deleted)` follows it when the file was replaced or removed. */
  readonly executable: string | null;
  /** As the process shows them now: it may have rewritten them, so they are never evidence. */
  readonly arguments: readonly string[];
  /** E.g. `net:[4026531840]`; null where it cannot be seen. */
  readonly namespaces: {
    readonly pid: string | null;
    readonly mount: string | null;
    readonly network: string | null;
  };
}

/** USER_HZ: what the kernel counts in towards programs, on every architecture that Node runs on. */
const ticksPerSecond = 100;

export function readStatus(pid: number): ProcessStatus | null {
  const text = readText(`/proc/${String(pid)}/stat`);
  return text === null ? null : parseStatus(text);
}

/** All that livecert wants to know of a process; null when it has ended, also while being read. */
export function readProcess(pid: number): ProcessRecord | null {
  const status = readStatus(pid);
  if (status === null) return null;
  const directory = `/proc/${String(pid)}`;
  const record = {
    uid: readUid(directory),
    executable: readLink(`${directory}/exe`),
    arguments: readArguments(directory),
    namespaces: {
      pid: readLink(`${directory}/ns/pid`),
      mount: readLink(`${directory}/ns/mnt`),
      network: readLink(`${directory}/ns/net`),
    },
  };
  return isAlive(status) ? { ...status, ...record } : null;
}

/** Whether this very process, not another one with its pid, still runs. A dead one that nobody collected does not. */
export function isAlive(identity: ProcessIdentity): boolean {
  const status = readStatus(identity.pid);
  return (
    status !== null &&
    status.startTicks === identity.startTicks &&
    status.state !== "Z" &&
    status.state !== "X"
  );
}

/** Pids of the direct children, in ascending order. */
export function childrenOf(pid: number): readonly number[] {
  return readSettled(() => listChildren(pid)).toSorted((a, b) => a - b);
}

/** The parent, its parent and so on, nearest first; ends where /proc ends (another pid namespace, or init). */
export function ancestorsOf(pid: number): readonly ProcessRecord[] {
  const ancestors: ProcessRecord[] = [];
  const seen = new Set([pid]);
  let parentPid = readStatus(pid)?.parentPid ?? 0;
  while (parentPid > 0 && !seen.has(parentPid)) {
    const parent = readProcess(parentPid);
    if (parent === null) break;
    ancestors.push(parent);
    seen.add(parentPid);
    parentPid = parent.parentPid;
  }
  return ancestors;
}

/** Every pid that /proc shows. */
export function listPids(): readonly number[] {
  return listNumbers("/proc");
}

/** When a process started, as wall clock, ms since the epoch; good to some 20 ms. */
export function startedAtMs(
  identity: Pick<ProcessIdentity, "startTicks">,
): number {
  return bootedAtMs() + (Number(identity.startTicks) / ticksPerSecond) * 1_000;
}

const clockDoubtMs = 2_000;

/**
 * By our clock and the uptime, which is exact; by the kernel's whole seconds where the two disagree: then our clock is not
 * the one by which files are stamped (`faketime`).
 */
function bootedAtMs(): number {
  const uptimeSeconds = Number.parseFloat(readText("/proc/uptime") ?? "0");
  const exactMs = Date.now() - uptimeSeconds * 1_000;
  const btime = /^btime (\d+)$/m.exec(readText("/proc/stat") ?? "")?.[1];
  const kernelMs = btime === undefined ? exactMs : Number(btime) * 1_000;
  return Math.abs(exactMs - kernelMs) < clockDoubtMs ? exactMs : kernelMs;
}

/** This process as others would name it. */
export function ownIdentity(): ProcessIdentity {
  const startTicks = readStatus(process.pid)?.startTicks ?? "0";
  return { pid: process.pid, startTicks };
}

/** Fields by their number in proc(5); the second is a name in parentheses that may itself hold parentheses and spaces. */
function parseStatus(text: string): ProcessStatus | null {
  const afterName = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const field = (number: number) => afterName[number - 3] ?? "";
  const pid = Number.parseInt(text, 10);
  if (Number.isNaN(pid) || field(22) === "") return null;
  return {
    pid,
    startTicks: field(22),
    parentPid: Number(field(4)),
    state: field(3),
    cpuTicks: Number(field(14)) + Number(field(15)),
  };
}

function readUid(directory: string): number | null {
  const status = readText(`${directory}/status`) ?? "";
  const effective = /^Uid:\t\d+\t(\d+)/m.exec(status)?.[1];
  return effective === undefined ? null : Number(effective);
}

function readArguments(directory: string): readonly string[] {
  const text = readText(`${directory}/cmdline`) ?? "";
  return text.replace(/\0$/, "").split("\0");
}

/** The kernel's list may skip a child while another one ends, so it counts when two looks agree. */
function readSettled(look: () => readonly number[]): readonly number[] {
  let before = look();
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const now = look();
    if (now.join() === before.join()) return now;
    before = now;
  }
  return before;
}

/** Each thread has the children that it started; without that file (a kernel option) every process is asked. */
function listChildren(pid: number): readonly number[] {
  const tasks = `/proc/${String(pid)}/task`;
  const lists = listNumbers(tasks).map((task) =>
    readText(`${tasks}/${String(task)}/children`),
  );
  const candidates = lists.includes(null)
    ? listPids()
    : lists.join(" ").split(" ").filter(isNumber).map(Number);
  return candidates.filter((child) => readStatus(child)?.parentPid === pid);
}

function listNumbers(directory: string): readonly number[] {
  try {
    return readdirSync(directory).filter(isNumber).map(Number);
  } catch {
    return [];
  }
}

function isNumber(word: string): boolean {
  return /^\d+$/.test(word);
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

function readLink(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
