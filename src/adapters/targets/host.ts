/**
 * The Nginx of this very machine: its own program tests and dumps, the process table shows its master and workers, and a
 * signal, `nginx -s reload` or `systemctl reload` makes it read its files anew. What `inspect` found is kept, so that one
 * run looks for the master once; that it still is the same process is checked again before every signal.
 */
import { readlinkSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { isAbsolute, resolve } from "node:path";
import type { ProcessIdentity } from "../../core/decision/record.ts";
import type { FileIdentity } from "../../core/lineage/lineage.ts";
import type { NginxModel, ProbePoint } from "../../core/nginx/model.ts";
import type { Reach } from "../../core/nginx/reach.ts";
import type { Limits, Settings } from "../../core/settings/settings.ts";
import type {
  ConnectionEnds,
  DumpResult,
  ErrorLogMark,
  ReloadResult,
  Target,
  TargetState,
  TestResult,
} from "../../ports.ts";
import { type DefaultsCache, memoryCache } from "../nginx/binary.ts";
import { identifyFile } from "../files/read-file.ts";
import { startCommand } from "../nginx/commands.ts";
import { markLogs } from "../nginx/error-log.ts";
import { findInstallations, type Installation } from "../nginx/installation.ts";
import {
  findMaster,
  findOtherMasters,
  type Master,
  type OtherMaster,
} from "../nginx/master.ts";
import {
  reloadByProgram,
  reloadBySignal,
  reloadByUnit,
} from "../nginx/reload.ts";
import {
  dumpConfiguration,
  type NginxQuestion,
  testConfiguration,
} from "../nginx/run.ts";
import { restrictionAgainst } from "../nginx/sandbox.ts";
import { isHeldBy } from "../nginx/sockets.ts";
import { optionsFor } from "../nginx/start.ts";
import {
  hasUnreadyWorkers,
  isBusy,
  readGeneration,
  oldestStartMs,
} from "../nginx/workers.ts";
import { childrenOf, isAlive } from "../process/processes.ts";
import { isSystemdRunning } from "../systemd/units.ts";

export interface HostTargetOptions {
  readonly name?: string;
  readonly settings: Settings["nginx"];
  readonly limits: Pick<Limits, "nginxCommandMs" | "reloadCommandMs">;
  /** Compiled-in defaults from earlier runs; by default kept as long as this process lives. */
  readonly cache?: DefaultsCache;
  /** The value of PATH: where programs are looked for after the places where they usually are. */
  readonly searchPath?: string;
  /** Where `systemctl` is looked for; by default the system's directories. */
  readonly systemPath?: string;
  /** Instead of the places where Nginx and its forks usually are. */
  readonly directories?: readonly string[];
}

export interface HostTarget extends Target {
  readonly kind: "host";
  /** What `inspect` found: for `doctor`. */
  readonly found: Found | null;
  /** Every other Nginx master on this machine. */
  otherMasters(): readonly OtherMaster[];
}

export interface Found {
  readonly state: TargetState;
  /** The installation that is meant; null where none may or can be used. */
  readonly installation: Installation | null;
  readonly master: Master | null;
  /** Programs that were passed over because others could change them, one sentence each. */
  readonly refused: readonly string[];
}

/**
 * @throws LivecertError from `inspect`, `dump`, `test` and `reload`: `nginx-not-found` or `configuration-unsafe`, where a
 *   setting names what does not exist or what others could change.
 */
export function hostTarget(options: HostTargetOptions): HostTarget {
  const cache = options.cache ?? memoryCache();
  let found: Found | null = null;
  let addresses: readonly string[] | null = null;

  const look = async (signal: AbortSignal): Promise<Found> => {
    addresses = null;
    found = await find(options, cache, signal);
    return found;
  };
  const known = async (signal: AbortSignal) => found ?? (await look(signal));

  return {
    name: options.name ?? "host",
    kind: "host",
    get found() {
      return found;
    },
    inspect: async (signal) => (await look(signal)).state,
    dump: async (signal) =>
      ask(options, await known(signal), signal, dumpConfiguration),
    test: async (signal) =>
      ask(options, await known(signal), signal, testConfiguration),
    reload: async (signal) => reload(options, await known(signal), signal),
    generation: (master) => Promise.resolve(readGeneration(master)),
    isStarting: (master) => Promise.resolve(hasUnreadyWorkers(master)),
    isBusy,
    markErrorLogs: (model) => markErrorLogs(model, found),
    // Asked for every source; the kernel's list costs as much as a third of a handshake.
    localAddresses: () => (addresses ??= localAddresses()),
    reach,
    answers,
    localPath: (path) => path,
    identify,
    obstruction: () => Promise.resolve(null),
    otherMasters: () => findOtherMasters(found?.master ?? null),
  };
}

/** The first installation whose master runs; without one, the first at all, with the reason why it does not count. */
async function find(
  options: HostTargetOptions,
  cache: DefaultsCache,
  signal: AbortSignal,
): Promise<Found> {
  const { found, refused } = await findInstallations(
    {
      settings: options.settings,
      timeoutMs: options.limits.nginxCommandMs,
      cache,
      searchPath: options.searchPath ?? process.env["PATH"] ?? "",
      directories: options.directories,
    },
    signal,
  );
  const others: Found[] = [];
  for await (const candidate of found) {
    if (candidate.kind === "unusable") {
      const { reason } = candidate;
      others.push(withoutMaster({ kind: "absent", reason }, null, refused));
      continue;
    }
    const { installation } = candidate;
    const finding = await findMaster(installation);
    const state =
      finding.kind === "running"
        ? running(finding.master)
        : withRemedy(finding, installation, options.settings);
    if (finding.kind === "running" && state.kind === "running")
      return { state, installation, master: finding.master, refused };
    others.push(withoutMaster(state, installation, refused));
  }
  return (
    others.find(({ state }) => state.kind === "foreign") ??
    others.find(({ state }) => state.kind === "not-running") ??
    others[0] ??
    withoutMaster(nothingFound(refused), null, refused)
  );
}

function running(master: Master): TargetState {
  const generation = readGeneration(master);
  if (generation === null)
    return { kind: "not-running", reason: "Nginx has just ended" };
  return {
    kind: "running",
    generation,
    oldestWorkerStartMs: oldestStartMs(generation),
    stopped: master.stopped,
  };
}

function withRemedy(
  state: Exclude<TargetState, { readonly kind: "running" }>,
  { binary }: Installation,
  settings: Settings["nginx"],
): TargetState {
  if (state.kind !== "not-running") return state;
  const hasSystemd = isSystemdRunning();
  const start = startCommand({ settings, program: binary.path, hasSystemd });
  const remedy = `${start}; it then loads the files as they are, and livecert retry verifies it`;
  return { ...state, remedy };
}

function withoutMaster(
  state: TargetState,
  installation: Installation | null,
  refused: readonly string[],
): Found {
  return { state, installation, master: null, refused };
}

function nothingFound(refused: readonly string[]): TargetState {
  const reason = refused.join("; ");
  return refused.length === 0
    ? { kind: "absent", reason: "no Nginx program was found" }
    : { kind: "foreign", reason };
}

type Failure = Extract<DumpResult, { readonly kind: "failed" }>;

/** Asks Nginx's program about the installation that was found; a foreign one is never run. */
async function ask<Result extends DumpResult | TestResult>(
  { limits }: HostTargetOptions,
  { state, installation, master }: Found,
  signal: AbortSignal,
  question: (question: NginxQuestion) => Promise<Result>,
): Promise<Result | Failure> {
  if (
    installation === null ||
    state.kind === "foreign" ||
    state.kind === "absent"
  )
    return { kind: "failed", reason: reasonOf(state) };
  return question({
    program: installation.binary.path,
    options: optionsFor(installation, master),
    prefix: master?.prefix ?? installation.prefix,
    restriction: restrictionAgainst(master?.pid ?? null),
    timeoutMs: limits.nginxCommandMs,
    signal,
  });
}

function reasonOf(state: TargetState): string {
  return state.kind === "running" ? "" : state.reason;
}

async function reload(
  { settings, limits, systemPath }: HostTargetOptions,
  { state, installation, master }: Found,
  signal: AbortSignal,
): Promise<ReloadResult> {
  if (installation === null || master === null)
    return { kind: "failed", reason: reasonOf(state), remedy: null };
  const timeoutMs = limits.reloadCommandMs;
  switch (settings.reloadBy) {
    case "signal":
      return reloadBySignal(master);
    case "nginx":
      return reloadByProgram({
        program: installation.binary.path,
        options: optionsFor(installation, master),
        restriction: restrictionAgainst(master.pid),
        timeoutMs,
        signal,
      });
    case "systemctl":
      return reloadByUnit({
        unit: settings.unit,
        timeoutMs,
        signal,
        searchPath: systemPath,
      });
  }
}

/**
 * The logs that the configuration names, and where the running master really writes: its own `-e` or the compiled-in log
 * before a configuration names another, and its standard error, which Nginx ties to its log.
 */
async function markErrorLogs(
  model: NginxModel,
  found: Found | null,
): Promise<ErrorLogMark> {
  const { installation = null, master = null } = found ?? {};
  const first =
    master?.options?.errorLog ?? installation?.defaults.errorLog ?? null;
  const prefix = master?.prefix ?? installation?.prefix ?? "/";
  const isFile = first !== null && first !== "stderr";
  return markLogs([
    ...model.errorLogs,
    ...(isFile ? [resolve(prefix, first)] : []),
    ...(master === null ? [] : standardErrorFile(master.pid)),
  ]);
}

function standardErrorFile(pid: number): readonly string[] {
  try {
    const path = readlinkSync(`/proc/${String(pid)}/fd/2`);
    const isFile = isAbsolute(path) && !path.startsWith("/dev/");
    return isFile ? [path.replace(/ \(deleted\)$/, "")] : [];
  } catch {
    return [];
  }
}

/** Loopback also where the interfaces may not be listed (a sandbox without netlink). */
export function localAddresses(): readonly string[] {
  const loopback = ["127.0.0.1", "::1"];
  try {
    const interfaces = Object.values(networkInterfaces()).flat();
    const addresses = interfaces.map((entry) => entry?.address ?? "");
    return [...new Set([...loopback, ...addresses])].filter(
      (address) => address !== "",
    );
  } catch {
    return loopback;
  }
}

/** A unix socket lies in the master's own `/tmp` where systemd gives it one (`PrivateTmp=`). */
export function reach(address: string, { pid }: ProcessIdentity): Reach {
  const path = /^unix:(\/.*)$/s.exec(address)?.[1];
  if (path === undefined || seesOurFiles(pid))
    return { kind: "reachable", address };
  const seen = `unix:/proc/${String(pid)}/root${path}`;
  return { kind: "reachable", address: seen };
}

function seesOurFiles(pid: number): boolean {
  try {
    const own = readlinkSync("/proc/self/ns/mnt");
    return own === readlinkSync(`/proc/${String(pid)}/ns/mnt`);
  } catch {
    return true;
  }
}

export async function answers(
  point: ProbePoint,
  connection: ConnectionEnds | null,
  master: ProcessIdentity,
): Promise<boolean | null> {
  if (!isAlive(master)) return null;
  return isHeldBy({
    address: point.address,
    connection,
    namespaceOf: master.pid,
    processes: [master.pid, ...childrenOf(master.pid)],
  });
}

async function identify(
  paths: readonly string[],
): Promise<readonly FileIdentity[]> {
  const identities = await Promise.all(paths.map(identifyFile));
  return identities.filter((identity) => identity !== null);
}
