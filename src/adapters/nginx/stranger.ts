/**
 * Whether the process that a pid file names is this very Nginx, by what nobody but root can forge: its executable, its
 * user and its namespaces.
 */
import { type ProcessRecord, readProcess } from "../process/processes.ts";
import { isNginxName } from "./binary.ts";
import { fileNumbers, readLink, realPath } from "./files.ts";
import type { Installation } from "./installation.ts";
import { roleOf } from "./title.ts";

/** `reason` follows the name of the process: `which runs …`. */
export interface Stranger {
  /** `foreign`: an Nginx that is not to be trusted; `not-running`: no Nginx at all, the pid file is stale. */
  readonly kind: "foreign" | "not-running";
  readonly reason: string;
}

/** Null: this is the program, run by root or by us, where paths and addresses mean the same to it and to us. */
export function recogniseStranger(
  installation: Installation,
  record: ProcessRecord,
): Stranger | null {
  const { executable, uid } = record;
  if (executable === null)
    return process.geteuid?.() === 0
      ? notRunning("which is no program")
      : foreign("which only root may look at");
  const elsewhere = elsewhereReason(installation, record);
  if (elsewhere !== null) return foreign(elsewhere);
  if (!isProgramOf(installation, executable))
    return isNginxName(executable)
      ? foreign(`which runs ${executable}, not ${installation.binary.path}`)
      : notRunning(`which runs ${executable}`);
  if (uid !== 0 && uid !== process.geteuid?.())
    return foreign(`which runs as uid ${String(uid)}, not as root`);
  return isWorker(record) ? foreign("which is a worker, no master") : null;
}

/** What a script starts is known by its name alone; whether others could change it is looked at by the caller. */
function isProgramOf({ binary }: Installation, executable: string): boolean {
  return binary.isScript
    ? isNginxName(executable)
    : withoutDeleted(executable) === binary.path;
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

export function isChildOfItsKind(record: ProcessRecord): boolean {
  const parent = readLink(`/proc/${String(record.parentPid)}/exe`);
  if (parent === null || record.executable === null) return false;
  return withoutDeleted(parent) === withoutDeleted(record.executable);
}

/** An upgrade replaced the file under the running program. */
export function withoutDeleted(executable: string): string {
  return executable.replace(/ \(deleted\)$/, "");
}

function foreign(reason: string): Stranger {
  return { kind: "foreign", reason };
}

function notRunning(reason: string): Stranger {
  return { kind: "not-running", reason };
}
