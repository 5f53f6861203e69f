/**
 * A small HTTP server for a few documents that are ready before they are asked for. It reads no request's body, changes
 * nothing, and bounds what a client can hold of it: connections, the time for a header, the time for everything.
 */
import { open } from "node:fs/promises";
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Endpoint } from "../../core/settings/endpoint.ts";
import { codeOf, makeDirectory } from "../store/files.ts";
import { isOwnHost } from "./host.ts";
import { openToGroup, removeLeftover } from "./socket.ts";

export interface Resource {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer | FileBody;
  /** With its quotes; null: the client keeps nothing of it. */
  readonly tag: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sent piece by piece, so that it is never in memory as a whole. */
export interface FileBody {
  /** Sent before the file. */
  readonly head: Buffer;
  readonly file: string;
}

/** null: there is nothing of that name. Must be quick, and never throw for what a client sends. */
export type Answer = (request: {
  /** Without the query. */
  readonly path: string;
  readonly accept: string;
}) => Promise<Resource | null>;

export type Opening =
  | { readonly kind: "open"; readonly serving: Serving }
  | { readonly kind: "refused"; readonly reason: string };

export interface Serving extends AsyncDisposable {
  /** Where it really answers: with the port that the kernel chose. */
  readonly endpoint: Endpoint;
}

const limits = {
  connections: 256,
  headerBytes: 8_192,
  headerMs: 5_000,
  requestMs: 10_000,
  /** How often the two above are looked after: each look wakes a watcher that rests. */
  checkMs: 5_000,
  idleMs: 5_000,
  /** Whatever a client does, a slow reader included. */
  connectionMs: 60_000,
} as const;

/** An address that cannot be had is an answer, not an error. */
export async function openHttp(
  endpoint: Exclude<Endpoint, { kind: "off" }>,
  answer: Answer,
): Promise<Opening> {
  const checksHost = endpoint.kind === "tcp";
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headerMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.idleMs,
      connectionsCheckingInterval: limits.checkMs,
    },
    (request, response) => {
      respond(request, response, { answer, checksHost }).catch(() =>
        response.destroy(),
      );
    },
  );
  server.maxConnections = limits.connections;
  server.on("connection", (socket) => {
    const end = setTimeout(() => socket.destroy(), limits.connectionMs).unref();
    socket.once("close", () => clearTimeout(end));
  });
  try {
    await listen(server, endpoint);
  } catch (error) {
    return { kind: "refused", reason: describe(error) };
  }
  return { kind: "open", serving: servingOf(server, endpoint) };
}

async function listen(
  server: Server,
  endpoint: Exclude<Endpoint, { kind: "off" }>,
): Promise<void> {
  if (endpoint.kind === "unix") {
    makeDirectory(dirname(endpoint.path));
    await removeLeftover(endpoint.path);
  }
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(
      endpoint.kind === "unix"
        ? { path: endpoint.path }
        : { host: endpoint.address, port: endpoint.port },
      () => {
        server.off("error", reject);
        resolve();
      },
    );
  });
  if (endpoint.kind === "unix") openToGroup(endpoint.path);
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program answers there",
  EADDRNOTAVAIL: "the machine has no such address",
  EACCES: "permission denied",
  EINVAL: "the path is too long for a socket",
  EROFS: "the file system is read-only",
};

function describe(error: unknown): string {
  return reasons[codeOf(error) ?? ""] ?? (error as Error).message;
}

function servingOf(
  server: Server,
  endpoint: Exclude<Endpoint, { kind: "off" }>,
): Serving {
  const bound = server.address();
  return {
    endpoint:
      endpoint.kind === "tcp" && typeof bound === "object" && bound !== null
        ? { ...endpoint, port: bound.port }
        : endpoint,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) =>
        server.close(() => resolve()),
      );
      server.closeAllConnections();
      await closed;
    },
  };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  options: { readonly answer: Answer; readonly checksHost: boolean },
): Promise<void> {
  const resource = await resourceFor(request, options);
  const { status, type, tag } = resource;
  const isKnown = tag !== null && request.headers["if-none-match"] === tag;
  const headers = {
    ...harmless,
    "cache-control": tag === null ? "no-store" : "no-cache",
    ...(tag === null ? {} : { etag: tag }),
    ...resource.headers,
    ...(hasBody(request) ? { connection: "close" } : {}),
  };
  if (isKnown) {
    response.writeHead(304, headers).end();
    return;
  }
  await using body = await openBody(resource.body);
  response.writeHead(status, {
    ...headers,
    "content-type": type,
    "content-length": body.sizeBytes,
  });
  if (request.method === "HEAD") response.end();
  // Whoever goes away in the middle of it does not matter.
  else await pipeline(body.pieces(), response).catch(() => undefined);
}

interface OpenBody extends AsyncDisposable {
  readonly sizeBytes: number;
  pieces(): AsyncIterable<Uint8Array>;
}

/** A file stays what it is while it is sent, even if another one takes its place. */
async function openBody(body: Resource["body"]): Promise<OpenBody> {
  if (Buffer.isBuffer(body))
    return {
      sizeBytes: body.length,
      pieces: () => Readable.from([body]),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  const handle = await open(body.file);
  const { size } = await handle.stat();
  return {
    sizeBytes: body.head.length + size,
    async *pieces() {
      yield body.head;
      yield* handle.createReadStream({ autoClose: false });
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

/** What keeps a browser from making more of an answer than it is. */
const harmless = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
} as const;

/** It is never read, so the next request could not be found behind it. */
function hasBody({ headers }: IncomingMessage): boolean {
  return (
    headers["transfer-encoding"] !== undefined ||
    (headers["content-length"] ?? "0") !== "0"
  );
}

async function resourceFor(
  request: IncomingMessage,
  {
    answer,
    checksHost,
  }: { readonly answer: Answer; readonly checksHost: boolean },
): Promise<Resource> {
  const { method, headers, url = "/" } = request;
  if (checksHost && !isOwnHost(headers.host, hostname()))
    return plain(
      421,
      "this name is none of this machine's; ask by its address",
    );
  if (method !== "GET" && method !== "HEAD")
    return {
      ...plain(405, "there is only something to be read here"),
      headers: { allow: "GET, HEAD" },
    };
  const path = url.split("?")[0] ?? "";
  const accept = headers.accept ?? "";
  return (
    (await answer({ path, accept })) ?? plain(404, "there is nothing here")
  );
}

export function plain(status: number, text: string): Resource {
  return {
    status,
    type: "text/plain; charset=utf-8",
    body: Buffer.from(`${text}\n`),
    tag: null,
  };
}
