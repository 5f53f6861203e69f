/**
 * Where a listener inside a container answers from here: at its networks' addresses where these can be reached, else at
 * the ports that it publishes, else where the configuration says.
 */
import { normaliseIp } from "../nginx/address.ts";
import type { Container, PublishedPort } from "./container.ts";

/** How livecert's own network lies to the container's. */
export interface Neighbourhood {
  /** Both are in one network namespace (host networking, a pod), so that addresses mean the same. */
  readonly isShared: boolean;
  /** We are in the network namespace in which the engine publishes ports. */
  readonly seesPublished: boolean;
  /** Whether one of our interfaces is in the network of this address. */
  isRouted(address: string): boolean;
  /** By address or port inside: `443`, `172.18.0.2:443`, `[::]:443`. */
  readonly given: Readonly<Record<string, string>>;
}

export type ContainerReach =
  | {
      readonly kind: "reachable";
      readonly address: string;
      readonly way: "given" | "same" | "direct" | "published";
    }
  | { readonly kind: "unreachable"; readonly reason: string };

/** @param address where a client inside would connect: `172.18.0.2:443`, `127.0.0.1:443`, `[::1]:443` */
export function reachListener(
  address: string,
  container: Pick<Container, "name" | "addresses" | "published">,
  near: Neighbourhood,
): ContainerReach {
  const { host, port } = splitAddress(address);
  const given = givenFor(address, port, near.given);
  if (given !== null) return reachable(given, "given");
  if (near.isShared) return reachable(address, "same");
  if (isOwn(host, container) && near.isRouted(host))
    return reachable(address, "direct");
  if (isLoopback(host) && container.addresses.length > 0)
    return {
      kind: "unreachable",
      reason: `${address} can be reached only inside ${container.name}`,
    };
  const binding = choosePublished(port, container.published);
  if (binding !== null && near.seesPublished)
    return reachable(formatBinding(binding), "published");
  return {
    kind: "unreachable",
    reason:
      binding === null
        ? `port ${port} of ${container.name} is not published, and its networks cannot be reached from here (name an address below addresses in its target)`
        : `port ${port} of ${container.name} is published at ${formatBinding(binding)} of the engine's machine, which cannot be reached from livecert's container (join one of its networks)`,
  };
}

function reachable(
  address: string,
  way: Extract<ContainerReach, { kind: "reachable" }>["way"],
): ContainerReach {
  return { kind: "reachable", address, way };
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

/** An address without a port keeps the listener's own. */
function givenFor(
  address: string,
  port: number,
  given: Neighbourhood["given"],
): string | null {
  const found = given[address] ?? given[`*:${port}`] ?? given[String(port)];
  if (found === undefined) return null;
  if (/^\d+$/.test(found)) return `127.0.0.1:${found}`;
  const ip = normaliseIp(found);
  if (ip !== null)
    return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
  return found;
}

function isOwn(host: string, { addresses }: Pick<Container, "addresses">) {
  return addresses.some((own) => normaliseIp(own) === normaliseIp(host));
}

function isLoopback(host: string): boolean {
  return host.startsWith("127.") || host === "::1";
}

/** On every address before on one; IPv4 before IPv6. */
function choosePublished(
  port: number,
  published: readonly PublishedPort[],
): PublishedPort | null {
  const own = published.filter(
    (one) => one.port === port && one.protocol === "tcp",
  );
  return [...own].sort((one, other) => rank(one) - rank(other))[0] ?? null;
}

type BindingKind = "every-ipv4" | "every-ipv6" | "one";

const byPreference: readonly BindingKind[] = [
  "every-ipv4",
  "every-ipv6",
  "one",
];

function rank({ hostAddress }: PublishedPort): number {
  return byPreference.indexOf(bindingKind(hostAddress));
}

function bindingKind(hostAddress: string): BindingKind {
  if (hostAddress === "0.0.0.0" || hostAddress === "") return "every-ipv4";
  return normaliseIp(hostAddress) === "::" ? "every-ipv6" : "one";
}

function formatBinding({ hostAddress, hostPort }: PublishedPort): string {
  switch (bindingKind(hostAddress)) {
    case "every-ipv4":
      return `127.0.0.1:${hostPort}`;
    case "every-ipv6":
      return `[::1]:${hostPort}`;
    case "one":
      return hostAddress.includes(":")
        ? `[${hostAddress}]:${hostPort}`
        : `${hostAddress}:${hostPort}`;
  }
}
