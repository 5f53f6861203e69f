/**
 * The one process that may be signalled. It is found through the pid file of our configuration and accepted only if it
 * is beyond doubt the master of this very installation: a pid file may be stale, its number reused by a stranger, or
 * written in another pid namespace. Titles are read only once the process is known by its executable, user and
 * namespaces, which nobody but root can forge.
 */
import { resolve } from "node:path";
import type { ProcessIdentity } from "../../core/decision/record.ts";
import { readTextNow } from "../files/read-file.ts";
import {
  listPids,
  type ProcessRecord,
  readProcess,
} from "../process/processes.ts";
import { checkOwnership } from "../process/trust.ts";
import { isNginxName } from "./binary.ts";
import { readLink } from "./files.ts";
import type { Installation } from "./installation.ts";
import { pidDirective } from "./main-context.ts";
import { otherConfiguration, readStart, type Start } from "./start.ts";
import {
  isChildOfItsKind,
  recogniseStranger,
  withoutDeleted,
} from "./stranger.ts";
import { readOptions } from "./title.ts";

export interface Master extends ProcessIdentity, Start {
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

async function findByPidFile(
  installation: Installation,
  pidFile: string,
): Promise<MasterFinding> {
  const text = readTextNow(pidFile);
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
  const stranger = recogniseStranger(installation, record);
  if (stranger !== null)
    return { ...stranger, reason: `${named}, ${stranger.reason}` };
  const reach = await reachReason(installation, record);
  if (reach !== null) return foreign(reach);
  return readMaster(installation, record);
}

/** The program was checked when it was found, but not what a script in its place has started. */
async function reachReason(
  { binary, configuration }: Installation,
  { executable }: ProcessRecord,
): Promise<string | null> {
  const started =
    binary.isScript && executable !== null ? [withoutDeleted(executable)] : [];
  for (const path of [...started, configuration]) {
    const ownership = await checkOwnership(path);
    if (ownership.kind === "untrusted") return ownership.reason;
  }
  return null;
}

/** Accepts it if its own `-c` and `-p` name our configuration, or cannot be read. */
function readMaster(
  installation: Installation,
  record: ProcessRecord,
): MasterFinding {
  const { pid, startTicks, state } = record;
  const start = readStart(installation, record);
  const other = otherConfiguration(installation, start);
  if (other !== null)
    return foreign(
      `the Nginx with pid ${String(pid)} runs with ${other}: set --nginx-conf and --nginx-prefix if it is meant`,
    );
  const stopped = state === "T";
  return { kind: "running", master: { pid, startTicks, ...start, stopped } };
}

/** `-g "pid FILE;"` is known only to the process that was started with it. */
function pidFilesByOption(installation: Installation): readonly string[] {
  const files = nginxMasters().flatMap((record) => {
    if (withoutDeleted(record.executable ?? "") !== installation.binary.path)
      return [];
    const { options, prefix } = readStart(installation, record);
    const pidFile = pidDirective(options?.directives ?? "");
    return pidFile === null ? [] : [resolve(prefix, pidFile)];
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

function notRunning(
  reason: string,
): Extract<MasterFinding, { kind: "not-running" }> {
  return { kind: "not-running", reason };
}

function foreign(reason: string): Extract<MasterFinding, { kind: "foreign" }> {
  return { kind: "foreign", reason };
}
