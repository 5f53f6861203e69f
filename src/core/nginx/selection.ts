import { boundAddress } from "./listeners.ts";
import type { NginxContext, NginxModel, ServerBlock } from "./model.ts";
import { buildNameTable, findByName } from "./name-table.ts";
import type { NameTable } from "./name-table.ts";
import { readSni } from "./names.ts";

/**
 * Which server block answers a TLS client, by Nginx's own rules (https://nginx.org/en/docs/http/server_names.html,
 * `ngx_http_ssl_servername`): exact name, longest leading wildcard, longest trailing wildcard, first regular
 * expression, default server of the address.
 */
export type Selection =
  /** The block whose certificate is handed over: where the named block has none, that is the default server. */
  | { readonly kind: "server"; readonly server: ServerBlock }
  /** `ssl_reject_handshake` of the block that was found. */
  | { readonly kind: "rejects"; readonly server: ServerBlock }
  /** The name depends on this block's regular expression, which JavaScript cannot read. */
  | { readonly kind: "uncertain"; readonly server: ServerBlock }
  /** Nothing listens there. */
  | { readonly kind: "none" };

export interface SelectionQuestion {
  readonly context: NginxContext;
  /** A `Listener.address`, or an address and port that a wildcard listener answers. */
  readonly address: string;
  /** null: no SNI. */
  readonly servername: string | null;
}

export function selectServer(
  model: NginxModel,
  { context, address, servername }: SelectionQuestion,
): Selection {
  const socket = socketAt(model, context, address);
  if (socket === null) {
    return { kind: "none" };
  }
  const name = readSni(servername);
  const match = name === null ? null : findByName(socket.names(), name);
  if (match?.kind === "uncertain") {
    return match;
  }
  const found = match?.server ?? socket.defaultServer;
  if (found.rejectsHandshake) {
    return { kind: "rejects", server: found };
  }
  const hasOwn = found.pairs.length > 0;
  return { kind: "server", server: hasOwn ? found : socket.defaultServer };
}

/** The blocks without a certificate of their own at an address: their names get the default server's. */
export function bareServersAt(
  model: NginxModel,
  context: NginxContext,
  address: string,
): readonly ServerBlock[] {
  return socketAt(model, context, address)?.bare ?? [];
}

/** Whether some block, of any context, binds exactly this address over TCP. */
export function isBound(model: NginxModel, address: string): boolean {
  return indexOf(model).bound.has(boundAddress(address));
}

export function serverById(
  model: NginxModel,
  id: string,
): ServerBlock | undefined {
  return indexOf(model).servers.get(id);
}

/** One bound address of one context, over TCP: QUIC has sockets and default servers of its own. */
interface Socket {
  readonly defaultServer: ServerBlock;
  readonly bare: readonly ServerBlock[];
  readonly dualStack: boolean;
  /** Built when first asked for. */
  readonly names: () => NameTable;
}

interface ModelIndex {
  readonly sockets: ReadonlyMap<string, Socket>;
  readonly bound: ReadonlySet<string>;
  readonly servers: ReadonlyMap<string, ServerBlock>;
}

/** Models never change, and each is asked once for every name. */
const indexes = new WeakMap<NginxModel, ModelIndex>();

function indexOf(model: NginxModel): ModelIndex {
  const known = indexes.get(model);
  if (known !== undefined) {
    return known;
  }
  const index = buildIndex(model);
  indexes.set(model, index);
  return index;
}

function buildIndex(model: NginxModel): ModelIndex {
  const groups = groupBySocket(model.servers);
  const sockets = [...groups].map(
    ([key, group]) => [key, openSocket(group, model.hostname)] as const,
  );
  return {
    sockets: new Map(sockets),
    bound: new Set([...groups.values()].map(({ address }) => address)),
    servers: new Map(model.servers.map((server) => [server.id, server])),
  };
}

interface SocketGroup {
  readonly address: string;
  /** Each block once, in the order of the configuration. */
  readonly servers: Set<ServerBlock>;
  defaultServer: ServerBlock;
  readonly dualStack: boolean;
}

function groupBySocket(
  servers: readonly ServerBlock[],
): ReadonlyMap<string, SocketGroup> {
  const groups = new Map<string, SocketGroup>();
  for (const server of servers) {
    for (const listener of server.listeners.filter(({ quic }) => !quic)) {
      const address = boundAddress(listener.address);
      const key = socketKey(server.context, address);
      const group = groups.get(key) ?? {
        address,
        servers: new Set(),
        defaultServer: server,
        dualStack: listener.dualStack,
      };
      group.servers.add(server);
      group.defaultServer = listener.default ? server : group.defaultServer;
      groups.set(key, group);
    }
  }
  return groups;
}

function openSocket(
  { servers, defaultServer, dualStack }: SocketGroup,
  hostname: string,
): Socket {
  let table: NameTable | null = null;
  return {
    defaultServer,
    dualStack,
    bare: [...servers].filter(({ pairs }) => pairs.length === 0),
    names: () => (table ??= buildNameTable(selectable(servers), hostname)),
  };
}

/** Mail knows no SNI: the one block of an address answers. */
function selectable(servers: ReadonlySet<ServerBlock>): readonly ServerBlock[] {
  return [...servers].filter(({ context }) => context !== "mail");
}

function socketKey(context: NginxContext, address: string): string {
  return `${context} ${address}`;
}

/** The socket that takes a connection to the address: its own, else the wildcard's of its family. */
function socketAt(
  model: NginxModel,
  context: NginxContext,
  address: string,
): Socket | null {
  const { sockets } = indexOf(model);
  const find = (bound: string) => sockets.get(socketKey(context, bound));
  const own = find(boundAddress(address));
  if (own !== undefined || address.startsWith("unix:")) {
    return own ?? null;
  }
  const port = address.slice(address.lastIndexOf(":"));
  const overIpv6 = find(`[::]${port}`);
  if (address.startsWith("[")) {
    return overIpv6 ?? null;
  }
  return find(`0.0.0.0${port}`) ?? (overIpv6?.dualStack ? overIpv6 : null);
}
