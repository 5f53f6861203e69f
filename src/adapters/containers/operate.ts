/**
 * The processes of Nginx in a container: as this machine's /proc shows them, or, where it does not (livecert in a container
 * of its own, an engine elsewhere), as the engine lists them.
 */
import type { Container } from "../../core/containers/container.ts";
import type { ListedProcess } from "../../core/containers/process-list.ts";
import type {
  Generation,
  ProcessIdentity,
} from "../../core/decision/record.ts";
import { readOptions, roleOf } from "../nginx/title.ts";
import {
  hasUnreadyWorkers,
  isBusy,
  readGeneration,
  oldestStartMs,
} from "../nginx/workers.ts";
import type { Asked, Engine } from "./engine.ts";
import { findInnerMaster, isVisible, type InnerMaster } from "./inside.ts";

/** What is seen of one container's Nginx at one moment. */
export interface Sighting {
  readonly master: InnerMaster;
  readonly generation: Generation;
  readonly oldestWorkerStartMs: number | null;
}

export interface ProcessView {
  /** By /proc: what is signalled and compared there is the container's own. */
  readonly isVisible: boolean;
  /** null: no Nginx runs in it. */
  find(signal: AbortSignal): Promise<Asked<Sighting | null>>;
  /** null when that master has gone. */
  generation(
    master: ProcessIdentity,
    signal: AbortSignal,
  ): Promise<Generation | null>;
  isStarting(master: ProcessIdentity, signal: AbortSignal): Promise<boolean>;
  isBusy(master: ProcessIdentity, signal: AbortSignal): Promise<boolean>;
}

/** @param starts pids with the start times under which they were first seen: ps(1) may round anew each time */
export function viewProcesses(
  engine: Engine,
  container: Container,
  starts: Map<number, number>,
): ProcessView {
  return isVisible(container)
    ? visibleProcesses(container)
    : listedProcesses(engine, container, starts);
}

function visibleProcesses({ pid }: Container): ProcessView {
  return {
    isVisible: true,
    find: () => Promise.resolve({ kind: "ok", value: findVisible(pid) }),
    generation: (master) => Promise.resolve(readGeneration(master)),
    isStarting: (master) => Promise.resolve(hasUnreadyWorkers(master)),
    isBusy,
  };
}

function findVisible(pid: number | null): Sighting | null {
  const master = pid === null ? null : findInnerMaster(pid);
  const generation = master === null ? null : readGeneration(master);
  if (master === null || generation === null) return null;
  return {
    master,
    generation,
    oldestWorkerStartMs: oldestStartMs(generation),
  };
}

function listedProcesses(
  engine: Engine,
  container: Container,
  starts: Map<number, number>,
): ProcessView {
  const list = async (signal: AbortSignal) =>
    engine.processes(container.id, signal);
  return {
    isVisible: false,
    find: async (signal) => {
      const answer = await list(signal);
      if (answer.kind === "failed") return answer;
      return { kind: "ok", value: findListed(answer.value, container, starts) };
    },
    generation: async (master, signal) => {
      const answer = await list(signal);
      const found =
        answer.kind === "ok"
          ? findListed(answer.value, container, starts)
          : null;
      return found?.master.pid === master.pid &&
        found.master.startTicks === master.startTicks
        ? found.generation
        : null;
    },
    isStarting: async (master, signal) => {
      const answer = await list(signal);
      return answer.kind === "ok" && isListedStarting(master, answer.value);
    },
    isBusy: async (master, signal) => {
      const answer = await list(signal);
      if (answer.kind === "failed") return false;
      const own = answer.value.find(({ pid }) => pid === master.pid);
      if (own === undefined) return false;
      return /^[RD]/.test(own.state) || isListedStarting(own, answer.value);
    },
  };
}

/** Children that still bear their master's title; that of an upgrade has children of its own. */
function isListedStarting(
  { pid: master }: Pick<ListedProcess, "pid">,
  all: readonly ListedProcess[],
): boolean {
  return all.some(
    ({ parentPid, title, pid }) =>
      parentPid === master &&
      isMaster(title) &&
      !all.some((one) => one.parentPid === pid),
  );
}

function findListed(
  processes: readonly ListedProcess[],
  container: Container,
  starts: Map<number, number>,
): Sighting | null {
  const masters = processes.filter(({ title }) => isMaster(title));
  const first = masters.find(({ pid }) => pid === container.pid);
  const found = first ?? masters[0];
  if (found === undefined) return null;
  const children = processes.filter(({ parentPid }) => parentPid === found.pid);
  const inRole = (role: "worker" | "draining") =>
    children.filter(({ title }) => roleOf(title) === role);
  const identify = (one: ListedProcess) => identityOf(one, starts);
  const workers = inRole("worker");
  const ages = workers.map(({ ageSeconds }) => ageSeconds);
  const master = identify(found);
  return {
    master: {
      ...master,
      innerPid: found.pid === container.pid ? 1 : null,
      program: programOf(found.title),
      options: readOptions([found.title]),
      stopped: found.state.startsWith("T"),
    },
    generation: {
      master,
      workers: workers.map(identify),
      draining: inRole("draining").map(identify),
    },
    oldestWorkerStartMs:
      ages.length === 0 ? null : Date.now() - Math.max(...ages) * 1_000,
  };
}

/** `nginx: master process`, `angie: master process …`; a name with a path or a blank is none. */
function isMaster(title: string): boolean {
  return /^[\w.-]+: master process/.test(title);
}

/** The first word of the command line that the title repeats. */
function programOf(title: string): string {
  const [, name = "nginx", word = ""] =
    /^([\w.-]+): master process (?:v\S+ #\d+ \[)?([^\s\]]*)/.exec(title) ?? [];
  return word === "" ? name : word;
}

const roundingSeconds = 2;

/** Start times in hundredths of a second, as the kernel's own are. */
function identityOf(
  { pid, started }: ListedProcess,
  starts: Map<number, number>,
): ProcessIdentity {
  const seconds = Date.parse(`${started} UTC`) / 1_000;
  const known = starts.get(pid);
  const isKnown =
    known !== undefined && Math.abs(known - seconds) <= roundingSeconds;
  const start = isKnown ? known : seconds;
  starts.set(pid, start);
  return { pid, startTicks: String(start * 100) };
}
