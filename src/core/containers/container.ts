/**
 * What an engine tells of a container, as far as livecert asks: the document of `GET /containers/ID/json`, which Docker and
 * Podman's compatible API agree on. Read leniently: what is missing or of another kind is taken as not given.
 * Source: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerInspect
 */
export interface Container {
  readonly id: string;
  /** Without the slash that the engine puts before it. */
  readonly name: string;
  /** As it was asked for, e.g. `nginx:1.27`. */
  readonly image: string;
  /** `running`, `paused`, `restarting`, `created`, `exited`, `dead`, `removing`, … */
  readonly status: string;
  /** Of its first process as the engine's machine counts; null: it does not run. */
  readonly pid: number | null;
  /** ISO 8601; null where it never ran. */
  readonly startedAt: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** `bridge`, `host`, `none`, `container:ID`, `slirp4netns`, or the name of a network. */
  readonly networkMode: string;
  readonly networks: readonly string[];
  /** Of its networks, IPv4 before IPv6; in their form for people. */
  readonly addresses: readonly string[];
  readonly published: readonly PublishedPort[];
  readonly mounts: readonly ContainerMount[];
  /** Its output is a terminal's: one stream that is not split into frames. */
  readonly hasTerminal: boolean;
}

export interface PublishedPort {
  readonly port: number;
  readonly protocol: string;
  /** `0.0.0.0`, `::` or one address of the machine. */
  readonly hostAddress: string;
  readonly hostPort: number;
}

export interface ContainerMount {
  readonly kind: "bind" | "volume" | "other";
  /** Of a volume. */
  readonly name: string | null;
  /** On the engine's machine; null: it lies nowhere there (tmpfs). */
  readonly source: string | null;
  readonly destination: string;
}

/**
 * null: this is no container's document. Its id becomes part of requests and its name of paths, so both are what engines
 * make of them, whoever answers.
 */
export function readContainer(document: unknown): Container | null {
  const id = textAt(document, "Id");
  if (id === null || !/^[0-9a-f]{12,64}$/.test(id)) return null;
  const name = (textAt(document, "Name") ?? id.slice(0, 12)).replace(/^\//, "");
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name)) return null;
  const state = valueAt(document, "State");
  const configuration = valueAt(document, "Config");
  const network = valueAt(document, "NetworkSettings");
  const pid = valueAt(state, "Pid");
  const startedAt = textAt(state, "StartedAt");
  const networks = recordAt(network, "Networks");
  return {
    id,
    name,
    image: textAt(configuration, "Image") ?? "",
    status: textAt(state, "Status") ?? "unknown",
    pid: typeof pid === "number" && pid > 0 ? pid : null,
    startedAt: startedAt?.startsWith("0001-") === true ? null : startedAt,
    labels: textsAt(configuration, "Labels"),
    networkMode:
      textAt(valueAt(document, "HostConfig"), "NetworkMode") ?? "default",
    networks: Object.keys(networks),
    addresses: readAddresses(network, networks),
    published: readPorts(recordAt(network, "Ports")),
    mounts: listAt(document, "Mounts").flatMap(readMount),
    hasTerminal: valueAt(configuration, "Tty") === true,
  };
}

/**
 * Whether this is the container that is called so. Engines also answer to the shortest beginning of an id: a container
 * `db` that has gone would be any whose id begins with these letters.
 */
export function isCalled(
  { id, name }: Pick<Container, "id" | "name">,
  reference: string,
): boolean {
  return (
    name === reference.replace(/^\//, "") ||
    (reference.length >= 12 && id.startsWith(reference))
  );
}

/** A container that joined another's network answers at the other's addresses and ports. */
export function joinedContainer({ networkMode }: Container): string | null {
  return /^container:(.+)$/.exec(networkMode)?.[1] ?? null;
}

export function withNetworkOf(
  container: Container,
  { networkMode, networks, addresses, published }: Container,
): Container {
  return { ...container, networkMode, networks, addresses, published };
}

export const projectLabel = "com.docker.compose.project";
export const serviceLabel = "com.docker.compose.service";

/** The compose service that it belongs to; Podman's compose sets the same labels. */
export function serviceOf(
  labels: Container["labels"],
): { readonly project: string | null; readonly service: string } | null {
  const service = labels[serviceLabel];
  if (service === undefined) return null;
  return { project: labels[projectLabel] ?? null, service };
}

/** As its user would call it: the service in its project, else the container. */
export function describeContainer({
  name,
  labels,
}: Pick<Container, "name" | "labels">): string {
  const of = serviceOf(labels);
  return of === null
    ? `the container ${name}`
    : `the container ${name} (service ${of.service}${of.project === null ? "" : ` of ${of.project}`})`;
}

/** As its user would call it: the volume by its name, a bind mount by its source. */
export function describeMount(mount: ContainerMount): string {
  return mount.kind === "volume" && mount.name !== null
    ? `the volume ${mount.name}`
    : `the mount of ${mount.source ?? "nothing"}`;
}

function readAddresses(
  network: unknown,
  networks: Readonly<Record<string, unknown>>,
): readonly string[] {
  const places = [...Object.values(networks), network];
  const found = ["IPAddress", "GlobalIPv6Address"].flatMap((field) =>
    places.map((place) => textAt(place, field) ?? ""),
  );
  return [...new Set(found)].filter((address) => address !== "");
}

/** `{ "443/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "8443" }], "80/tcp": null }`. */
function readPorts(
  ports: Readonly<Record<string, unknown>>,
): readonly PublishedPort[] {
  return Object.entries(ports).flatMap(([key, bindings]) => {
    const [, port, protocol = "tcp"] = /^(\d+)(?:\/(\w+))?$/.exec(key) ?? [];
    if (port === undefined || !Array.isArray(bindings)) return [];
    return bindings.flatMap((binding: unknown) => {
      const hostPort = Number(textAt(binding, "HostPort") ?? "0");
      if (!Number.isInteger(hostPort) || hostPort < 1) return [];
      const hostAddress = textAt(binding, "HostIp") ?? "0.0.0.0";
      return [{ port: Number(port), protocol, hostAddress, hostPort }];
    });
  });
}

function readMount(mount: unknown): readonly ContainerMount[] {
  const destination = textAt(mount, "Destination");
  if (destination?.startsWith("/") !== true) return [];
  const type = textAt(mount, "Type");
  const kind = type === "bind" || type === "volume" ? type : "other";
  const source = textAt(mount, "Source");
  return [
    {
      kind,
      name: kind === "volume" ? textAt(mount, "Name") : null,
      source: kind !== "other" && source?.startsWith("/") ? source : null,
      destination: withoutSlash(destination),
    },
  ];
}

function withoutSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, "") : path;
}

export function valueAt(document: unknown, key: string): unknown {
  if (typeof document !== "object" || document === null) return undefined;
  return Object.hasOwn(document, key) ? Reflect.get(document, key) : undefined;
}

/** null for what is empty too: engines write `""` for what there is not. */
export function textAt(document: unknown, key: string): string | null {
  const value = valueAt(document, key);
  return typeof value === "string" && value !== "" ? value : null;
}

function listAt(document: unknown, key: string): readonly unknown[] {
  const value = valueAt(document, key);
  return Array.isArray(value) ? value : [];
}

function recordAt(
  document: unknown,
  key: string,
): Readonly<Record<string, unknown>> {
  const value = valueAt(document, key);
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}

function textsAt(
  document: unknown,
  key: string,
): Readonly<Record<string, string>> {
  const texts = Object.entries(recordAt(document, key)).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return Object.fromEntries(texts);
}
