/**
 * A probe: one real handshake at one listener, which tells what a client is handed there. It looks and does not judge, makes
 * a new connection without any session, and ends within its limits whatever the other side does.
 */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import {
  connect as connectTls,
  type ConnectionOptions,
  type TLSSocket,
} from "node:tls";
import type { Bundle } from "../../core/certificate/certificate.ts";
import type { ProbePoint } from "../../core/nginx/model.ts";
import type { ConnectionEnds } from "../../ports.ts";
import { observedBundle } from "./bundle.ts";
import { lookingContext } from "./context.ts";
import { opensslReason } from "./openssl-error.ts";

export interface ProbeOptions {
  readonly connectMs: number;
  /** From the connection to the end of the handshake. */
  readonly handshakeMs: number;
  readonly signal: AbortSignal;
  /** Awaited before the connection is closed, so that the socket's owner can be looked up. */
  readonly whileOpen?: (
    bundle: Bundle,
    ends: ConnectionEnds | null,
  ) => Promise<void>;
}

export type Observation =
  | {
      readonly kind: "served";
      readonly bundle: Bundle;
      readonly ends: ConnectionEnds | null;
    }
  /** The server speaks TLS and answered with an alert: it refuses this handshake. */
  | {
      readonly kind: "refused";
      readonly code: string;
      readonly message: string;
      readonly ends: ConnectionEnds | null;
    }
  /** No answer, or none in TLS. */
  | {
      readonly kind: "unreachable";
      readonly code: string;
      readonly message: string;
    };

export type ProbeTarget = Pick<
  ProbePoint,
  "address" | "servername" | "proxyProtocol" | "keyAlgorithm"
>;

/** What the first handshake would wait for: a context, and the pattern by which Node.js tells addresses from names. */
export function prepareToProbe(): void {
  lookingContext("anything");
  isIP("");
}

/** Never throws for anything that a server does. */
export async function probe(
  point: ProbeTarget,
  options: ProbeOptions,
): Promise<Observation> {
  if (options.signal.aborted) return aborted;
  const wishes: ConnectionOptions = {
    secureContext: lookingContext(point.keyAlgorithm ?? "anything"),
    rejectUnauthorized: false,
    ...sniOf(point),
  };
  return point.proxyProtocol
    ? probeBehindHeader(point, wishes, options)
    : probeAtOnce(point, wishes, options);
}

/** One socket for TCP and TLS: two take a tenth of a millisecond more. */
async function probeAtOnce(
  { address }: ProbeTarget,
  wishes: ConnectionOptions,
  options: ProbeOptions,
): Promise<Observation> {
  const client = connectTls({ ...placeOf(address), ...wishes });
  // The handshake begins within the event that tells of the connection, and may fail in it.
  const early: Error[] = [];
  client.on("error", (error: Error) => early.push(error));
  try {
    const failure = await connected(client, options);
    if (failure !== null) return failure;
    const ends = endsOf(client);
    const [error] = early;
    return error === undefined
      ? await shakeHands(client, ends, options)
      : failed(error, ends);
  } finally {
    client.destroy();
  }
}

/** What comes before TLS is written to a socket of its own. */
async function probeBehindHeader(
  { address }: ProbeTarget,
  wishes: ConnectionOptions,
  options: ProbeOptions,
): Promise<Observation> {
  const socket = connectTcp(placeOf(address));
  try {
    const failure = await connected(socket, options);
    if (failure !== null) return failure;
    socket.write("PROXY UNKNOWN\r\n");
    const client = connectTls({ ...wishes, socket });
    return await shakeHands(client, endsOf(socket), options);
  } finally {
    socket.destroy();
  }
}

const aborted: Observation = {
  kind: "unreachable",
  code: "aborted",
  message: "the run was stopped",
};

/** `127.0.0.1:443`, `[::1]:443` or `unix:/path`. */
function placeOf(
  address: string,
):
  { readonly path: string } | { readonly host: string; readonly port: number } {
  if (address.startsWith("unix:")) return { path: address.slice(5) };
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(address.slice(colon + 1)) };
}

/** null: connected. */
function connected(
  socket: Socket,
  { connectMs, signal }: ProbeOptions,
): Promise<Observation | null> {
  return withLimit(
    { limitMs: connectMs, signal, late: timedOut("connect", connectMs) },
    (resolve) => {
      socket.once("connect", () => resolve(null));
      socket.on("error", (error) => resolve(unreachable(error)));
    },
  );
}

async function shakeHands(
  client: TLSSocket,
  ends: ConnectionEnds | null,
  { handshakeMs, signal, whileOpen }: ProbeOptions,
): Promise<Observation> {
  try {
    const observation = await withLimit<Observation>(
      {
        limitMs: handshakeMs,
        signal,
        late: timedOut("handshake", handshakeMs),
      },
      (resolve) => {
        client.once("secureConnect", () => resolve(served(client, ends)));
        client.on("error", (error: Error) => resolve(failed(error, ends)));
        client.once("close", () => resolve(closed));
      },
    );
    if (observation.kind === "served")
      await whileOpen?.(observation.bundle, ends);
    return observation;
  } finally {
    client.destroy();
  }
}

/** RFC 6066 has no place for addresses in SNI. */
function sniOf({ servername }: ProbeTarget): { servername?: string } {
  const name = (servername ?? "").replace(/\.$/, "");
  return name === "" || isIP(name) !== 0 ? {} : { servername: name };
}

function endsOf(socket: Socket): ConnectionEnds | null {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  return localAddress === undefined ||
    localPort === undefined ||
    remoteAddress === undefined ||
    remotePort === undefined
    ? null
    : { localAddress, localPort, remoteAddress, remotePort };
}

function served(client: TLSSocket, ends: ConnectionEnds | null): Observation {
  const bundle = observedBundle(client);
  return bundle === null
    ? {
        kind: "unreachable",
        code: "no-certificate",
        message: "no readable certificate was shown",
      }
    : { kind: "served", bundle, ends };
}

/** OpenSSL names what the other side's alerts said after the protocol that brought them (`SSL/TLS` from 3.4 on). */
const alertCode = /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13|SSL\/TLS)_/;

function failed(error: Error, ends: ConnectionEnds | null): Observation {
  const { code = "" } = error as NodeJS.ErrnoException;
  if (!alertCode.test(code)) return unreachable(error);
  const words = opensslReason(error).replace(/^\S+ (?:alert )?/, "");
  return {
    kind: "refused",
    code,
    message: `the handshake was refused: ${words}`,
    ends,
  };
}

const closed: Observation = {
  kind: "unreachable",
  code: "closed",
  message: "the connection was closed during the handshake",
};

const connectionFailures: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: closed.message,
  EPIPE: closed.message,
  EHOSTUNREACH: "no route to this address",
  ENETUNREACH: "no route to this address",
  EADDRNOTAVAIL: "the address is not one of this machine's",
  ETIMEDOUT: "no answer",
  ENOENT: "there is no such socket",
  EACCES: "permission denied",
  ENOTSOCK: "this is no socket",
};

function unreachable(error: Error): Observation {
  const { code = "unknown" } = error as NodeJS.ErrnoException;
  const known = connectionFailures[code];
  if (known !== undefined) return { kind: "unreachable", code, message: known };
  return code.startsWith("ERR_SSL_")
    ? {
        kind: "unreachable",
        code,
        message: `the answer is not TLS, or damaged: ${opensslReason(error)}`,
      }
    : { kind: "unreachable", code, message: error.message };
}

function timedOut(step: "connect" | "handshake", limitMs: number): Observation {
  const what = step === "connect" ? "connection" : "end of the handshake";
  return {
    kind: "unreachable",
    code: `${step}-timeout`,
    message: `no ${what} within ${limitMs / 1000} s`,
  };
}

/** Settles with what `start` resolves, with `late` at the limit, or when the run is stopped. */
async function withLimit<Result>(
  limit: {
    readonly limitMs: number;
    readonly signal: AbortSignal;
    readonly late: Observation;
  },
  start: (resolve: (result: Result | Observation) => void) => void,
): Promise<Result | Observation> {
  let timer: NodeJS.Timeout | undefined;
  let stop: (() => void) | undefined;
  try {
    return await new Promise<Result | Observation>((resolve) => {
      timer = setTimeout(() => resolve(limit.late), limit.limitMs);
      stop = () => resolve(aborted);
      limit.signal.addEventListener("abort", stop, { once: true });
      start(resolve);
    });
  } finally {
    clearTimeout(timer);
    if (stop !== undefined) limit.signal.removeEventListener("abort", stop);
  }
}
