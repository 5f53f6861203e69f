import { formatAddress, parseListenAddress } from "./address.ts";
import type { BindAddress } from "./address.ts";
import type { Level } from "./directives.ts";
import type { Listener, NginxContext } from "./model.ts";
import type { Directive, Problem } from "./parser.ts";

/** One address of a `listen`, before what the blocks on the same address say of it is put together. */
export interface Listening {
  readonly address: string;
  readonly ssl: boolean;
  readonly quic: boolean;
  readonly proxyProtocol: boolean;
  readonly defaultServer: boolean;
  readonly dualStack: boolean;
}

/** What `listen` directives of one block add up to. UDP without QUIC is left out: it never speaks TLS. */
export function readListenings(
  level: Level,
  context: NginxContext,
  problems: Problem[],
): readonly Listening[] {
  const listens = level.get("listen") ?? [];
  if (listens.length === 0 && context === "http") {
    return [readParameters("0.0.0.0:80", [])];
  }
  return listens
    .filter(({ args }) => !args.includes("udp"))
    .flatMap((listen) => readListen(listen, context, problems));
}

function readListen(
  { args: [value = "", ...parameters], file, line }: Directive,
  context: NginxContext,
  problems: Problem[],
): readonly Listening[] {
  const bind = parseListenAddress(value, context === "http" ? 80 : null);
  if (bind === null) {
    problems.push({ file, line, message: "an address cannot be understood" });
    return [];
  }
  return addressesOf(bind).map((address) =>
    readParameters(address, parameters),
  );
}

function addressesOf({ host, ports }: BindAddress): readonly string[] {
  if (ports === null) {
    return [`unix:${host}`];
  }
  return Array.from({ length: ports.last - ports.first + 1 }, (_, index) =>
    formatAddress(host, ports.first + index),
  );
}

function readParameters(
  address: string,
  parameters: readonly string[],
): Listening {
  return {
    address,
    ssl: parameters.includes("ssl"),
    quic: parameters.includes("quic"),
    proxyProtocol: parameters.includes("proxy_protocol"),
    // `default` is its name before 0.8.21; Nginx still takes it.
    defaultServer:
      parameters.includes("default_server") || parameters.includes("default"),
    dualStack: parameters.includes("ipv6only=off"),
  };
}

export interface ListeningBlock {
  readonly context: NginxContext;
  readonly listenings: readonly Listening[];
  /** `ssl on` (Nginx before 1.25.1). */
  readonly sslOn: boolean;
}

/**
 * Puts together what belongs to the address and not to the block: `ssl`, `proxy_protocol`, and which block is its
 * default server. `ssl on` counts where the default server has it (`ngx_http_init_connection`).
 *
 * @param blocks in the order of the configuration
 * @returns the listeners of each block, in the same order
 */
export function shareAddresses(
  blocks: readonly ListeningBlock[],
): readonly (readonly Listener[])[] {
  const sockets = new Map<string, Socket>();
  for (const [index, block] of blocks.entries()) {
    for (const listening of block.listenings) {
      const key = socketKey(block.context, listening);
      sockets.set(key, join(sockets.get(key), { index, block, listening }));
    }
  }
  return blocks.map(({ context, listenings }, index) =>
    listenings.map((listening) => {
      const { address, quic } = listening;
      const socket = sockets.get(socketKey(context, listening));
      return {
        address,
        quic,
        ssl: socket?.ssl === true || socket?.sslOn === true,
        proxyProtocol: socket?.proxyProtocol === true,
        dualStack: socket?.dualStack === true,
        default: socket?.defaultIndex === index,
      };
    }),
  );
}

interface Socket {
  readonly ssl: boolean;
  readonly proxyProtocol: boolean;
  readonly dualStack: boolean;
  readonly defaultIndex: number;
  readonly explicitDefault: boolean;
  readonly sslOn: boolean;
}

interface Joining {
  readonly index: number;
  readonly block: ListeningBlock;
  readonly listening: Listening;
}

function join(
  socket: Socket | undefined,
  { index, block, listening }: Joining,
): Socket {
  const becomesDefault =
    socket === undefined ||
    (listening.defaultServer && !socket.explicitDefault);
  return {
    ssl: listening.ssl || socket?.ssl === true,
    proxyProtocol: listening.proxyProtocol || socket?.proxyProtocol === true,
    dualStack: listening.dualStack || socket?.dualStack === true,
    defaultIndex: becomesDefault ? index : socket.defaultIndex,
    explicitDefault:
      listening.defaultServer || socket?.explicitDefault === true,
    sslOn: becomesDefault ? block.sslOn && !listening.quic : socket.sslOn,
  };
}

function socketKey(context: NginxContext, listening: Listening): string {
  return [
    context,
    listening.quic ? "quic" : "tcp",
    boundAddress(listening.address),
  ].join(" ");
}

/** Nginx resolves host names itself; `localhost` is the one whose address is known here. */
export function boundAddress(address: string): string {
  return address.replace(/^localhost:/, "127.0.0.1:");
}
