/** Where livecert itself stands: on the engine's machine, or in a container of that engine. */
import { readFileSync } from "node:fs";
import { BlockList, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import type { Container } from "../../core/containers/container.ts";
import type { Engine } from "./engine.ts";

/** Our own container as the engine tells of it; null: we run in none of its containers. */
export async function ownContainer(
  engine: Engine,
  signal: AbortSignal,
): Promise<Container | null> {
  const id = ownId(readMountTable());
  if (id === null) return null;
  const answer = await engine.inspect(id, signal);
  return answer.kind === "ok" ? answer.value : null;
}

/**
 * Engines mount a file of their own, in a directory that has the container's id, over `/etc/hostname`; a machine has no
 * mount there.
 */
export function ownId(mountinfo: string): string | null {
  const pattern =
    /^\d+ \d+ \S+ \S*containers\/([0-9a-f]{64})\/\S* \/etc\/hostname /m;
  return pattern.exec(mountinfo)?.[1] ?? null;
}

function readMountTable(): string {
  try {
    return readFileSync("/proc/self/mountinfo", "utf8");
  } catch {
    return "";
  }
}

/** Answers whether an address lies in the network of one of our interfaces. */
export function neighbouringNetworks(): (address: string) => boolean {
  const networks = new BlockList();
  for (const { address, cidr, family } of interfaces()) {
    const bits = Number(cidr?.split("/")[1] ?? Number.NaN);
    if (!Number.isNaN(bits))
      networks.addSubnet(address, bits, family === "IPv6" ? "ipv6" : "ipv4");
  }
  return (address) =>
    networks.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

function interfaces() {
  try {
    return Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  } catch {
    // A sandbox without netlink.
    return [];
  }
}
