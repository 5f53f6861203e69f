/** Who starts `certbot renew`: systemd timers and cron entries, and whether these run at all. */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { readTextNow } from "../adapters/files/read-file.ts";
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
  /** The unit that it starts. */
  readonly service: string;
  readonly isActive: boolean;
  /** What its service runs, as its file and its drop-ins have it. */
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
      .map(readTimer),
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

async function readTimer(
  name: string,
): Promise<Pick<Timer, "name" | "service" | "text">> {
  const own = readUnitFile(name);
  const unit = /^Unit=(\S+)\s*$/m.exec(own)?.[1];
  const service = unit ?? name.replace(/\.timer$/, ".service");
  const parts = [own, readUnitFile(service), await readDropIns(service)];
  return { name, service, text: effectiveLines(parts.join("\n")) };
}

async function readDropIns(unit: string): Promise<string> {
  const texts = await Promise.all(
    unitDirectories.map(async (directory) => {
      const place = join(directory, `${unit}.d`);
      const names = await readdir(place).catch(() => []);
      const files = names.filter((name) => name.endsWith(".conf")).sort();
      return files.map((name) => readTextNow(join(place, name)));
    }),
  );
  return texts.flat().join("\n");
}

/** Without comments, and without what an empty assignment takes back (systemd.service(5), "ExecStart="). */
export function effectiveLines(text: string): string {
  let kept: readonly string[] = [];
  for (const line of text.replaceAll(/\\\n/g, " ").split("\n")) {
    if (/^\s*[#;]/.test(line)) continue;
    const [, key] = /^(\w+)=\s*$/.exec(line) ?? [];
    kept =
      key === undefined
        ? [...kept, line]
        : kept.filter((earlier) => !earlier.startsWith(`${key}=`));
  }
  return kept.join("\n");
}

function readUnitFile(name: string): string {
  for (const directory of unitDirectories) {
    const text = readTextNow(join(directory, name));
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

/** Every line of a crontab that fits, and every script of the cron directories that does, as a whole. */
export async function readCron(
  fits: (text: string) => boolean,
): Promise<CronReading> {
  const listed = await Promise.all(crontabDirectories.map(listFiles));
  const scripts = await Promise.all(scriptDirectories.map(listFiles));
  const entriesOf = (
    files: readonly string[],
    split: (text: string) => readonly string[],
  ): readonly CronEntry[] =>
    files.flatMap((file) =>
      split(readTextNow(file) ?? "")
        .filter(fits)
        .map((text) => ({ file, text })),
    );
  return {
    entries: [
      ...entriesOf([...crontabs, ...filesOf(listed)], cronLines),
      ...entriesOf(filesOf(scripts), (text) => [scriptText(text)]),
    ],
    unreadable: [...listed, ...scripts].flatMap(
      ({ unreadable }) => unreadable ?? [],
    ),
  };
}

/** As one text, with its commands in lines. */
function scriptText(text: string): string {
  return cronLines(text.replaceAll(/\\\n/g, " ")).join("\n");
}

function filesOf(
  listed: readonly { readonly files: readonly string[] }[],
): readonly string[] {
  return listed.flatMap(({ files }) => files);
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

/** Debian's own entry leaves the work to the timer: `test … -a \! -d /run/systemd/system`. */
export function isInert(text: string): boolean {
  return /!\s*-d\s+\/run\/systemd\/system/.test(text);
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
