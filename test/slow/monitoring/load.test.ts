/** Clients that ask too much, or too slowly: the watcher's work goes on, and so do its answers. */
import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { HostBed } from "../../support/host.ts";
import { goesLive, serveNames } from "../../support/serve.ts";
import { waitFor } from "../../support/wait.ts";
import { WatcherBed } from "../../support/watcher.ts";

const name = "asked.example.test";
const perSecond = 1_000;
const seconds = 10;
const paths = ["/metrics", "/api/status", "/healthz", "/"];

/** A thousand requests a second for ten seconds; how often which status was answered. */
async function askMuch(port: number): Promise<ReadonlyMap<number, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const answers = new Map<number, number>();
  const count = (status: number) =>
    void answers.set(status, (answers.get(status) ?? 0) + 1);
  const asked: Promise<void>[] = [];
  const stepMs = 20;
  const perStep = (perSecond * stepMs) / 1_000;
  const beganMs = performance.now();
  for (let step = 0; step < (seconds * 1_000) / stepMs; step++) {
    for (let one = 0; one < perStep; one++)
      asked.push(
        ask(agent, port, paths[one % paths.length] ?? "/").then(count),
      );
    await pause(Math.max(0, beganMs + (step + 1) * stepMs - performance.now()));
  }
  await Promise.all(asked);
  agent.destroy();
  return answers;
}

/** 0: no answer. */
function ask(agent: Agent, port: number, path: string): Promise<number> {
  return new Promise((resolve) => {
    const asked = request(
      { agent, host: "127.0.0.1", port, path },
      (response) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode ?? 0));
      },
    );
    asked.on("error", () => resolve(0));
    asked.end();
  });
}

/** Clients that begin a request and send a letter of a header now and then; each comes again when it is thrown out. */
class Loris implements Disposable {
  readonly #port: number;
  readonly #sockets = new Set<Socket>();
  readonly #timer: NodeJS.Timeout;
  #isOver = false;
  thrownOut = 0;

  constructor(port: number, clients: number) {
    this.#port = port;
    for (let one = 0; one < clients; one++) this.#come();
    this.#timer = setInterval(() => {
      for (const socket of this.#sockets) socket.write("a");
    }, 500);
  }

  #come(): void {
    const socket = connect({ host: "127.0.0.1", port: this.#port });
    this.#sockets.add(socket);
    socket.write("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.thrownOut += 1;
      if (!this.#isOver) setTimeout(() => this.#come(), 250).unref();
    });
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.destroy();
  }
}

async function portOf(host: HostBed, pid: number): Promise<number> {
  const { http } = await host.livecert.firstPresence(pid);
  return Number(http?.split(":").at(-1));
}

describe("the watcher makes a renewal live", () => {
  it("while it is asked a thousand times a second, and answers every time", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert, {
      flags: ["--http", "127.0.0.1:0"],
    });
    const answers = askMuch(await portOf(host, watcher.pid));
    for (const round of [1, 2]) {
      await host.renew(name);
      await goesLive(host, name, address);
      await watcher.says("certificates went live", round);
    }
    const counted = await answers;
    expect(
      [...counted.keys()].filter((one) => one !== 200 && one !== 503),
    ).toEqual([]);
    const all = [...counted.values()].reduce((sum, one) => sum + one, 0);
    expect(all).toBe(perSecond * seconds);
    expect(await host.nginx.reconfigurations()).toBe(2);
    expect(watcher.text).not.toContain('"level":50');
  });

  it("while 500 clients hold connections with half a request, and throws them out", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert, {
      flags: ["--http", "127.0.0.1:0"],
    });
    const port = await portOf(host, watcher.pid);
    using loris = new Loris(port, 500);
    await host.renew(name);
    await goesLive(host, name, address);
    await watcher.says("certificates went live");
    await waitFor("slow clients are thrown out", () => loris.thrownOut > 300);
    await waitFor("somebody else is answered", async () => {
      const agent = new Agent();
      const status = await ask(agent, port, "/healthz");
      agent.destroy();
      return status === 200;
    });
    expect(watcher.text).not.toContain('"level":50');
  });
});
