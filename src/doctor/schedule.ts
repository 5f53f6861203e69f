/** Who starts `certbot renew`: systemd timers and cron entries, and whether these run at all. */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { readFileBounded } from "../adapters/files/read-file.ts";
import { listPids, readProcess } from "../adapters/process/processes.ts";
import { readUnits } from "../adapters/systemd/units.ts";
import type { Machine } from "./machine.ts";

/** Of a unit's file or a line of a crontab. */
export function startsRenewal(text: string): boolean {
  return /\b(?:certbot|certbot-auto|letsencrypt)\b.*\brenew\b|\bsnap\.certbot\.renew\b/.test(
    text,
  );
}

/** Certbot's, where it is told of no other. */
export const defaultDirectory = "/etc/letsencrypt";

/** Without a word about it, Certbot works in its default directory. */
export function isFor(
  certbotDir: string,
  { text }: { readonly text: string },
): boolean {
  const named = /--config-dir[= ]["']?([^\s"']+)/.exec(text)?.[1];
  return (named?.replace(/\/+$/, "") ?? defaultDirectory) === certbotDir;
}

export interface Timer {
  readonly name: string;
  readonly isActive: boolean;
  /** What its service runs, as its file has it. */
  readonly text: string;
}

export interface CronEntry {
  readonly file: string;
  readonly text: string;
}

/** Where systemd reads units from; an earlier directory's file hides a later one's (systemd.unit(5)). */
const unitDirectories = [
  "/etc/systemd/system",
  "/run/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
] as const;

export interface TimerReading {
  readonly timers: readonly Timer[];
  /** Why it is not known which are active. */
  readonly reason: string | null;
}

/** Timers whose own or whose service's file fits; none where systemd does not run the machine. */
export async function readTimers(
  { hasSystemd, signal }: Pick<Machine, "hasSystemd" | "signal">,
  fits: (text: string) => boolean,
): Promise<TimerReading> {
  if (!hasSystemd) return { timers: [], reason: null };
  const names = await Promise.all(
    unitDirectories.map((directory) => readdir(directory).catch(() => [])),
  );
  const timers = await Promise.all(
    [...new Set(names.flat())]
      .filter((name) => name.endsWith(".timer"))
      .map(async (name) => ({ name, text: await textOfTimer(name) })),
  );
  const fitting = timers.filter(({ text }) => fits(text));
  const reading = await readUnits(
    fitting.map(({ name }) => name),
    { timeoutMs: 5_000, signal },
  );
  if (reading.kind === "failed") return { timers: [], reason: reading.reason };
  const active = new Set(
    reading.units.filter(({ isActive }) => isActive).map(({ name }) => name),
  );
  return {
    timers: fitting.map((timer) => ({
      ...timer,
      isActive: active.has(timer.name),
    })),
    reason: null,
  };
}

async function textOfTimer(name: string): Promise<string> {
  const own = await readUnitFile(name);
  const unit = /^Unit=(\S+)\s*$/m.exec(own)?.[1];
  const service = unit ?? name.replace(/\.timer$/, ".service");
  return `${own}\n${await readUnitFile(service)}`;
}

async function readUnitFile(name: string): Promise<string> {
  for (const directory of unitDirectories) {
    const text = await readText(join(directory, name));
    if (text !== null) return text;
  }
  return "";
}

const crontabs = ["/etc/crontab", "/etc/anacrontab"] as const;
const crontabDirectories = [
  "/etc/cron.d",
  "/var/spool/cron/crontabs",
  "/var/spool/cron",
  "/var/spool/cron/tabs",
] as const;
const scriptDirectories = [
  "/etc/cron.hourly",
  "/etc/cron.daily",
  "/etc/cron.weekly",
] as const;

export interface CronReading {
  readonly entries: readonly CronEntry[];
  /** Directories that could not be read. */
  readonly unreadable: readonly string[];
}

/** Every line of a crontab that fits, and every script of the cron directories that does. */
export async function readCron(
  fits: (text: string) => boolean,
): Promise<CronReading> {
  const directories = [...crontabDirectories, ...scriptDirectories];
  const listed = await Promise.all(directories.map(listFiles));
  const files = [...crontabs, ...listed.flatMap(({ files: some }) => some)];
  const entries = await Promise.all(
    files.map(async (file) => {
      const text = (await readText(file)) ?? "";
      return cronLines(text)
        .filter(fits)
        .map((line) => ({ file, text: line }));
    }),
  );
  return {
    entries: entries.flat(),
    unreadable: listed.flatMap(({ unreadable }) => unreadable ?? []),
  };
}

/** Lines that are neither empty nor comments. */
export function cronLines(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

async function listFiles(directory: string): Promise<{
  readonly files: readonly string[];
  readonly unreadable: string | null;
}> {
  try {
    const names = await readdir(directory);
    const files = names.filter(isRead).map((name) => join(directory, name));
    return { files, unreadable: null };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const unreadable = code === "ENOENT" ? null : directory;
    return { files: [], unreadable };
  }
}

/** Cron passes over what editors and package managers leave behind. */
function isRead(name: string): boolean {
  return !/^\.|~$|\.(?:bak|new|old|disabled|dpkg-\w+|rpm\w+|ucf-\w+)$/.test(
    name,
  );
}

/** By the names of their programs; busybox has them all in one. */
export function isCronRunning(): boolean {
  return listPids().some((pid) => {
    const record = readProcess(pid);
    const [first = "", second = ""] = record?.arguments ?? [];
    const program = basename(record?.executable ?? first);
    return (
      /^(?:cron|crond|fcron|bcron-sched|dcron|supercronic)$/.test(program) ||
      (program === "busybox" && /^crond?$/.test(basename(first || second)))
    );
  });
}

/** null: it cannot be read, or is not there. */
export async function readText(path: string): Promise<string | null> {
  const reading = await readFileBounded(path);
  return reading.kind === "read"
    ? Buffer.from(reading.content).toString("utf8")
    : null;
}
