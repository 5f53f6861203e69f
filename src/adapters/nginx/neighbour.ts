/**
 * An Nginx whose processes are seen here and whose files are elsewhere: livecert runs in a container that shares the
 * process namespace of Nginx's (a sidecar). Its program runs on its own files by chroot(8) to `/proc/PID/root`, which
 * needs no more than containers have by default (CAP_SYS_CHROOT).
 *
 * What the pid file is to the host's Nginx is here the namespace itself: nobody but the containers' own processes is in
 * it, and only one may be a master. It is accepted if it runs as root or as we do, and if nobody else can write to its
 * program and its main configuration file.
 */
import { resolve } from "node:path";
import { type ProcessRecord, readProcess } from "../process/processes.ts";
import { runProgram } from "../process/run.ts";
import { findProgram, lookAtOwnership } from "../process/trust.ts";
import { type CompiledDefaults, parseDefaults } from "./binary.ts";
import type { Installation } from "./installation.ts";
import { findOtherMasters, type Master } from "./master.ts";
import type { NginxCommand } from "./run.ts";
import { rightsLackedAgainst } from "./sandbox.ts";
import { optionsFor, readStart } from "./start.ts";
import { withoutDeleted } from "./stranger.ts";

export interface Neighbour {
  readonly master: Master;
  /** All paths are Nginx's own. */
  readonly installation: Installation;
}

export type NeighbourFinding =
  | ({ readonly kind: "found" } & Neighbour)
  | { readonly kind: "not-running" | "foreign"; readonly reason: string };

export interface NeighbourLimits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What `pid` sees as its root directory. */
export function rootOf(pid: number): string {
  return `/proc/${String(pid)}/root`;
}

/** Looks for the one master in our process namespace. Signals nothing; of Nginx's program it asks no more than `-V`. */
export async function findNeighbour(
  limits: NeighbourLimits,
): Promise<NeighbourFinding> {
  const own = readProcess(process.pid)?.namespaces.pid ?? null;
  const masters = findOtherMasters(null)
    .map(({ pid }) => readProcess(pid))
    .filter((record) => record !== null)
    .filter(({ namespaces }) => own !== null && namespaces.pid === own);
  const [record, ...others] = masters;
  if (record === undefined)
    return notRunning("no Nginx runs in this process namespace");
  if (others.length > 0)
    return foreign(
      `several Nginx run in this process namespace (pids ${masters.map(({ pid }) => pid).join(", ")})`,
    );
  return judge(record, limits);
}

async function judge(
  record: ProcessRecord,
  limits: NeighbourLimits,
): Promise<NeighbourFinding> {
  const named = `the Nginx with pid ${String(record.pid)}`;
  const { uid, executable, namespaces } = record;
  if (executable === null) return notRunning(`${named} has ended`);
  if (uid !== 0 && uid !== process.geteuid?.())
    return foreign(`${named} runs as uid ${String(uid)}, not as root`);
  if (namespaces.network !== readProcess(process.pid)?.namespaces.network)
    return foreign(
      `${named} runs in another network namespace: livecert must share that as well`,
    );
  const program = withoutDeleted(executable);
  const reach = reachReason(record.pid, program);
  if (reach !== null) return foreign(reach);
  const defaults = await askDefaults(record.pid, program, limits);
  if (defaults === null)
    return foreign(`${named}: ${program} -V does not answer as an Nginx does`);
  return readNeighbour(record, program, defaults);
}

function readNeighbour(
  record: ProcessRecord,
  program: string,
  defaults: CompiledDefaults,
): NeighbourFinding {
  const { pid, startTicks, state } = record;
  const compiled = installationOf(program, defaults, defaults.prefix, null);
  const start = readStart(compiled, record);
  const installation = installationOf(
    program,
    defaults,
    start.prefix,
    start.options?.configuration ?? null,
  );
  const reach = reachReason(pid, installation.configuration);
  if (reach !== null) return foreign(reach);
  const stopped = state === "T";
  const master = { pid, startTicks, ...start, stopped };
  return { kind: "found", master, installation };
}

function installationOf(
  program: string,
  defaults: CompiledDefaults,
  prefix: string,
  configuration: string | null,
): Installation {
  return {
    binary: { path: program, identity: program, isScript: false },
    defaults,
    configuration: resolve(prefix, configuration ?? defaults.configuration),
    prefix,
    prefixIsSet: false,
    pidFile: resolve(prefix, defaults.pidFile),
  };
}

function reachReason(pid: number, path: string): string | null {
  const ownership = lookAtOwnership(path, rootOf(pid));
  return ownership.kind === "untrusted" ? `Nginx's ${ownership.reason}` : null;
}

async function askDefaults(
  pid: number,
  program: string,
  limits: NeighbourLimits,
): Promise<CompiledDefaults | null> {
  const chroot = await findChroot();
  if (chroot === null) return null;
  const result = await runProgram({
    program: chroot,
    args: [rootOf(pid), program, "-V"],
    ...limits,
  });
  return result.kind === "exited" ? parseDefaults(result.stderr) : null;
}

/** The command by which Nginx's program runs on Nginx's own files; null where there is no chroot(8). */
export async function commandOf(
  { master, installation }: Neighbour,
  limits: NeighbourLimits,
): Promise<NginxCommand | null> {
  const program = await findChroot();
  if (program === null) return null;
  return {
    program,
    options: [
      ...[rootOf(master.pid), installation.binary.path],
      ...optionsFor(installation, master),
    ],
    restriction: rightsLackedAgainst(master.pid),
    ...limits,
  };
}

async function findChroot(): Promise<string | null> {
  const found = await findProgram("chroot");
  return found.kind === "found" ? found.path : null;
}

function notRunning(reason: string): NeighbourFinding {
  return { kind: "not-running", reason };
}

function foreign(reason: string): NeighbourFinding {
  return { kind: "foreign", reason };
}
