import { formatAddress, normaliseIp } from "./address.ts";
import { boundAddress } from "./listeners.ts";
import type { Listener, NginxModel } from "./model.ts";
import { isBound } from "./selection.ts";

/** Where a client on this machine connects to reach a listener. */
export type Reach =
  | { readonly kind: "reachable"; readonly address: string }
  | { readonly kind: "unreachable"; readonly reason: string };

/**
 * A listener's own address; for a wildcard the loopback address, or another local one where a more specific listener
 * has that: a specific address beats the wildcard.
 *
 * @param localAddresses without brackets, as `os.networkInterfaces` has them; empty where they are not known
 */
export function reach(
  model: NginxModel,
  listener: Listener,
  localAddresses: readonly string[],
): Reach {
  if (listener.address.startsWith("unix:")) {
    return { kind: "reachable", address: listener.address };
  }
  const { host, port } = splitAddress(boundAddress(listener.address));
  const local = normalised(localAddresses);
  if (host === "0.0.0.0" || host === "::") {
    const choices = wildcardChoices(listener, host, local);
    return throughWildcard(model, port, choices);
  }
  return throughOwn(host, port, local);
}

const normalisedLists = new WeakMap<readonly string[], readonly string[]>();

/** One list is asked about for every server block. */
function normalised(addresses: readonly string[]): readonly string[] {
  const known = normalisedLists.get(addresses);
  if (known !== undefined) return known;
  const list = addresses.map((address) => normaliseIp(address) ?? "");
  normalisedLists.set(addresses, list);
  return list;
}

function splitAddress(address: string): {
  readonly host: string;
  readonly port: number;
} {
  const colon = address.lastIndexOf(":");
  return {
    host: address.slice(0, colon).replace(/^\[(.*)\]$/, "$1"),
    port: Number(address.slice(colon + 1)),
  };
}

/** Addresses that the wildcard answers, loopback first; loopback alone where the local addresses are not known. */
function wildcardChoices(
  { dualStack }: Listener,
  host: "0.0.0.0" | "::",
  local: readonly string[],
): readonly string[] {
  const known = local.length > 0 ? local : ["127.0.0.1", "::1"];
  const ipv4 = loopbackFirst("127.0.0.1", known.filter(isIpv4));
  if (host === "0.0.0.0") {
    return ipv4;
  }
  const ipv6 = loopbackFirst("::1", known.filter(isGlobalIpv6));
  return dualStack ? [...ipv6, ...ipv4] : ipv6;
}

function isIpv4(address: string): boolean {
  return !address.includes(":");
}

/** Link-local addresses need a zone, which `listen` does not know. */
function isGlobalIpv6(address: string): boolean {
  return address.includes(":") && !address.startsWith("fe80:");
}

function loopbackFirst(
  loopback: string,
  addresses: readonly string[],
): readonly string[] {
  return [...addresses].sort(
    (left, right) => Number(right === loopback) - Number(left === loopback),
  );
}

function throughWildcard(
  model: NginxModel,
  port: number,
  choices: readonly string[],
): Reach {
  const free = choices
    .map((choice) => formatIp(choice, port))
    .find((address) => !isBound(model, address));
  if (free !== undefined) {
    return { kind: "reachable", address: free };
  }
  const reason =
    choices.length > 0
      ? `every local address has a listener of its own at port ${port}`
      : "this machine has no address of that family";
  return { kind: "unreachable", reason };
}

function throughOwn(
  host: string,
  port: number,
  local: readonly string[],
): Reach {
  if (normaliseIp(host) === null) {
    return {
      kind: "unreachable",
      reason: `only Nginx knows which addresses ${host} stands for`,
    };
  }
  const isLocal =
    local.length === 0 || local.includes(host) || host.startsWith("127.");
  return isLocal
    ? { kind: "reachable", address: formatIp(host, port) }
    : {
        kind: "unreachable",
        reason: `${host} is not an address of this machine`,
      };
}

function formatIp(ip: string, port: number): string {
  return formatAddress(ip.includes(":") ? `[${ip}]` : ip, port);
}
