import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, readFile } from "node:fs/promises";
import {
  type AddressInfo,
  connect,
  createServer,
  type Server,
  type Socket,
} from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  addressDigits,
  kernelDigits,
} from "../../src/adapters/nginx/addresses.ts";
import { isHeldBy } from "../../src/adapters/nginx/sockets.ts";
import type { ConnectionEnds } from "../../src/ports.ts";
import { Cleanup } from "../support/cleanup.ts";
import { NginxBed, serverBlock } from "../support/nginx.ts";
import { freePort } from "../support/ports.ts";
import { waitFor } from "../support/wait.ts";
import { signal, targetWith } from "./nginx-host.ts";

/** A bed that listens there, and its target. */
async function bedAt(listen: string) {
  const bed = await NginxBed.start({
    http: serverBlock({ listen: [listen] }),
  });
  const target = targetWith({ conf: bed.configuration, prefix: bed.prefix });
  const state = await target.inspect(signal);
  if (state.kind !== "running") throw new Error(state.reason);
  const { master } = state.generation;
  const answers = (address: string, connection: ConnectionEnds | null) =>
    target.answers({ ...point, address }, connection, master);
  return {
    bed,
    master,
    answers,
    [Symbol.asyncDispose]: () => bed[Symbol.asyncDispose](),
  };
}

const point = {
  id: "",
  sourceId: "",
  serverId: "",
  listener: "",
  servername: null,
  proxyProtocol: false,
  keyAlgorithm: null,
  doubt: null,
};

/** An open connection at which the other side has answered, so that it has accepted. */
async function openConnection(port: number, host: string, localPort?: number) {
  const socket = connect({
    ...{ port, host },
    ...(localPort === undefined ? {} : { localPort }),
  });
  await once(socket, "connect");
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await once(socket, "data");
  return Object.assign(socket, {
    [Symbol.asyncDispose]() {
      socket.destroy();
      return Promise.resolve();
    },
  });
}

function endsOf(socket: Socket): ConnectionEnds {
  return {
    localAddress: socket.localAddress ?? "",
    localPort: socket.localPort ?? 0,
    remoteAddress: socket.remoteAddress ?? "",
    remotePort: socket.remotePort ?? 0,
  };
}

/** A server that ends a connection from this port first, so that its end lingers. */
async function leaveEnd(localPort: number): Promise<void> {
  const server = createServer((socket) => socket.end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: "127.0.0.1", localPort });
  socket.resume();
  await once(socket, "close");
  server.close();
}

/** Another process that listens, and sleeps before anybody has come. */
async function sleeper() {
  const listen = `
    const server = require("node:net").createServer();
    server.listen(0, "127.0.0.1", () => console.log(server.address().port));`;
  const child = spawn(process.execPath, ["-e", listen], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  child.kill("SIGSTOP");
  return {
    port: Number(line.toString()),
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}

/** Another process that connects and goes, as fast as it can, twenty at once. */
function visitors(port: number) {
  const visit = `
    const visit = () => {
      const socket = require("node:net").connect(${String(port)}, "127.0.0.1");
      socket.on("connect", () => socket.resetAndDestroy());
      socket.on("error", () => {});
      socket.on("close", visit);
    };
    for (let one = 0; one < 20; one += 1) visit();`;
  const child = spawn(process.execPath, ["-e", visit], { stdio: "ignore" });
  return {
    isThere: () => child.exitCode === null && child.signalCode === null,
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}

/** Another program's server, which answers whatever it is asked. */
async function stranger(listen: string | { port: number; host: string }) {
  const cleanup = new Cleanup();
  const server: Server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.write("stranger"));
    cleanup.defer(() => Promise.resolve(socket.destroy()));
  });
  server.listen(listen);
  await once(server, "listening");
  return {
    address: server.address() as AddressInfo,
    async [Symbol.asyncDispose]() {
      server.close();
      await cleanup[Symbol.asyncDispose]();
    },
  };
}

describe("the socket that answered", () => {
  it.each([
    ["127.0.0.1", (port: number) => `127.0.0.1:${port}`],
    ["127.0.0.1", (port: number) => `*:${port}`],
    ["127.0.0.1", (port: number) => `[::]:${port} ipv6only=off`],
    ["::1", (port: number) => `[::1]:${port}`],
    ["::1", (port: number) => `[::]:${port}`],
  ])("at %s is Nginx's own (case %#)", async (host, listenAt) => {
    const port = await freePort();
    await using nginx = await bedAt(listenAt(port));
    await using socket = await openConnection(port, host);
    const address = host === "::1" ? `[::1]:${port}` : `${host}:${port}`;
    expect(await nginx.answers(address, endsOf(socket))).toBe(true);
    expect(await nginx.answers(address, null)).toBe(true);
  });

  it("is told by the listener where both ends have closed, ours first, which lingers", async () => {
    const port = await freePort();
    await using nginx = await bedAt(`127.0.0.1:${port}`);
    await using socket = await openConnection(port, "127.0.0.1");
    const ends = endsOf(socket);
    socket.end();
    await once(socket, "close");
    await waitFor("only our end is left", async () => {
      const table = await readFile("/proc/net/tcp", "utf8");
      const ours = ends.localPort.toString(16).toUpperCase().padStart(4, "0");
      return new RegExp(` \\w+:${ours} \\w+:\\w+ 06 `).test(table) &&
        !new RegExp(` \\w+:\\w+ \\w+:${ours} `).test(table)
        ? true
        : null;
    });
    expect(await nginx.answers(`127.0.0.1:${port}`, ends)).toBe(true);
  });

  it("is told also where the connection ends while the kernel lists it, among many that come and go", async () => {
    const port = await freePort();
    await using nginx = await bedAt(`127.0.0.1:${port}`);
    using crowd = visitors(port);
    const answers: (boolean | null)[] = [];
    for (let round = 0; round < 300; round += 1) {
      await using socket = await openConnection(port, "127.0.0.1");
      const ends = endsOf(socket);
      socket.destroy();
      answers.push(await nginx.answers(`127.0.0.1:${port}`, ends));
    }
    expect(answers).toContain(true);
    expect(answers).not.toContain(false);
    expect(crowd.isThere()).toBe(true);
  });

  it("is that of this connection, not of earlier ones from the same port to other servers", async () => {
    const port = await freePort();
    await using nginx = await bedAt(`127.0.0.1:${port}`);
    const localPort = await freePort();
    for (let server = 0; server < 8; server += 1) await leaveEnd(localPort);
    const table = await readFile("/proc/net/tcp", "utf8");
    const from = `:${localPort.toString(16).toUpperCase().padStart(4, "0")} 06 `;
    expect(table.split(from).length - 1).toBeGreaterThanOrEqual(8);
    await using socket = await openConnection(port, "127.0.0.1", localPort);
    expect(await nginx.answers(`127.0.0.1:${port}`, endsOf(socket))).toBe(true);
  });

  it("is not Nginx's where another program holds it", async () => {
    await using nginx = await bedAt(`127.0.0.1:${await freePort()}`);
    await using other = await stranger({ port: 0, host: "127.0.0.1" });
    const { port } = other.address;
    await using socket = await openConnection(port, "127.0.0.1");
    const address = `127.0.0.1:${port}`;
    expect(await nginx.answers(address, endsOf(socket))).toBe(false);
    expect(await nginx.answers(address, null)).toBe(false);
  });

  it("is another program's where that took the more specific address", async () => {
    const port = await freePort();
    await using other = await stranger({ port, host: "127.0.0.2" });
    await using nginx = await bedAt(`127.0.0.1:${port}`);
    await using socket = await openConnection(port, "127.0.0.2");
    expect(await nginx.answers(`127.0.0.2:${port}`, endsOf(socket))).toBe(
      false,
    );
    expect(await nginx.answers(`127.0.0.2:${port}`, null)).toBe(false);
    expect(other.address.port).toBe(port);
    expect(await nginx.answers(`127.0.0.1:${port}`, null)).toBe(true);
  });

  it("of a connection tells more than the listener: a redirected port", async () => {
    const port = await freePort();
    await using nginx = await bedAt(`127.0.0.1:${port}`);
    await using other = await stranger({ port: 0, host: "127.0.0.1" });
    await using socket = await openConnection(other.address.port, "127.0.0.1");
    // What a client sees of a redirection: it asked Nginx's port, and the other end has another one.
    const ends = { ...endsOf(socket), remotePort: port };
    expect(await nginx.answers(`127.0.0.1:${port}`, ends)).toBe(false);
  });

  it("behind a redirected port is not Nginx's either before the other program has accepted", async () => {
    const port = await freePort();
    await using nginx = await bedAt(`127.0.0.1:${port}`);
    using other = await sleeper();
    const socket = connect(other.port, "127.0.0.1");
    try {
      await once(socket, "connect");
      const ends = { ...endsOf(socket), remotePort: port };
      expect(await nginx.answers(`127.0.0.1:${port}`, ends)).toBe(false);
    } finally {
      socket.destroy();
    }
  });

  it("cannot be told where nobody listens, or at no address", async () => {
    await using nginx = await bedAt(`127.0.0.1:${await freePort()}`);
    const port = await freePort();
    expect(await nginx.answers(`127.0.0.1:${port}`, null)).toBeNull();
    expect(await nginx.answers("example.test:443", null)).toBeNull();
    expect(await nginx.answers("unix:/nonexistent.sock", null)).toBeNull();
  });

  it("cannot be told after the master has ended", async () => {
    const port = await freePort();
    await using nginx = await bedAt(`127.0.0.1:${port}`);
    await nginx.bed.stop();
    expect(await nginx.answers(`127.0.0.1:${port}`, null)).toBeNull();
  });

  it("at a unix path is Nginx's own or another program's", async () => {
    await using bed = await NginxBed.create();
    const path = join(bed.prefix, "a b.sock");
    const strange = join(bed.prefix, "strange.sock");
    await chmod(bed.prefix, 0o755);
    await bed.configure({
      http: serverBlock({ listen: [`"unix:${path}"`] }),
    });
    const pid = await bed.start();
    await using other = await stranger(strange);
    expect(other.address).toBe(strange);
    const question = { connection: null, namespaceOf: pid, processes: [pid] };
    expect(await isHeldBy({ ...question, address: `unix:${path}` })).toBe(true);
    expect(await isHeldBy({ ...question, address: `unix:${strange}` })).toBe(
      false,
    );
  });
});

describe("addresses", () => {
  it.each([
    ["127.0.0.1", "00000000000000000000ffff7f000001"],
    ["::ffff:127.0.0.1", "00000000000000000000ffff7f000001"],
    ["::1", "00000000000000000000000000000001"],
    ["::", "00000000000000000000000000000000"],
    ["2001:DB8::10:a", "20010db800000000000000000010000a"],
    ["fe80::1%eth0", "fe800000000000000000000000000001"],
  ])("%s is compared as %s", (address, digits) => {
    expect(addressDigits(address)).toBe(digits);
  });

  it.each([["localhost"], [""], ["1.2.3"], ["[::1]"]])(
    "%j is none",
    (address) => {
      expect(addressDigits(address)).toBeNull();
    },
  );

  it.each([
    ["0100007F", "127.0.0.1"],
    ["00000000000000000000000001000000", "::1"],
    ["0000000000000000FFFF00000100007F", "127.0.0.1"],
  ])("%s in the kernel's table is %s", (column, address) => {
    expect(kernelDigits(column)).toBe(addressDigits(address));
  });
});
