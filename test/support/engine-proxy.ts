/** A socket before a container engine's own, which lets a test be late, or act, between two of its answers. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { temporaryDirectory } from "./temporary.ts";

export interface EngineProxy extends AsyncDisposable {
  readonly socket: string;
}

/** @param before is waited for after a request has begun (`GET /v1.41/containers/json HTTP/1.1`) and before its answer. */
export async function startEngineProxy(
  engineSocket: string,
  before: (request: string) => Promise<void>,
): Promise<EngineProxy> {
  const directory = await temporaryDirectory();
  const socket = join(directory.path, "proxy.sock");
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const engine = connect(engineSocket);
    for (const end of [client, engine]) {
      open.add(end);
      end.on("error", () => end.destroy());
      end.on("close", () => open.delete(end));
    }
    let answer = Promise.resolve();
    client.on("close", () => engine.destroy());
    engine.on("close", () => void answer.then(() => client.destroy()));
    client.on("data", (chunk: Buffer) => {
      const request = /^[A-Z]+ \S+ HTTP\/1\.1/.exec(chunk.toString("latin1"));
      if (request !== null) answer = before(request[0]);
      engine.write(chunk);
    });
    engine.on("data", (chunk: Buffer) => {
      answer = answer.then(() => void client.write(chunk));
    });
    engine.on("end", () => void answer.then(() => client.end()));
  });
  server.listen(socket);
  await once(server, "listening");
  return {
    socket,
    async [Symbol.asyncDispose]() {
      for (const end of open) end.destroy();
      server.close();
      await once(server, "close");
      await directory[Symbol.asyncDispose]();
    },
  };
}
