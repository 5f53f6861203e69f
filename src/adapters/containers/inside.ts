/**
 * The processes of a container as this machine's /proc shows them. What belongs to a container is told by its mount
 * namespace, which no process can choose; titles are read only of processes that are known by it and by their executable.
 */
import { readFileSync } from "node:fs";
import type { Container } from "../../core/containers/container.ts";
import type { ProcessIdentity } from "../../core/decision/record.ts";
import { isNginxName } from "../nginx/binary.ts";
import { readLink } from "../nginx/files.ts";
import { optionsOf, resolvePrefix } from "../nginx/start.ts";
import { isChildOfItsKind, withoutDeleted } from "../nginx/stranger.ts";
import type { MasterOptions } from "../nginx/title.ts";
import {
  listPids,
  readProcess,
  startedAtMs,
  type ProcessRecord,
} from "../process/processes.ts";

/** A master inside, by its pid out here. */
export interface InnerMaster extends ProcessIdentity {
  /** As its own pid namespace counts: what its log and its pid file say; null where that cannot be told. */
  readonly innerPid: number | null;
  /** As its own mount namespace has it. */
  readonly program: string;
  /** Null where its title does not tell for certain. */
  readonly options: MasterOptions | null;
  readonly stopped: boolean;
}

/** Whether the pid that the engine names is that container's process here too, not a stranger's with the same number. */
export function isVisible({
  id,
  pid,
  startedAt,
}: Pick<Container, "id" | "pid" | "startedAt">): boolean {
  if (pid === null) return false;
  const record = readProcess(pid);
  if (record === null) return false;
  if (readText(`/proc/${String(pid)}/cgroup`).includes(id)) return true;
  const isElsewhere =
    record.namespaces.mount !== null &&
    record.namespaces.mount !== readLink("/proc/self/ns/mnt");
  return isElsewhere && startedAt !== null && isAtThatTime(record, startedAt);
}

const startDoubtMs = 2_000;

function isAtThatTime(record: ProcessRecord, startedAt: string): boolean {
  const apartMs = startedAtMs(record) - new Date(startedAt).getTime();
  return Math.abs(apartMs) < startDoubtMs;
}

/**
 * The Nginx of the container whose first process this is: that process itself, else the oldest master in its mount
 * namespace. An Nginx under supervisord, s6 or tini is found as well, also one that `docker exec` started.
 */
export function findInnerMaster(pid: number): InnerMaster | null {
  const namespace = readLink(`/proc/${String(pid)}/ns/mnt`);
  if (namespace === null) return null;
  const masters = mastersIn(namespace);
  const first = masters.find((master) => master.pid === pid);
  return first ?? oldest(masters);
}

function mastersIn(mountNamespace: string): readonly InnerMaster[] {
  return listPids()
    .filter(
      (pid) =>
        readLink(`/proc/${String(pid)}/ns/mnt`) === mountNamespace &&
        runsNginx(pid),
    )
    .map(readProcess)
    .filter((record) => record !== null)
    .filter((record) => !isChildOfItsKind(record))
    .map(innerMaster);
}

function runsNginx(pid: number): boolean {
  const executable = readLink(`/proc/${String(pid)}/exe`);
  return executable !== null && isNginxName(executable);
}

function oldest(masters: readonly InnerMaster[]): InnerMaster | null {
  const sorted = [...masters].sort(
    (one, other) => Number(one.startTicks) - Number(other.startTicks),
  );
  return sorted[0] ?? null;
}

function innerMaster(record: ProcessRecord): InnerMaster {
  const { pid, startTicks, state } = record;
  return {
    pid,
    startTicks,
    innerPid: innerPid(pid),
    program: withoutDeleted(record.executable ?? "nginx"),
    options: innerOptions(record),
    stopped: state === "T",
  };
}

/** A program that the engine starts in the container has another working directory than the master. */
function innerOptions(record: ProcessRecord): MasterOptions | null {
  const options = optionsOf(record);
  return options === null || options.prefix === null
    ? options
    : { ...options, prefix: resolvePrefix(record.pid, options.prefix) };
}

/** The last of `NSpid`'s numbers is the innermost (proc(5)). */
function innerPid(pid: number): number | null {
  const status = readText(`/proc/${String(pid)}/status`);
  const last = /^NSpid:.*?(\d+)$/m.exec(status)?.[1];
  return last === undefined ? null : Number(last);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
