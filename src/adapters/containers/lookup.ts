/**
 * A container as it is now. It is looked up by its name each time, so that one that was re-created meanwhile is found under
 * its new id, with its new processes and mounts.
 */
import {
  joinedContainer,
  withNetworkOf,
  type Container,
} from "../../core/containers/container.ts";
import type { TargetState } from "../../ports.ts";
import type { Engine } from "./engine.ts";
import { viewProcesses, type ProcessView, type Sighting } from "./operate.ts";
import type { PathView } from "./paths.ts";
import type { EngineFailure } from "./request.ts";
import { engineState, idleState, noNginx, type Idle } from "./states.ts";

/** What was seen of it last. */
export interface SeenContainer {
  readonly container: Container;
  readonly processes: ProcessView;
  readonly files: PathView;
  /** Its Nginx; null: none was found, or nobody has looked yet. */
  readonly sighting: Sighting | null;
}

export interface SeenNginx extends SeenContainer {
  readonly sighting: Sighting;
}

export type Finding =
  { readonly kind: "found"; readonly nginx: SeenNginx } | Idle;

export interface ContainerLookup {
  readonly seen: SeenContainer;
  again(signal: AbortSignal): Promise<TargetState>;
  /** The Nginx that was seen last; it is looked for where there is none. */
  known(signal: AbortSignal): Promise<Finding>;
}

export interface LookupOptions {
  /** As messages name the container. */
  readonly name: string;
  readonly engine: Engine;
  readonly setting: Pick<PathView, "paths">;
  /** As it was found when targets were looked for. */
  readonly container: Container;
  /** Ours, where livecert runs in a container of the same engine. */
  readonly own: Container | null;
}

export function openLookup(options: LookupOptions): ContainerLookup {
  const { engine, own, setting } = options;
  const fail = (failure: EngineFailure): Idle =>
    engineState(options.name, engine.endpoint.name, failure);
  const starts = new Map<number, number>();
  const view = (container: Container): SeenContainer => {
    const processes = viewProcesses(engine, container, starts);
    const files = pathView(container, {
      own,
      paths: setting.paths,
      isVisible: processes.isVisible,
    });
    return { container, processes, files, sighting: null };
  };
  let seen = view(options.container);

  const find = async (signal: AbortSignal): Promise<Finding> => {
    seen = { ...seen, sighting: null };
    const answer = await engine.inspect(options.container.name, signal);
    if (answer.kind === "failed") return fail(answer.failure);
    const container = await withJoinedNetwork(engine, answer.value, signal);
    // What is told of its files stays as it was while it ran.
    seen = { ...seen, container };
    const idle = idleState(container);
    if (idle !== null) return idle;
    seen = view(container);
    const found = await seen.processes.find(signal);
    if (found.kind === "failed") return fail(found.failure);
    if (found.value === null) return noNginx(container);
    const nginx = { ...seen, sighting: found.value };
    seen = nginx;
    return { kind: "found", nginx };
  };

  return {
    get seen() {
      return seen;
    },
    again: async (signal) => {
      const found = await find(signal);
      return found.kind === "found" ? stateOf(found.nginx) : found;
    },
    known: async (signal) => {
      const { sighting } = seen;
      return sighting === null
        ? find(signal)
        : { kind: "found", nginx: { ...seen, sighting } };
    },
  };
}

function stateOf({ sighting }: SeenNginx): TargetState {
  const { generation, oldestWorkerStartMs, master } = sighting;
  return {
    kind: "running",
    generation,
    oldestWorkerStartMs,
    stopped: master.stopped,
  };
}

function pathView(
  { mounts, pid }: Container,
  from: {
    readonly own: Container | null;
    readonly paths: PathView["paths"];
    readonly isVisible: boolean;
  },
): PathView {
  return {
    mounts,
    paths: from.paths,
    standpoint:
      from.own === null
        ? { kind: "machine" }
        : { kind: "container", mounts: from.own.mounts },
    root: from.isVisible && pid !== null ? `/proc/${String(pid)}/root` : null,
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
