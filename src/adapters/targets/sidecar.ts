/**
 * The Nginx of the container next door, whose process namespace livecert shares: its processes are ours to see and to
 * signal, its files are read where we mount the same volume, else through `/proc/PID/root`. No engine is asked.
 */
import { lstatSync, readFileSync, readlinkSync, statSync } from "node:fs";
import {
  parseMounts,
  pinnedAt,
  translatePath,
  type Mount,
} from "../../core/containers/mountinfo.ts";
import type { FileIdentity } from "../../core/lineage/lineage.ts";
import type { Limits } from "../../core/settings/settings.ts";
import type {
  DumpResult,
  Obstruction,
  ReloadResult,
  Target,
  TargetState,
  TestResult,
} from "../../ports.ts";
import { identifyFile } from "../files/read-file.ts";
import { followLinks, type Trail } from "../files/links.ts";
import { markLogs } from "../nginx/error-log.ts";
import {
  commandOf,
  findNeighbour,
  rootOf,
  type NeighbourFinding,
} from "../nginx/neighbour.ts";
import { reloadBySignal } from "../nginx/reload.ts";
import {
  dumpConfiguration,
  testConfiguration,
  type NginxQuestion,
} from "../nginx/run.ts";
import {
  hasUnreadyWorkers,
  isBusy,
  readGeneration,
  oldestStartMs,
} from "../nginx/workers.ts";
import { answers, localAddresses, reach } from "./host.ts";

export interface SidecarTargetOptions {
  readonly name: string;
  readonly limits: Pick<Limits, "nginxCommandMs">;
}

export function sidecarTarget({ name, limits }: SidecarTargetOptions): Target {
  const timeoutMs = limits.nginxCommandMs;
  let found: NeighbourFinding | null = null;
  let files: Files = ownFiles;

  const look = async (signal: AbortSignal): Promise<NeighbourFinding> => {
    found = await findNeighbour({ timeoutMs, signal });
    if (found.kind === "found") files = filesOf(found.master.pid);
    return found;
  };
  const ask = async <Result extends DumpResult | TestResult>(
    signal: AbortSignal,
    question: (question: NginxQuestion) => Promise<Result>,
  ): Promise<Result | Extract<DumpResult, { kind: "failed" }>> => {
    const neighbour = found ?? (await look(signal));
    if (neighbour.kind !== "found")
      return { kind: "failed", reason: neighbour.reason };
    const command = await commandOf(neighbour, { timeoutMs, signal });
    if (command === null) return { kind: "failed", reason: "no chroot(8)" };
    return question({ ...command, prefix: neighbour.installation.prefix });
  };

  return {
    name,
    kind: "container",
    inspect: async (signal) => stateOf(await look(signal)),
    dump: (signal) => ask(signal, dumpConfiguration),
    test: (signal) => ask(signal, testConfiguration),
    reload: async (signal) => reload(found ?? (await look(signal))),
    generation: (master) => Promise.resolve(readGeneration(master)),
    isStarting: (master) => Promise.resolve(hasUnreadyWorkers(master)),
    isBusy,
    markErrorLogs: ({ errorLogs }) => markLogs(errorLogs.map(files.locate)),
    localAddresses,
    reach,
    answers,
    localPath: (path) => files.locate(path),
    identify: (paths) => identify(paths, files),
    obstruction: (path) => Promise.resolve(files.obstruction(path)),
  };
}

function stateOf(found: NeighbourFinding): TargetState {
  if (found.kind !== "found") return found;
  const { master } = found;
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

function reload(found: NeighbourFinding): ReloadResult {
  return found.kind === "found"
    ? reloadBySignal(found.master)
    : { kind: "failed", reason: found.reason, remedy: null };
}

/** Nginx's files as we reach them. */
interface Files {
  readonly locate: (path: string) => string;
  readonly obstruction: (path: string) => Obstruction | null;
}

const ownFiles: Files = { locate: (path) => path, obstruction: () => null };

/**
 * Our own place of a file where we mount it too: then a lineage has the name that our Certbot directory gives it. Links are
 * followed as Nginx sees them; from here they may lead elsewhere.
 */
function filesOf(pid: number): Files {
  const theirs = readMounts(String(pid));
  const ours = readMounts("self");
  const root = rootOf(pid);
  const trailOf = (path: string): Trail =>
    followLinks(path, (inner) => linkAt(`${root}${inner}`)) ?? {
      end: path,
      names: [path],
    };
  return {
    locate: (path) => {
      const { end, names } = trailOf(path);
      const file = translatePath(end, theirs, ours) ?? `${root}${end}`;
      const identity = identityOf(file);
      const named = names
        .map((name) => translatePath(name, theirs, ours))
        .find((place) => place !== null && identityOf(place) === identity);
      return named ?? file;
    },
    obstruction: (path) => {
      const point = pinnedAt(trailOf(path).end, theirs);
      return point === null ? null : pinned(point);
    },
  };
}

function linkAt(path: string): string | null {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : null;
  } catch {
    return null;
  }
}

/** Equal for two paths of one file; null where there is none. */
function identityOf(path: string): string | null {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${String(dev)}:${String(ino)}`;
  } catch {
    return null;
  }
}

function pinned(point: string): Obstruction {
  return {
    kind: "pinned",
    reason: `${point} is mounted singly into Nginx's container, which keeps the file that was there when it was created`,
    remedy: "mount the directory instead, and re-create the container",
  };
}

/** Empty where they may not be read: then nothing lies anywhere else. */
function readMounts(process: string): readonly Mount[] {
  try {
    return parseMounts(readFileSync(`/proc/${process}/mountinfo`, "utf8"));
  } catch {
    return [];
  }
}

async function identify(
  paths: readonly string[],
  { locate }: Files,
): Promise<readonly FileIdentity[]> {
  const identities = await Promise.all(
    paths.map(async (path) => {
      const identity = await identifyFile(locate(path));
      return identity === null ? null : { ...identity, path };
    }),
  );
  return identities.filter((identity) => identity !== null);
}
