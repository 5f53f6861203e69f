/**
 * The one process that may be signalled. It is found through the pid file of our configuration and accepted only if it
 * is beyond doubt the master of this very installation: a pid file may be stale, its number reused by a stranger, or
 * written in another pid namespace. Titles are read only once the process is known by its executable, user and
 * namespaces, which nobody but root can forge.
 */
import { readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import type { ProcessIdentity } from "../../core/decision/record.ts";
import {
  listPids,
  type ProcessRecord,
  readProcess,
} from "../process/processes.ts";
import { checkOwnership } from "../process/trust.ts";
import {
  type CompiledDefaults,
  isNginxName,
  type NginxBinary,
} from "./binary.ts";
import { pidDirective } from "./main-context.ts";
import { type MasterOptions, readOptions, roleOf } from "./title.ts";

/** A program, its defaults, and the configuration that livecert looks after. All paths absolute. */
export interface Installation {
  readonly binary: NginxBinary;
  readonly defaults: CompiledDefaults;
  readonly configuration: string;
  readonly prefix: string;
  /** True where the prefix was set, so that a master with another one is not ours. */
  readonly prefixIsSet: boolean;
  readonly pidFile: string;
}

export interface Master extends ProcessIdentity {
  /** As it was started; null where its title does not tell for certain. */
  readonly options: MasterOptions | null;
  /** Of its own `-p`, else ours. */
  readonly prefix: string;
  /** By SIGSTOP: it will not answer a signal. */
  readonly stopped: boolean;
}

export type MasterFinding =
  | { readonly kind: "running"; readonly master: Master }
  | { readonly kind: "not-running"; readonly reason: string }
  | { readonly kind: "foreign"; readonly reason: string };

/** Another Nginx on this machine, whoever runs it. */
export interface OtherMaster {
  readonly pid: number;
  /** As it is called in its own mount namespace. */
  readonly executable: string;
  /** The file of its `-c`; null: compiled in, or not known. */
  readonly configuration: string | null;
  /** In another pid, mount or network namespace: mostly a container. */
  readonly isElsewhere: boolean;
}

/** Looks for the master of this installation. Runs nothing and signals nothing. */
export async function findMaster(
  installation: Installation,
): Promise<MasterFinding> {
  const byFile = await findByPidFile(installation, installation.pidFile);
  if (byFile.kind !== "not-running") return byFile;
  for (const pidFile of pidFilesByOption(installation)) {
    const found = await findByPidFile(installation, pidFile);
    if (found.kind !== "not-running") return found;
  }
  return byFile;
}

/** Every Nginx master on this machine that is not `known`, by the name of its executable. */
export function findOtherMasters(
  known: ProcessIdentity | null,
): readonly OtherMaster[] {
  const own = readProcess(process.pid);
  return nginxMasters()
    .filter(({ pid }) => pid !== known?.pid)
    .map((record) => ({
      pid: record.pid,
      executable: record.executable ?? "",
      configuration: readOptions(record.arguments)?.configuration ?? null,
      isElsewhere:
        own === null ||
        record.namespaces.pid !== own.namespaces.pid ||
        record.namespaces.mount !== own.namespaces.mount ||
        record.namespaces.network !== own.namespaces.network,
    }));
}

/** What the master's own options are, given again to `nginx -t`: the same files are read in the same way. */
export function optionsFor(
  installation: Installation,
  master: Master | null,
): readonly string[] {
  const options = master?.options;
  if (master === null || options === null || options === undefined)
    return ["-p", installation.prefix, "-c", installation.configuration];
  return [
    ...(options.prefix === null ? [] : ["-p", master.prefix]),
    ...(options.configuration === null ? [] : ["-c", options.configuration]),
    ...(options.directives === null ? [] : ["-g", options.directives]),
    ...(options.errorLog === null ? [] : ["-e", options.errorLog]),
  ];
}

async function findByPidFile(
  installation: Installation,
  pidFile: string,
): Promise<MasterFinding> {
  const text = await readPidFile(pidFile);
  if (text === null) return notRunning(`there is no pid file ${pidFile}`);
  if (text.trim() === "") return notRunning(`the pid file ${pidFile} is empty`);
  if (!/^\s*[1-9]\d{0,9}\s*$/.test(text))
    return notRunning(`the pid file ${pidFile} holds no pid`);
  return judge(installation, pidFile, Number(text));
}

async function judge(
  installation: Installation,
  pidFile: string,
  pid: number,
): Promise<MasterFinding> {
  const named = `${pidFile} names process ${String(pid)}`;
  const record = readProcess(pid);
  if (record === null) return notRunning(`${named}, which has ended`);
  const stranger = strangerReason(installation, record);
  if (stranger !== null)
    return { ...stranger, reason: `${named}, ${stranger.reason}` };
  const reach = await reachReason(installation);
  if (reach !== null) return foreign(reach);
  return readMaster(installation, record);
}

/** Null: this is the program, run by root or by us, where paths and addresses mean the same to it and to us. */
function strangerReason(
  installation: Installation,
  record: ProcessRecord,
): Exclude<MasterFinding, { kind: "running" }> | null {
  const { executable, uid } = record;
  if (executable === null)
    return process.geteuid?.() === 0
      ? notRunning("which is no program")
      : foreign("which only root may look at");
  const elsewhere = elsewhereReason(installation, record);
  if (elsewhere !== null) return foreign(elsewhere);
  if (withoutDeleted(executable) !== installation.binary.path)
    return isNginxName(executable)
      ? foreign(`which runs ${executable}, not ${installation.binary.path}`)
      : notRunning(`which runs ${executable}`);
  if (uid !== 0 && uid !== process.geteuid?.())
    return foreign(`which runs as uid ${String(uid)}, not as root`);
  return isWorker(record) ? foreign("which is a worker, no master") : null;
}

/**
 * The condition behind "the same mount namespace" is that both see the same files. systemd gives a unit with
 * `PrivateTmp=` or `ProtectSystem=` (ours, and Nginx's on several distributions) a namespace of its own over the same
 * tree; a container has another tree.
 */
function elsewhereReason(
  installation: Installation,
  record: ProcessRecord,
): string | null {
  const own = readProcess(process.pid)?.namespaces;
  const { namespaces } = record;
  if (own === undefined || namespaces.pid !== own.pid)
    return "which runs in another pid namespace";
  if (namespaces.network !== own.network)
    return "which runs in another network namespace";
  if (
    namespaces.mount !== own.mount &&
    !seesSameFiles(installation, record.pid)
  )
    return "which runs in another mount namespace";
  return null;
}

function seesSameFiles(installation: Installation, pid: number): boolean {
  const root = `/proc/${String(pid)}/root`;
  const files = ["/", installation.binary.path, installation.configuration];
  return files.every((path) => {
    const resolved = realPath(path);
    const ours = fileNumbers(resolved);
    return ours !== null && ours === fileNumbers(`${root}${resolved}`);
  });
}

/** A new master during a binary upgrade (USR2) is its predecessor's child too; only its title differs from a worker's. */
function isWorker(record: ProcessRecord): boolean {
  return (
    isChildOfItsKind(record) && roleOf(record.arguments[0] ?? "") !== "master"
  );
}

function isChildOfItsKind(record: ProcessRecord): boolean {
  const parent = readLink(`/proc/${String(record.parentPid)}/exe`);
  if (parent === null || record.executable === null) return false;
  return withoutDeleted(parent) === withoutDeleted(record.executable);
}

/** The program was checked when it was found. */
async function reachReason({
  configuration,
}: Installation): Promise<string | null> {
  const ownership = await checkOwnership(configuration);
  return ownership.kind === "untrusted" ? ownership.reason : null;
}

/** Accepts it if its own `-c` and `-p` name our configuration, or cannot be read. */
function readMaster(
  installation: Installation,
  record: ProcessRecord,
): MasterFinding {
  const { pid, startTicks, state } = record;
  const options = isCut(record) ? null : readOptions(record.arguments);
  const prefix = prefixOf(installation, pid, options);
  const other = otherConfiguration(installation, options, prefix);
  if (other !== null)
    return foreign(
      `the Nginx with pid ${String(pid)} runs with ${other}: set --nginx-conf and --nginx-prefix if it is meant`,
    );
  const stopped = state === "T";
  return {
    kind: "running",
    master: { pid, startTicks, options, prefix, stopped },
  };
}

function otherConfiguration(
  installation: Installation,
  options: MasterOptions | null,
  prefix: string,
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

/** A relative `-p` counts from where the master was started. */
function prefixOf(
  installation: Installation,
  pid: number,
  options: MasterOptions | null,
): string {
  if (options === null) return installation.prefix;
  if (options.prefix === null) return installation.defaults.prefix;
  return resolve(readLink(`/proc/${String(pid)}/cwd`) ?? "/", options.prefix);
}

/** `-g "pid FILE;"` is known only to the process that was started with it. */
function pidFilesByOption(installation: Installation): readonly string[] {
  const files = nginxMasters().flatMap((record) => {
    if (withoutDeleted(record.executable ?? "") !== installation.binary.path)
      return [];
    const options = readOptions(record.arguments);
    const pidFile = pidDirective(options?.directives ?? "");
    return pidFile === null
      ? []
      : [resolve(prefixOf(installation, record.pid, options), pidFile)];
  });
  return [...new Set(files)];
}

function nginxMasters(): readonly ProcessRecord[] {
  return listPids()
    .filter((pid) => {
      const executable = readLink(`/proc/${String(pid)}/exe`);
      return executable !== null && isNginxName(executable);
    })
    .map(readProcess)
    .filter((record) => record !== null)
    .filter((record) => !isChildOfItsKind(record));
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

/** Null: absent, unreadable or no regular file. */
async function readPidFile(path: string): Promise<string | null> {
  try {
    await using file = await open(
      path,
      constants.O_RDONLY | constants.O_NONBLOCK,
    );
    if (!(await file.stat()).isFile()) return null;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0);
    return buffer.toString("latin1", 0, bytesRead);
  } catch {
    return null;
  }
}

function notRunning(
  reason: string,
): Extract<MasterFinding, { kind: "not-running" }> {
  return { kind: "not-running", reason };
}

function foreign(reason: string): Extract<MasterFinding, { kind: "foreign" }> {
  return { kind: "foreign", reason };
}

function withoutDeleted(executable: string): string {
  return executable.replace(/ \(deleted\)$/, "");
}

/** Of a path that does not exist: itself. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

function fileNumbers(path: string): string | null {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${String(dev)}:${String(ino)}`;
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

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
