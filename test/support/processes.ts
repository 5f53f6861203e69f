/** The process table as `/proc` shows it, read without livecert's own reader. */
import { readFile, readdir, readlink } from "node:fs/promises";

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

/** null when there is no such process. */
export async function processEntry(pid: number): Promise<ProcessEntry | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const title = await readFile(`/proc/${pid}/cmdline`, "utf8");
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

export async function allProcesses(): Promise<readonly ProcessEntry[]> {
  const names = await readdir("/proc");
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const entries = await Promise.all(pids.map(processEntry));
  return entries.filter((entry) => entry !== null);
}

export async function childrenOf(
  pid: number,
): Promise<readonly ProcessEntry[]> {
  return (await allProcesses()).filter((entry) => entry.parentPid === pid);
}

/** Gone, or only waiting for its parent to notice. */
export async function hasEnded(pid: number): Promise<boolean> {
  const entry = await processEntry(pid);
  return entry === null || entry.state === "Z";
}

/** Processes that have the file open, whoever started them. */
export async function holdersOf(file: string): Promise<readonly number[]> {
  const pids = (await allProcesses()).map(({ pid }) => pid);
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
