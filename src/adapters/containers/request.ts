/**
 * One question to a container engine, over its unix socket or TCP, with Node's own HTTP client: an engine's API is a handful
 * of plain requests, and a client library for it brings SSH and protocol buffers along.
 */
import { readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { join } from "node:path";
import type { Endpoint } from "./endpoint.ts";

export interface EngineRequest {
  readonly method: "GET" | "POST";
  /** With its query. */
  readonly path: string;
  readonly body?: object;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** 16 MiB unless told; an engine that sends more is not listened to. */
  readonly maxBytes?: number;
}

export type EngineAnswer =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly body: Buffer;
    }
  | { readonly kind: "failed"; readonly failure: EngineFailure };

/** Why an engine could not be asked, or did not do what it was asked. */
export interface EngineFailure {
  readonly reason:
    /** Nothing listens there. */
    | "stopped"
    | "denied"
    /** Its time was up. */
    | "slow"
    /** It cannot be talked to, or its answer cannot be understood. */
    | "unsupported"
    /** No such container. */
    | "not-found"
    /** It answered and refused. */
    | "refused";
  /** Follows the engine's name: `does not answer within 5 s`. */
  readonly message: string;
  readonly remedy: string | null;
}

const defaultMaxBytes = 16 * 1024 * 1024;

/** @throws what `signal` was aborted with */
export async function askEngine(
  endpoint: Endpoint,
  request: EngineRequest,
): Promise<EngineAnswer> {
  if (endpoint.kind === "unsupported")
    return failed("unsupported", endpoint.reason, null);
  request.signal.throwIfAborted();
  const limit = AbortSignal.timeout(request.timeoutMs);
  const signal = AbortSignal.any([request.signal, limit]);
  try {
    return await exchange(endpoint, request, signal);
  } catch (error) {
    request.signal.throwIfAborted();
    return limit.aborted
      ? failed(
          "slow",
          `does not answer within ${String(request.timeoutMs / 1_000)} s`,
          "look at the engine (docker info), or raise limits.engine",
        )
      : connectionFailure(error);
  }
}

function exchange(
  endpoint: Exclude<Endpoint, { kind: "unsupported" }>,
  { method, path, body, maxBytes = defaultMaxBytes }: EngineRequest,
  signal: AbortSignal,
): Promise<EngineAnswer> {
  const text = body === undefined ? null : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const options: https.RequestOptions = {
      ...placeOf(endpoint),
      method,
      path,
      signal,
      agent: false,
      headers: {
        host: "livecert",
        ...(text === null
          ? {}
          : {
              "content-type": "application/json",
              "content-length": Buffer.byteLength(text),
            }),
      },
    };
    const answer = (response: http.IncomingMessage): void => {
      collect(response, maxBytes).then((bytes) => {
        const status = response.statusCode ?? 0;
        resolve({ kind: "answered", status, body: bytes });
      }, reject);
    };
    const isTls = endpoint.kind === "tcp" && endpoint.certificates !== null;
    const asked = isTls
      ? https.request(options, answer)
      : http.request(options, answer);
    asked.on("error", reject);
    asked.end(text ?? undefined);
  });
}

function placeOf(
  endpoint: Exclude<Endpoint, { kind: "unsupported" }>,
): https.RequestOptions {
  if (endpoint.kind === "socket") return { socketPath: endpoint.path };
  const { host, port, certificates } = endpoint;
  if (certificates === null) return { host, port };
  const [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map((name) =>
    readFileSync(join(certificates, name)),
  );
  return { host, port, ca, cert, key };
}

async function collect(
  response: http.IncomingMessage,
  maxBytes: number,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes)
      throw new Error(`it sends more than ${String(maxBytes)} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function connectionFailure(error: unknown): EngineAnswer {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "ENOENT":
    case "ECONNREFUSED":
    case "ECONNRESET":
    case "EPIPE":
      return failed(
        "stopped",
        "does not answer: it is not running",
        "start it (systemctl start docker), or name another below targets",
      );
    case "EACCES":
    case "EPERM":
      return failed(
        "denied",
        "may not be asked by this user",
        "run livecert as root, or let its user into the engine's group",
      );
    default:
      return failed("unsupported", `cannot be asked: ${message}`, null);
  }
}

export function failed(
  reason: EngineFailure["reason"],
  message: string,
  remedy: string | null,
): Extract<EngineAnswer, { kind: "failed" }> {
  return { kind: "failed", failure: { reason, message, remedy } };
}
