/** The other end of runSelf: what this process was started for. */
import type { Readable } from "node:stream";

export interface Received {
  /** Without its end. */
  readonly line: string;
  /** Aborted when whoever gave the order has ended, or has given this up. */
  readonly abandoned: AbortSignal;
}

/** Reads the first line; what keeps the input open afterwards keeps nobody from ending. */
export function receiveOrder(input: Readable): Promise<Received> {
  const abandoning = new AbortController();
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    const end = (): void => {
      abandoning.abort(new Error("whoever waited for the answer has gone"));
      receive();
    };
    const receive = (): void => {
      const line = Buffer.concat(chunks.splice(0)).toString();
      resolve({ line, abandoned: abandoning.signal });
    };
    input.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      if (chunk.at(-1) === newline) receive();
    });
    input.once("end", end);
    input.once("error", end);
  });
}

const newline = 0x0a;
