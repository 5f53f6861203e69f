/**
 * Addresses as `listen` takes them and as Nginx binds them (`ngx_parse_url`): `443`, `*:443`, `192.0.2.1`, `[::1]:443`,
 * `8443-8445`, `unix:/path`, a host name.
 */
export interface BindAddress {
  readonly kind: "ipv4" | "ipv6" | "unix" | "name";
  /** `0.0.0.0`, `[::]`, a host name in lower case, or the path of a unix socket. */
  readonly host: string;
  /** null for unix sockets. */
  readonly ports: { readonly first: number; readonly last: number } | null;
}

/**
 * @param defaultPort null: a port must be given (stream and mail)
 * @returns null where Nginx would refuse the value
 */
export function parseListenAddress(
  value: string,
  defaultPort: number | null,
): BindAddress | null {
  if (/^unix:/i.test(value)) {
    return { kind: "unix", host: value.slice("unix:".length), ports: null };
  }
  if (/^[\d-]+$/.test(value)) {
    const ports = parsePorts(value);
    return ports === null ? null : { kind: "ipv4", host: "0.0.0.0", ports };
  }
  const [, bracketed, plain, port] =
    /^(?:\[([^\]]*)\]|([^:/?[\]]+))(?::([^:]+))?$/.exec(value) ?? [];
  const ports = port === undefined ? samePort(defaultPort) : parsePorts(port);
  const host = parseHost(bracketed, plain);
  return ports === null || host === null ? null : { ...host, ports };
}

/** One bound address, as in `Listener.address`. */
export function formatAddress(host: string, port: number): string {
  return `${host}:${port}`;
}

/** The form in which addresses are compared; a host name and a unix path as they are. */
export function normaliseIp(address: string): string | null {
  return normaliseIpv4(address) ?? normaliseIpv6(address);
}

/** With or without the brackets of a URL. */
export function isIpAddress(text: string): boolean {
  const looksAlike = /^[\d.]+$|:/.test(text);
  return looksAlike && normaliseIp(text.replace(/^\[(.*)\]$/, "$1")) !== null;
}

function samePort(port: number | null): BindAddress["ports"] {
  return port === null ? null : { first: port, last: port };
}

function parsePorts(text: string): BindAddress["ports"] {
  const [, from, to] = /^0*(\d{1,5})(?:-0*(\d{1,5}))?$/.exec(text) ?? [];
  const first = Number(from);
  const last = to === undefined ? first : Number(to);
  return first >= 1 && last >= first && last <= 65_535 ? { first, last } : null;
}

function parseHost(
  bracketed: string | undefined,
  plain: string | undefined,
): Pick<BindAddress, "kind" | "host"> | null {
  if (bracketed !== undefined) {
    const address = normaliseIpv6(bracketed);
    return address === null ? null : { kind: "ipv6", host: `[${address}]` };
  }
  if (plain === undefined) {
    return null;
  }
  if (plain === "*") {
    return { kind: "ipv4", host: "0.0.0.0" };
  }
  const address = normaliseIpv4(plain);
  return address === null
    ? { kind: "name", host: plain.toLowerCase() }
    : { kind: "ipv4", host: address };
}

function normaliseIpv4(text: string): string | null {
  const parts = text.split(".");
  const numbers = parts.map((part) =>
    /^\d+$/.test(part) ? Number(part) : Number.NaN,
  );
  return numbers.length === 4 && numbers.every((number) => number <= 255)
    ? numbers.join(".")
    : null;
}

/** RFC 5952; an address that maps IPv4 ends in dots, as glibc and Nginx print it. */
function normaliseIpv6(text: string): string | null {
  const groups = ipv6Groups(text);
  if (groups === null) {
    return null;
  }
  const [high = 0, low = 0] = groups.slice(6);
  if (
    groups.slice(0, 5).every((group) => group === 0) &&
    groups[5] === 0xffff
  ) {
    return `::ffff:${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  }
  const written = groups.map((group) => group.toString(16)).join(":");
  return shortenZeros(written);
}

/** Eight numbers, or null. */
function ipv6Groups(text: string): readonly number[] | null {
  const [head = "", tail, ...more] = withHexTail(text).split("::");
  if (more.length > 0) {
    return null;
  }
  const before = hexGroups(head);
  const after = tail === undefined ? [] : hexGroups(tail);
  const missing = 8 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) {
    return null;
  }
  const groups = [...before, ...Array<number>(missing).fill(0), ...after];
  return groups.some(Number.isNaN) ? null : groups;
}

function hexGroups(text: string): readonly number[] {
  return text === ""
    ? []
    : text
        .split(":")
        .map((group) =>
          /^[0-9a-f]{1,4}$/i.test(group) ? parseInt(group, 16) : Number.NaN,
        );
}

/** `::ffff:192.0.2.1` as `::ffff:c000:201`. */
function withHexTail(text: string): string {
  const dotted = /[^:]*\.[^:]*$/.exec(text)?.[0];
  if (dotted === undefined) {
    return text;
  }
  const [a = 0, b = 0, c = 0, d = 0] =
    normaliseIpv4(dotted)?.split(".").map(Number) ?? [];
  const hex =
    normaliseIpv4(dotted) === null ? "x" : pair(a, b) + ":" + pair(c, d);
  return text.slice(0, -dotted.length) + hex;
}

function pair(high: number, low: number): string {
  return (high * 256 + low).toString(16);
}

/** The longest run of two or more zero groups, the first of equals, becomes `::`. */
function shortenZeros(written: string): string {
  const runs = written.match(/(?<![^:])0(?::0)+(?![^:])/g) ?? [];
  const longest = runs.reduce(
    (best, run) => (run.length > best.length ? run : best),
    "",
  );
  if (longest === "") {
    return written;
  }
  const start =
    new RegExp(`(?<![^:])${longest}(?![^:])`).exec(written)?.index ?? 0;
  const before = written.slice(0, start).replace(/:$/, "");
  const after = written.slice(start + longest.length).replace(/^:/, "");
  return `${before}::${after}`;
}
