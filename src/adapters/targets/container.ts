/**
 * Nginx in a container: the engine says where it is, its own program tests and dumps inside, and a signal to the master
 * makes it read its files anew; the container itself is never restarted. The container is looked up by its name each time,
 * so that one that was re-created meanwhile is found under its new id.
 */
import { readlinkSync, statSync } from "node:fs";
import {
  describeContainer,
  describeMount,
  joinedContainer,
  withNetworkOf,
  type Container,
} from "../../core/containers/container.ts";
import {
  reachListener,
  type ContainerReach,
  type Neighbourhood,
} from "../../core/containers/addresses.ts";
import type { ProcessIdentity } from "../../core/decision/record.ts";
import type { FileIdentity } from "../../core/lineage/lineage.ts";
import type { NginxModel, ProbePoint } from "../../core/nginx/model.ts";
import type { Reach } from "../../core/nginx/reach.ts";
import { readModel } from "../../core/nginx/read-model.ts";
import { certificateSources } from "../../core/nginx/sources.ts";
import type { Limits } from "../../core/settings/settings.ts";
import type { ContainerTargetSetting } from "../../core/settings/targets.ts";
import type {
  ConnectionEnds,
  DumpResult,
  Obstruction,
  ReloadResult,
  Target,
  TargetState,
  TestResult,
} from "../../ports.ts";
import { openCopies, readInner } from "../containers/copies.ts";
import type { Engine } from "../containers/engine.ts";
import { markContainerLogs } from "../containers/log.ts";
import {
  viewProcesses,
  type ProcessView,
  type Sighting,
} from "../containers/operate.ts";
import {
  innerFile,
  localPath,
  locate,
  type PathView,
} from "../containers/paths.ts";
import type { EngineFailure } from "../containers/request.ts";
import { identifyFile, readFileBounded } from "../files/read-file.ts";
import { parseDefaults } from "../nginx/binary.ts";
import { readReload, reloadBySignal } from "../nginx/reload.ts";
import { readDump, readVerdict } from "../nginx/run.ts";
import { isHeldBy } from "../nginx/sockets.ts";
import { childrenOf, isAlive } from "../process/processes.ts";
import type { ProgramResult } from "../process/run.ts";
import { localAddresses } from "./host.ts";

export interface ContainerTargetOptions {
  readonly name: string;
  readonly engine: Engine;
  readonly setting: Pick<
    ContainerTargetSetting,
    "nginx" | "addresses" | "paths"
  >;
  /** As it was found when targets were looked for. */
  readonly container: Container;
  /** Ours, where livecert runs in a container of the same engine. */
  readonly own: Container | null;
  readonly limits: Pick<
    Limits,
    "nginxCommandMs" | "reloadCommandMs" | "engineMs"
  >;
  /** Whether an address is in the network of one of our interfaces. */
  readonly isRouted: (address: string) => boolean;
  /** Where certificates are copied to that no mount shows; null: nothing may be written. */
  readonly copyDirectory: string | null;
}

export interface ContainerTarget extends Target {
  readonly kind: "container";
  /** For `doctor`: as it was last seen. */
  readonly container: Container;
  /** Files that are mounted one by one, which a renewal will unhinge. */
  singleFiles(paths: readonly string[]): readonly SingleFile[];
}

export interface SingleFile {
  readonly path: string;
  /** In the user's terms. */
  readonly mount: string;
}

export function containerTarget(
  options: ContainerTargetOptions,
): ContainerTarget {
  const { engine, setting, limits, own } = options;
  const copies = openCopies(options.copyDirectory);
  const starts = new Map<number, number>();
  let { container } = options;
  let processes: ProcessView = viewProcesses(engine, container, starts);
  let sighting: Sighting | null = null;
  let files: PathView = pathView(options, container, processes.isVisible);

  const look = async (signal: AbortSignal): Promise<TargetState> => {
    sighting = null;
    const answer = await engine.inspect(options.container.name, signal);
    if (answer.kind === "failed") return engineState(options, answer.failure);
    container = await withJoinedNetwork(engine, answer.value, signal);
    const idle = idleState(container);
    if (idle !== null) return idle;
    processes = viewProcesses(engine, container, starts);
    files = pathView(options, container, processes.isVisible);
    const found = await processes.find(signal);
    if (found.kind === "failed") return engineState(options, found.failure);
    if (found.value === null) return noNginx(container);
    sighting = found.value;
    return {
      kind: "running",
      generation: sighting.generation,
      youngestWorkerStartMs: sighting.youngestWorkerStartMs,
      stopped: sighting.master.stopped,
    };
  };

  const program = (): string =>
    setting.nginx ?? sighting?.master.program ?? "nginx";

  const runNginx = async (
    signal: AbortSignal,
    timeoutMs: number,
    ...action: readonly string[]
  ): Promise<ProgramResult> =>
    engine.execute(container.id, {
      words: [program(), ...startOptions(sighting), ...action],
      timeoutMs,
      signal,
    });

  const question = (): Parameters<typeof readVerdict>[0] => ({
    program: `${program()} in ${describeContainer(container)}`,
    restriction: null,
  });

  const reading = (path: string, signal: AbortSignal) => ({
    engine,
    id: container.id,
    file: innerFile(path, files),
    timeoutMs: limits.engineMs,
    signal,
  });

  const known = async (
    signal: AbortSignal,
  ): Promise<Extract<DumpResult, { kind: "failed" }> | null> => {
    if (sighting !== null) return null;
    const state = await look(signal);
    return state.kind === "running"
      ? null
      : { kind: "failed", reason: state.reason };
  };

  const near = (): Neighbourhood => ({
    isShared: sharesNetwork(container, own, processes.isVisible),
    seesPublished: own === null || own.networkMode === "host",
    isRouted: (address) => !isRootless(engine) && options.isRouted(address),
    given: setting.addresses,
  });

  const reach = (address: string): ContainerReach | null =>
    address.startsWith("unix:")
      ? null
      : reachListener(address, container, near());

  return {
    name: options.name,
    kind: "container",
    get container() {
      return container;
    },
    inspect: look,

    dump: async (signal) => {
      const failure = await known(signal);
      if (failure !== null) return failure;
      const result = await runNginx(signal, limits.nginxCommandMs, "-T");
      const prefix = await prefixOf(sighting, result, () =>
        runNginx(signal, limits.nginxCommandMs, "-V"),
      );
      const dump = readDump(question(), result, prefix);
      if (dump.kind !== "ok") return dump;
      const unread = await copyUnmounted(dump);
      return { ...dump, warnings: [...dump.warnings, ...unread] };

      async function copyUnmounted(
        given: Extract<DumpResult, { kind: "ok" }>,
      ): Promise<readonly string[]> {
        const warnings: string[] = [];
        for (const path of certificatesIn(given)) {
          if (localPath(path, files) !== null) continue;
          if (await copies.refresh(path, reading(path, signal))) continue;
          warnings.push(
            `${path} of ${describeContainer(container)} cannot be read from here, so it is not looked after`,
          );
        }
        return warnings;
      }
    },

    test: async (signal): Promise<TestResult> => {
      const failure = await known(signal);
      if (failure !== null) return failure;
      const result = await runNginx(signal, limits.nginxCommandMs, "-t");
      return readVerdict(question(), result);
    },

    reload: async (signal): Promise<ReloadResult> => {
      const failure = await known(signal);
      if (failure !== null) return { ...failure, remedy: null };
      const { master } = sighting ?? {};
      if (processes.isVisible && master !== undefined) {
        const signalled = reloadBySignal(master);
        if (signalled.kind === "triggered") return signalled;
      }
      if (master?.innerPid === 1 && !processes.isVisible) {
        const killed = await engine.kill(container.id, "HUP", signal);
        if (killed.kind === "ok") return { kind: "triggered", said: [] };
      }
      const words = `${program()} -s reload in ${describeContainer(container)}`;
      const result = await runNginx(
        signal,
        limits.reloadCommandMs,
        "-s",
        "reload",
      );
      return readReload(
        words,
        result,
        `docker exec ${container.name} nginx -t`,
      );
    },

    generation: (master) =>
      processes.generation(master, AbortSignal.timeout(limits.engineMs)),
    isBusy: (master) =>
      processes.isBusy(master, AbortSignal.timeout(limits.engineMs)),

    markErrorLogs: ({ errorLogs }: NginxModel) =>
      markContainerLogs({
        engine,
        container,
        innerPid: sighting?.master.innerPid ?? null,
        files: errorLogs.flatMap((path) => logFile(path, files)),
        signal: AbortSignal.timeout(60_000),
      }),

    localAddresses: () =>
      near().isShared ? localAddresses() : container.addresses,

    reach: (address): Reach => {
      const reached = reach(address);
      if (reached !== null) return reached;
      const socket = localPath(address.slice("unix:".length), files);
      return socket === null
        ? { kind: "unreachable", reason: `${address} is not mounted here` }
        : { kind: "reachable", address: `unix:${socket}` };
    },

    answers: (point, connection, master) =>
      answers(point, connection, master, {
        reached: reach(point.address),
        isVisible: processes.isVisible,
      }),

    localPath: (path) => localPath(path, files) ?? copies.pathOf(path),

    identify: (paths) => identifyInner(paths, files),

    obstruction: async (path) => {
      const located = locate(path, files);
      if (located?.place.kind === "inside") return copied(path, container);
      if (located?.place.kind !== "here" || !located.place.isMountPoint)
        return null;
      const { place, inner } = located;
      const signal = AbortSignal.timeout(limits.engineMs);
      const isSame = await isSameContent(
        place.path,
        innerFile(inner, files),
        () => readInner(inner, { ...reading(inner, signal), file: null }),
      );
      if (isSame) return null;
      const mount = place.mount === null ? path : describeMount(place.mount);
      return pinned(path, mount, container);
    },

    singleFiles: (paths) =>
      paths.flatMap((path) => {
        const place = locate(path, files)?.place;
        if (place?.kind !== "here" || place.mount === null) return [];
        return place.isMountPoint && isFile(place.path)
          ? [{ path, mount: describeMount(place.mount) }]
          : [];
      }),
  };
}

function pathView(
  { setting, own }: ContainerTargetOptions,
  { mounts, pid }: Container,
  isVisible: boolean,
): PathView {
  return {
    mounts,
    paths: setting.paths,
    standpoint:
      own === null
        ? { kind: "machine" }
        : { kind: "container", mounts: own.mounts },
    root: isVisible && pid !== null ? `/proc/${String(pid)}/root` : null,
  };
}

/** What joined another container's network is reached as that one is. */
async function withJoinedNetwork(
  engine: Engine,
  container: Container,
  signal: AbortSignal,
): Promise<Container> {
  const joined = joinedContainer(container);
  if (joined === null) return container;
  const answer = await engine.inspect(joined, signal);
  return answer.kind === "ok"
    ? withNetworkOf(container, answer.value)
    : container;
}

function engineState(
  { name, engine }: ContainerTargetOptions,
  { reason, message, remedy }: EngineFailure,
): TargetState {
  if (reason === "not-found")
    return {
      kind: "not-running",
      reason: `there is no container ${name}`,
      remedy: `docker start ${name}, or re-create it`,
    };
  return {
    kind: "not-running",
    reason: `the container engine at ${engine.endpoint.name} ${message}`,
    remedy: remedy ?? "livecert doctor",
  };
}

/** null: it runs. */
function idleState(container: Container): TargetState | null {
  const { status, name } = container;
  if (status === "running") return null;
  const reason = `${describeContainer(container)} is ${status}`;
  switch (status) {
    case "paused":
      return {
        kind: "not-running",
        reason,
        remedy: `docker unpause ${name}, then livecert retry`,
      };
    case "restarting":
    case "removing":
      return {
        kind: "not-running",
        reason,
        remedy: "livecert retry, once it runs",
      };
    default:
      return {
        kind: "not-running",
        reason,
        remedy: `docker start ${name}; it then loads the files as they are, and livecert retry verifies it`,
      };
  }
}

function noNginx(container: Container): TargetState {
  return {
    kind: "not-running",
    reason: `no Nginx runs in ${describeContainer(container)}`,
    remedy: `docker logs ${container.name}`,
  };
}

/** The options that decide which configuration it reads, as the master has them. */
function startOptions(sighting: Sighting | null): readonly string[] {
  const options = sighting?.master.options ?? null;
  if (options === null) return [];
  const { prefix, configuration, directives, errorLog } = options;
  return [
    ...(prefix === null ? [] : ["-p", prefix]),
    ...(configuration === null ? [] : ["-c", configuration]),
    ...(directives === null ? [] : ["-g", directives]),
    ...(errorLog === null ? [] : ["-e", errorLog]),
  ];
}

/** Of no use but for a pid file or an error log that is named without its directory. */
async function prefixOf(
  sighting: Sighting | null,
  dump: ProgramResult,
  askVersion: () => Promise<ProgramResult>,
): Promise<string> {
  const given = sighting?.master.options?.prefix;
  if (given?.startsWith("/") === true) return given;
  if (!/^\s*(?:pid|error_log)\s+[^/\s]/m.test(dump.stdout)) return "/";
  const version = await askVersion();
  return parseDefaults(version.stderr)?.prefix ?? "/";
}

function certificatesIn({
  text,
  prefix,
}: Extract<DumpResult, { kind: "ok" }>): readonly string[] {
  const model = readModel(text, { prefix, hostname: "" });
  return certificateSources(model)
    .filter(({ dynamic }) => !dynamic)
    .map(({ certificate }) => certificate);
}

/** A log that is no file of its own (`/dev/stderr`) is the container's, which the engine keeps. */
function logFile(path: string, files: PathView): readonly string[] {
  const located = locate(path, files);
  if (located === null || /^\/(?:dev|proc)\//.test(located.inner)) return [];
  if (located.place.kind === "here") return [located.place.path];
  return files.root === null ? [] : [`${files.root}${located.inner}`];
}

function sharesNetwork(
  { pid, networkMode }: Container,
  own: Container | null,
  isVisible: boolean,
): boolean {
  if (isVisible && pid !== null)
    return networkOf(String(pid)) === networkOf("self");
  if (own === null) return networkMode === "host";
  return (
    (networkMode === "host" && own.networkMode === "host") ||
    networkMode === `container:${own.id}`
  );
}

function networkOf(process: string): string | null {
  try {
    return readlinkSync(`/proc/${process}/ns/net`);
  } catch {
    return null;
  }
}

/** A user's own engine: its networks are not the machine's. */
function isRootless({ endpoint }: Engine): boolean {
  if (endpoint.kind !== "socket") return false;
  try {
    return statSync(endpoint.path).uid !== 0;
  } catch {
    return false;
  }
}

/** Where /proc shows neither end, the engine's word stands: that address or port is this container's. */
async function answers(
  point: ProbePoint,
  connection: ConnectionEnds | null,
  master: ProcessIdentity,
  how: { readonly reached: ContainerReach | null; readonly isVisible: boolean },
): Promise<boolean | null> {
  if (how.isVisible && !isAlive(master)) return null;
  const way = how.reached?.kind === "reachable" ? how.reached.way : "same";
  if (way === "published" || way === "given") return true;
  if (!how.isVisible) return way === "direct" ? true : null;
  return isHeldBy({
    address: point.address,
    connection,
    namespaceOf: master.pid,
    processes: [master.pid, ...childrenOf(master.pid)],
  });
}

/** As the container itself has them, so that a file of its image counts as well. */
async function identifyInner(
  paths: readonly string[],
  files: PathView,
): Promise<readonly FileIdentity[]> {
  const identities = await Promise.all(
    paths.map(async (path) => {
      const file = innerFile(path, files) ?? localPath(path, files);
      const identity = file === null ? null : await identifyFile(file);
      return identity === null
        ? null
        : { ...identity, path, resolved: locate(path, files)?.inner ?? path };
    }),
  );
  return identities.filter((identity) => identity !== null);
}

/** @param inner where the container's own view can be looked at; null: it is asked for the content */
async function isSameContent(
  outer: string,
  inner: string | null,
  readInside: () => Promise<Uint8Array | null>,
): Promise<boolean> {
  if (inner !== null && isSameInode(outer, inner)) return true;
  const outside = await readFileBounded(outer);
  if (outside.kind !== "read") return true;
  if (inner === null) {
    const inside = await readInside();
    return inside === null || Buffer.compare(outside.content, inside) === 0;
  }
  const inside = await readFileBounded(inner);
  return (
    inside.kind !== "read" ||
    Buffer.compare(outside.content, inside.content) === 0
  );
}

function isSameInode(one: string, other: string): boolean {
  try {
    const [first, second] = [one, other].map((path) =>
      statSync(path, { bigint: true }),
    );
    return first?.dev === second?.dev && first?.ino === second?.ino;
  } catch {
    return false;
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function pinned(
  path: string,
  mount: string,
  container: Container,
): Obstruction {
  const { name } = container;
  return {
    kind: "pinned",
    reason: `${path} in ${describeContainer(container)} is ${mount}, a single file: the mount keeps the file that was there when the container was made, so no reload can load the renewed one`,
    remedy: `mount the directory instead of the file (for Certbot: all of /etc/letsencrypt), then re-create the container: docker compose up -d --force-recreate; until then docker restart ${name} loads the file of today`,
  };
}

function copied(path: string, container: Container): Obstruction {
  return {
    kind: "copied",
    reason: `${path} lies in the own file system of ${describeContainer(container)}, where no renewal reaches it`,
    remedy: `mount Certbot's directory into the container (/etc/letsencrypt:/etc/letsencrypt:ro), let the directive name the lineage's files in it, and re-create the container`,
  };
}
