/**
 * How the master was started: its own `-c`, `-p`, `-g` and `-e`, so that `nginx -t` reads the same files in the same way,
 * and whether these name our configuration at all.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { ProcessRecord } from "../process/processes.ts";
import { readLink, realPath } from "./files.ts";
import type { Installation } from "./installation.ts";
import { type MasterOptions, readOptions, roleOf } from "./title.ts";

export interface Start {
  /** Null where the title does not tell for certain. */
  readonly options: MasterOptions | null;
  /** Of its own `-p`, else ours. */
  readonly prefix: string;
}

/** The process is known to be this program's. */
export function readStart(
  installation: Installation,
  record: ProcessRecord,
): Start {
  const options = optionsOf(record);
  return { options, prefix: prefixOf(installation, record.pid, options) };
}

/** As its command line or its title tells them; null where that is cut short or can be read in two ways. */
export function optionsOf(record: ProcessRecord): MasterOptions | null {
  return isCut(record) ? null : readOptions(record.arguments);
}

/** A relative `-p` counts from where the process was started. */
export function resolvePrefix(pid: number, prefix: string): string {
  return resolve(readLink(`/proc/${String(pid)}/cwd`) ?? "/", prefix);
}

/** The options for a program of ours; what was set and compiled in where the master's cannot be told. */
export function optionsFor(
  installation: Installation,
  start: Start | null,
): readonly string[] {
  const options = start?.options;
  if (start === null || options === null || options === undefined)
    return ["-p", installation.prefix, "-c", installation.configuration];
  return [
    ...(options.prefix === null ? [] : ["-p", start.prefix]),
    ...(options.configuration === null ? [] : ["-c", options.configuration]),
    ...(options.directives === null ? [] : ["-g", options.directives]),
    ...(options.errorLog === null ? [] : ["-e", options.errorLog]),
  ];
}

/** What it runs with instead of our configuration or prefix; null: ours. */
export function otherConfiguration(
  installation: Installation,
  { options, prefix }: Start,
): string | null {
  const { configuration, defaults, prefixIsSet } = installation;
  const running = resolve(
    prefix,
    options?.configuration ??
      (options === null ? configuration : defaults.configuration),
  );
  if (realPath(running) !== realPath(configuration)) return running;
  return prefixIsSet && realPath(prefix) !== realPath(installation.prefix)
    ? `the prefix ${prefix}`
    : null;
}

function prefixOf(
  installation: Installation,
  pid: number,
  options: MasterOptions | null,
): string {
  if (options === null) return installation.prefix;
  if (options.prefix === null) return installation.defaults.prefix;
  return resolvePrefix(pid, options.prefix);
}

/**
 * Nginx writes its title over its arguments and environment and cuts it where they end; the last bytes of a title that
 * fills that room may be missing. Fields 48 and 51 of /proc/PID/stat: where the arguments begin, where the environment ends.
 */
function isCut(record: ProcessRecord): boolean {
  const [title = "", ...padding] = record.arguments;
  if (roleOf(title) !== "master" || padding.some((word) => word !== ""))
    return false;
  const stat = readText(`/proc/${String(record.pid)}/stat`) ?? "";
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const room = Number(fields[51 - 3]) - Number(fields[48 - 3]);
  return Buffer.byteLength(title) >= room - 2;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
