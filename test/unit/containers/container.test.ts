import { describe, expect, it } from "vitest";
import {
  describeContainer,
  describeMount,
  joinedContainer,
  readContainer,
  serviceOf,
  withNetworkOf,
  type Container,
} from "../../../src/core/containers/container.ts";
import {
  bridge,
  compose,
  host,
  inspectDocument,
  joined,
  rootlessPodman,
} from "./documents.ts";

function containerOf(document: object): Container {
  const container = readContainer(document);
  if (container === null) throw new Error("no container's document");
  return container;
}

const id = "ab".repeat(32);

describe("readContainer", () => {
  it("reads what livecert asks of a container", () => {
    expect(readContainer(bridge)).toEqual({
      id: "5f".repeat(32),
      name: "web",
      image: "nginx:1.27",
      status: "running",
      pid: 4711,
      startedAt: "2026-11-23T10:00:00.123456789Z",
      labels: {},
      networkMode: "default",
      networks: ["bridge"],
      addresses: ["172.17.0.2"],
      published: [
        {
          port: 443,
          protocol: "tcp",
          hostAddress: "0.0.0.0",
          hostPort: 8443,
        },
        { port: 443, protocol: "tcp", hostAddress: "::", hostPort: 8443 },
        {
          port: 443,
          protocol: "udp",
          hostAddress: "0.0.0.0",
          hostPort: 8443,
        },
      ],
      mounts: [],
      hasTerminal: false,
    });
  });

  it.each([
    ["the default bridge", bridge, ["172.17.0.2"]],
    ["host networking", host, []],
    ["compose, with IPv6", compose, ["172.18.0.3", "172.19.0.3", "fd00:18::3"]],
    ["rootless Podman", rootlessPodman, []],
  ])("finds the addresses of %s", (_, document, addresses) => {
    expect(containerOf(document).addresses).toEqual(addresses);
  });

  it("takes a port without an address as published on every one", () => {
    expect(containerOf(rootlessPodman).published).toEqual([
      { port: 443, protocol: "tcp", hostAddress: "0.0.0.0", hostPort: 8443 },
    ]);
  });

  it("tells volumes, bind mounts and what lies nowhere apart", () => {
    expect(
      containerOf(compose).mounts.map(({ kind, name, source, destination }) => [
        kind,
        name,
        source,
        destination,
      ]),
    ).toEqual([
      [
        "volume",
        "shop_certs",
        "/var/lib/docker/volumes/shop_certs/_data",
        "/etc/letsencrypt",
      ],
      ["bind", null, "/srv/shop/nginx", "/etc/nginx/conf.d"],
      [
        "bind",
        null,
        "/etc/letsencrypt/live/b.test/fullchain.pem",
        "/etc/nginx/b.pem",
      ],
      ["other", null, null, "/run"],
    ]);
  });

  it("has no pid for a container that does not run", () => {
    const stopped = containerOf(inspectDocument({ status: "exited" }));
    expect([stopped.status, stopped.pid]).toEqual(["exited", null]);
  });

  it.each([
    null,
    "web",
    [],
    {},
    { Id: 7 },
    { message: "No such container: web" },
    { Id: "../../x", Name: "/web" },
    { Id: id, Name: "/../../../etc" },
    { Id: id, Name: "/a/b" },
    { Id: id, Name: "/.." },
  ])("is null for %j", (document) => {
    expect(readContainer(document)).toBeNull();
  });

  it("takes what is of another kind as not given", () => {
    const hostile = {
      Id: id,
      Name: [],
      State: "running",
      Config: { Labels: { a: 1, b: "2" }, Tty: "yes" },
      NetworkSettings: {
        Ports: {
          "443/tcp": [{ HostPort: "99999999" }, { HostPort: "x" }, null],
          "no port": [{ HostPort: "1" }],
        },
        Networks: { a: null, b: { IPAddress: 7 } },
      },
      Mounts: [null, "x", { Destination: "relative" }, { Source: "/a" }],
    };
    expect(readContainer(hostile)).toMatchObject({
      name: "abababababab",
      status: "unknown",
      pid: null,
      labels: { b: "2" },
      addresses: [],
      mounts: [],
      hasTerminal: false,
    });
  });
});

describe("a container in a pod", () => {
  it("answers where the one answers whose network it joined", () => {
    const member = containerOf(joined);
    expect(joinedContainer(member)).toBe("ab".repeat(32));
    const reached = withNetworkOf(member, containerOf(bridge));
    expect([reached.addresses, reached.published.length]).toEqual([
      ["172.17.0.2"],
      3,
    ]);
    expect(joinedContainer(containerOf(bridge))).toBeNull();
  });
});

describe("the user's terms", () => {
  it("names a service with its project", () => {
    const { labels } = containerOf(compose);
    expect(serviceOf(labels)).toEqual({ project: "shop", service: "web" });
    expect(describeContainer(containerOf(compose))).toBe(
      "the container shop-web-1 (service web of shop)",
    );
    expect(describeContainer(containerOf(bridge))).toBe("the container web");
  });

  it("names a volume by its name and a bind mount by its source", () => {
    expect(containerOf(compose).mounts.map(describeMount)).toEqual([
      "the volume shop_certs",
      "the mount of /srv/shop/nginx",
      "the mount of /etc/letsencrypt/live/b.test/fullchain.pem",
      "the mount of nothing",
    ]);
  });
});
