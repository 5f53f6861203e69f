import { describe, expect, it } from "vitest";
import {
  reachListener,
  type Neighbourhood,
} from "../../../src/core/containers/addresses.ts";
import { readContainer } from "../../../src/core/containers/container.ts";
import {
  bridge,
  compose,
  host,
  inspectDocument,
  rootlessPodman,
} from "./documents.ts";

/** On the engine's machine, with an interface in the container's networks. */
const onMachine: Neighbourhood = {
  isShared: false,
  seesPublished: true,
  isRouted: () => true,
  given: {},
};
/** The container's networks are a user's own. */
const apart: Neighbourhood = { ...onMachine, isRouted: () => false };
/** In a container that shares none of its networks. */
const elsewhere: Neighbourhood = { ...apart, seesPublished: false };

function reach(
  address: string,
  document: object,
  near: Neighbourhood,
): string | null {
  const container = readContainer(document);
  if (container === null) throw new Error("no container's document");
  const reached = reachListener(address, container, near);
  return reached.kind === "reachable"
    ? `${reached.way} ${reached.address}`
    : null;
}

describe("reachListener", () => {
  it.each([
    ["172.17.0.2:443", bridge, onMachine, "direct 172.17.0.2:443"],
    ["[fd00:18::3]:443", compose, onMachine, "direct [fd00:18::3]:443"],
    ["172.17.0.2:443", bridge, apart, "published 127.0.0.1:8443"],
    ["172.17.0.2:80", bridge, apart, null],
    ["172.17.0.2:443", bridge, elsewhere, null],
    ["127.0.0.1:443", bridge, onMachine, null],
    ["[::1]:443", bridge, onMachine, null],
    ["172.18.0.3:443", compose, apart, "published 192.0.2.7:443"],
    ["172.18.0.3:8444", compose, apart, "published 127.0.0.1:18444"],
    ["172.18.0.3:8446", compose, apart, null],
    [
      "127.0.0.1:443",
      host,
      { ...onMachine, isShared: true },
      "same 127.0.0.1:443",
    ],
    ["127.0.0.1:443", rootlessPodman, apart, "published 127.0.0.1:8443"],
    [
      "172.17.0.2:443",
      inspectDocument({
        networks: { b: { IPAddress: "172.17.0.2" } },
        ports: { "443/tcp": [{ HostIp: "::", HostPort: "8443" }] },
      }),
      apart,
      "published [::1]:8443",
    ],
    [
      "172.17.0.2:443",
      inspectDocument({
        networks: { b: { IPAddress: "172.17.0.2" } },
        ports: { "443/tcp": [{ HostIp: "2001:db8::7", HostPort: "444" }] },
      }),
      apart,
      "published [2001:db8::7]:444",
    ],
    [
      "172.17.0.2:443",
      inspectDocument({
        networks: { b: { IPAddress: "172.17.0.2" } },
        ports: { "443/udp": [{ HostIp: "0.0.0.0", HostPort: "8443" }] },
      }),
      apart,
      null,
    ],
  ])(
    "reaches %s as the engine says (row %#)",
    (address, document, near, expected) => {
      expect(reach(address, document, near)).toBe(expected);
    },
  );

  it.each([
    [{ 443: "9443" }, "given 127.0.0.1:9443"],
    [{ "*:443": "192.0.2.9" }, "given 192.0.2.9:443"],
    [{ "172.17.0.2:443": "[2001:db8::9]:444" }, "given [2001:db8::9]:444"],
    [{ 443: "2001:db8::9" }, "given [2001:db8::9]:443"],
    [{ 444: "9443" }, "direct 172.17.0.2:443"],
  ])("obeys what the configuration says (%j)", (given, expected) => {
    expect(reach("172.17.0.2:443", bridge, { ...onMachine, given })).toBe(
      expected,
    );
  });

  it("says in the user's terms why a port cannot be reached", () => {
    const container = readContainer(bridge);
    if (container === null) throw new Error("no container's document");
    const reasons = [
      reachListener("172.17.0.2:80", container, apart),
      reachListener("172.17.0.2:443", container, elsewhere),
      reachListener("127.0.0.1:443", container, onMachine),
    ].map((reached) => (reached.kind === "unreachable" ? reached.reason : ""));
    expect(reasons).toEqual([
      "port 80 of web is not published, and its networks cannot be reached from here (name an address below addresses in its target)",
      "port 443 of web is published at 127.0.0.1:8443 of the engine's machine, which cannot be reached from livecert's container (join one of its networks)",
      "127.0.0.1:443 can be reached only inside web",
    ]);
  });
});
