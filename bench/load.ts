/** Clients that never stop asking: some with a new connection each time, some over connections that they keep. */
import { Agent, request, type RequestOptions } from "node:https";

export interface Tally {
  /** Answered requests over a connection of their own: each was a whole handshake. */
  readonly handshakes: number;
  /** Answered requests over kept connections. */
  readonly requests: number;
  /**
   * Requests that crossed with the end of a kept connection and were answered over a new one, as RFC 9112 section 9.3.1
   * has clients do: a server that closes an idle connection cannot know of a request that is under way.
   */
  readonly repeated: number;
  /** What went wrong otherwise. */
  readonly failures: readonly string[];
  /** How long each answer took, of both kinds, in the order in which they came. */
  readonly latenciesMs: readonly number[];
}

export interface LoadOptions {
  readonly host: string;
  readonly port: number;
  readonly servername: string;
  /** PEM: the only root that clients trust. */
  readonly root: string;
  /** Clients of each kind. */
  readonly clients: number;
}

/** Begins at once; the function it returns ends it and tells how it went. */
export function startLoad(options: LoadOptions): () => Promise<Tally> {
  const tally = {
    handshakes: 0,
    requests: 0,
    repeated: 0,
    failures: [] as string[],
    latenciesMs: [] as number[],
  };
  const ending = new AbortController();
  const { host, port, servername, root: ca } = options;
  const common = { host, port, servername, ca };
  const clients = Array.from({ length: options.clients }, () => [
    repeat(ending.signal, tally, async () => {
      await get({ ...common, agent: false });
      tally.handshakes++;
    }),
    keepAsking(ending.signal, tally, common),
  ]).flat();
  return async () => {
    ending.abort();
    await Promise.all(clients);
    return tally;
  };
}

async function keepAsking(
  signal: AbortSignal,
  tally: Counting & { requests: number; repeated: number },
  common: RequestOptions,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  await repeat(signal, tally, async () => {
    try {
      await get({ ...common, agent });
    } catch (error) {
      if (!(error instanceof EndedUnderWay)) throw error;
      await get({ ...common, agent });
      tally.repeated++;
    }
    tally.requests++;
  });
  agent.destroy();
}

interface Counting {
  readonly failures: string[];
  readonly latenciesMs: number[];
}

async function repeat(
  signal: AbortSignal,
  { failures, latenciesMs }: Counting,
  ask: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    const startedMs = performance.now();
    try {
      await ask();
      latenciesMs.push(performance.now() - startedMs);
    } catch (error) {
      failures.push(String(error));
    }
  }
}

/** A kept connection was closed before anything of the answer had come. */
class EndedUnderWay extends Error {}

/** Resolves when a whole answer with status 200 has come. */
function get(options: RequestOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...options, timeout: 10_000 }, (response) => {
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`status ${response.statusCode}`));
      });
      response.resume();
    });
    asked.on("timeout", () => asked.destroy(new Error("no answer")));
    asked.on("error", (error: NodeJS.ErrnoException) => {
      const isCrossing =
        asked.reusedSocket &&
        (error.code === "ECONNRESET" || error.code === "EPIPE");
      reject(isCrossing ? new EndedUnderWay() : error);
    });
    asked.end();
  });
}
