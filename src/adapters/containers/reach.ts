/** Where a container's listeners are reached from here, and whether what answers there is its own Nginx. */
import { readlinkSync, statSync } from "node:fs";
import {
  reachListener,
  type ContainerReach,
  type Neighbourhood,
} from "../../core/containers/addresses.ts";
import type { Container } from "../../core/containers/container.ts";
import type { ProcessIdentity } from "../../core/decision/record.ts";
import type { ProbePoint } from "../../core/nginx/model.ts";
import type { Reach } from "../../core/nginx/reach.ts";
import type { ConnectionEnds } from "../../ports.ts";
import { isHeldBy } from "../nginx/sockets.ts";
import { childrenOf, isAlive } from "../process/processes.ts";
import type { Engine } from "./engine.ts";
import type { SeenContainer } from "./lookup.ts";
import { localPath } from "./paths.ts";

export interface ReachOptions {
  readonly engine: Engine;
  readonly setting: { readonly addresses: Neighbourhood["given"] };
  /** Ours, where livecert runs in a container of the same engine. */
  readonly own: Container | null;
  /** Whether an address is in the network of one of our interfaces. */
  readonly isRouted: (address: string) => boolean;
}

/** In one network namespace with us, an address means the same. */
export function isShared(
  { container, processes }: SeenContainer,
  { own }: Pick<ReachOptions, "own">,
): boolean {
  const { pid, networkMode } = container;
  if (processes.isVisible && pid !== null)
    return networkOf(String(pid)) === networkOf("self");
  if (own === null) return networkMode === "host";
  return (
    (networkMode === "host" && own.networkMode === "host") ||
    networkMode === `container:${own.id}`
  );
}

export function reach(
  address: string,
  seen: SeenContainer,
  options: ReachOptions,
): Reach {
  const reached = reachByNetwork(address, seen, options);
  if (reached !== null) return reached;
  const socket = localPath(address.slice(unixPrefix.length), seen.files);
  return socket === null
    ? { kind: "unreachable", reason: `${address} is not mounted here` }
    : { kind: "reachable", address: `${unixPrefix}${socket}` };
}

/** Where /proc shows neither end, the engine's word stands: that address or port is this container's. */
export async function answers(
  { address }: Pick<ProbePoint, "address">,
  connection: ConnectionEnds | null,
  master: ProcessIdentity,
  from: { readonly seen: SeenContainer; readonly options: ReachOptions },
): Promise<boolean | null> {
  const { isVisible } = from.seen.processes;
  if (isVisible && !isAlive(master)) return null;
  const reached = reachByNetwork(address, from.seen, from.options);
  const way = reached?.kind === "reachable" ? reached.way : "same";
  if (way === "published" || way === "given") return true;
  if (!isVisible) return way === "direct" ? true : null;
  return isHeldBy({
    address,
    connection,
    namespaceOf: master.pid,
    processes: [master.pid, ...childrenOf(master.pid)],
  });
}

const unixPrefix = "unix:";

/** null: a socket of the file system. */
function reachByNetwork(
  address: string,
  seen: SeenContainer,
  options: ReachOptions,
): ContainerReach | null {
  if (address.startsWith(unixPrefix)) return null;
  const { engine, own, isRouted, setting } = options;
  return reachListener(address, seen.container, {
    isShared: isShared(seen, options),
    seesPublished: own === null || own.networkMode === "host",
    isRouted: (host) => !isRootless(engine) && isRouted(host),
    given: setting.addresses,
  });
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
