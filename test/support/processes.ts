/** The process table as `/proc` shows it, read without livecert's own reader. */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { readdir, readlink } from "node:fs/promises";

export interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  /** One letter, e.g. `S`, `T` (stopped), `Z`. */
  readonly state: string;
  /** Since boot; tells two uses of one pid apart. */
  readonly startTicks: string;
  /** The command line, its parts joined by blanks; a title where the process set one. */
  readonly title: string;
}

/** null when there is no such process. Read at once: what waits for a change of the table asks a hundred times a second. */
export function processEntry(pid: number): ProcessEntry | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const title = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return {
      pid,
      state: fields[0] ?? "",
      parentPid: Number(fields[1]),
      startTicks: fields[19] ?? "",
      title: title.replaceAll("\0", " ").trim(),
    };
  } catch {
    return null;
  }
}

export function allProcesses(): readonly ProcessEntry[] {
  return entriesOf(readdirSync("/proc").filter((name) => /^\d+$/.test(name)));
}

/** Every `flock` that waits for livecert's lock in this file, which it was handed as its standard input. */
export function waitersFor(lockFile: string): readonly number[] {
  return allProcesses()
    .filter(({ title }) => title.endsWith("flock -x 0"))
    .map(({ pid }) => pid)
    .filter((pid) => isStandardInputOf(pid, lockFile));
}

function isStandardInputOf(pid: number, path: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/fd/0`) === path;
  } catch {
    return false;
  }
}

export function childrenOf(pid: number): readonly ProcessEntry[] {
  return entriesOf(threadsOf(pid).flatMap((id) => childrenOfThread(pid, id)));
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** A child is that of the thread that forked it. */
function childrenOfThread(pid: number, id: string): readonly string[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${id}/children`, "utf8");
    return text.split(" ").filter((word) => word !== "");
  } catch {
    return [];
  }
}

function entriesOf(pids: readonly string[]): readonly ProcessEntry[] {
  return pids
    .map((pid) => processEntry(Number(pid)))
    .filter((entry) => entry !== null);
}

/** Gone, or only waiting for its parent to notice. */
export function hasEnded(pid: number): boolean {
  const entry = processEntry(pid);
  return entry === null || entry.state === "Z";
}

/** Processes that have the file open, whoever started them. */
export async function holdersOf(file: string): Promise<readonly number[]> {
  const pids = allProcesses().map(({ pid }) => pid);
  const held = await Promise.all(pids.map(openFiles));
  return pids.filter((_, index) => held[index]?.includes(file));
}

async function openFiles(pid: number): Promise<readonly string[]> {
  const directory = `/proc/${pid}/fd`;
  const names = await readdir(directory).catch(() => []);
  return Promise.all(
    names.map((name) => readlink(`${directory}/${name}`).catch(() => "")),
  );
}
