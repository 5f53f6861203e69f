/** Documents as engines answer them to `GET /containers/ID/json`, cut down to what is asked of them, with what they vary in. */
export interface InspectOptions {
  readonly name?: string;
  readonly status?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly networkMode?: string;
  readonly networks?: Readonly<Record<string, object>>;
  readonly ports?: Readonly<Record<string, unknown>>;
  readonly mounts?: readonly object[];
}

export function inspectDocument(options: InspectOptions = {}): object {
  const { status = "running" } = options;
  return {
    Id: "5f".repeat(32),
    Name: `/${options.name ?? "web"}`,
    State: {
      Status: status,
      Running: status === "running" || status === "paused",
      Paused: status === "paused",
      Pid: status === "running" || status === "paused" ? 4711 : 0,
      StartedAt: "2026-11-23T10:00:00.123456789Z",
    },
    Config: {
      Image: "nginx:1.27",
      Tty: false,
      Labels: options.labels ?? {},
    },
    HostConfig: { NetworkMode: options.networkMode ?? "default" },
    NetworkSettings: {
      Ports: options.ports ?? {},
      Networks: options.networks ?? {},
    },
    Mounts: options.mounts ?? [],
  };
}

/** `docker run -p …` on the default bridge: the address stands beside the networks as well. */
export const bridge = inspectDocument({
  networks: {
    bridge: {
      IPAddress: "172.17.0.2",
      GlobalIPv6Address: "",
      Gateway: "172.17.0.1",
    },
  },
  ports: {
    "443/tcp": [
      { HostIp: "0.0.0.0", HostPort: "8443" },
      { HostIp: "::", HostPort: "8443" },
    ],
    "443/udp": [{ HostIp: "0.0.0.0", HostPort: "8443" }],
    "80/tcp": null,
  },
});

/** `network_mode: host`. */
export const host = inspectDocument({
  networkMode: "host",
  networks: { host: { IPAddress: "", GlobalIPv6Address: "" } },
});

/** A compose service in two networks, one of them with IPv6, published on single addresses and a range. */
export const compose = inspectDocument({
  name: "shop-web-1",
  labels: {
    "com.docker.compose.project": "shop",
    "com.docker.compose.service": "web",
    "livecert.enable": "true",
  },
  networkMode: "shop_front",
  networks: {
    shop_front: {
      IPAddress: "172.18.0.3",
      GlobalIPv6Address: "fd00:18::3",
    },
    shop_back: { IPAddress: "172.19.0.3", GlobalIPv6Address: "" },
  },
  ports: {
    "443/tcp": [
      { HostIp: "192.0.2.7", HostPort: "443" },
      { HostIp: "2001:db8::7", HostPort: "443" },
    ],
    "8443/tcp": [{ HostIp: "127.0.0.1", HostPort: "18443" }],
    "8444/tcp": [{ HostIp: "127.0.0.1", HostPort: "18444" }],
    "8445/tcp": [{ HostIp: "127.0.0.1", HostPort: "18445" }],
  },
  mounts: [
    {
      Type: "volume",
      Name: "shop_certs",
      Source: "/var/lib/docker/volumes/shop_certs/_data",
      Destination: "/etc/letsencrypt",
      Driver: "local",
      RW: false,
    },
    {
      Type: "bind",
      Source: "/srv/shop/nginx",
      Destination: "/etc/nginx/conf.d/",
      RW: true,
    },
    {
      Type: "bind",
      Source: "/etc/letsencrypt/live/b.test/fullchain.pem",
      Destination: "/etc/nginx/b.pem",
      RW: true,
    },
    { Type: "tmpfs", Source: "", Destination: "/run", RW: true },
  ],
});

/** Rootless Podman: its own network has no address that anybody else could know; no host address is written. */
export const rootlessPodman = inspectDocument({
  networkMode: "slirp4netns",
  ports: { "443/tcp": [{ HostIp: "", HostPort: "8443" }] },
  mounts: [
    {
      Type: "volume",
      Name: "certs",
      Source: "/home/me/.local/share/containers/storage/volumes/certs/_data",
      Destination: "/certs",
    },
  ],
});

/** A container of a pod: it has the network of another one. */
export const joined = inspectDocument({
  networkMode: `container:${"ab".repeat(32)}`,
});
