import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import {
  connect as connectTls,
  createServer as createTlsServer,
  type DetailedPeerCertificate,
  type TlsOptions,
} from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  probe,
  type Observation,
  type ProbeTarget,
} from "../../src/adapters/tls/probe.ts";
import { Cleanup } from "../support/cleanup.ts";
import { lineageFiles, type LineageFiles } from "../support/lineage.ts";
import { NginxBed, serverBlock } from "../support/nginx.ts";
import { createPki, fingerprintOf, type Pki } from "../support/pki.ts";
import { freePort } from "../support/ports.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { examineFiles } from "./tls.ts";

const cleanup = new Cleanup();
let directory: string;
let pki: Pki;
let ecdsa: LineageFiles;
let rsa: LineageFiles;

beforeAll(async () => {
  directory = cleanup.use(await temporaryDirectory()).path;
  pki = cleanup.use(await createPki());
  ecdsa = await issue("ec-p256");
  rsa = await issue("rsa-2048");
});
afterAll(() => cleanup[Symbol.asyncDispose]());

async function issue(keyType: "ec-p256" | "rsa-2048"): Promise<LineageFiles> {
  const leaf = await pki.intermediate.leaf({ names: ["a.test"], keyType });
  return lineageFiles(leaf, pki.intermediate);
}

const limits = { connectMs: 5_000, handshakeMs: 5_000 };

function look(
  point: Partial<ProbeTarget> & { readonly address: string },
  options: Partial<Parameters<typeof probe>[1]> = {},
): Promise<Observation> {
  return probe(
    {
      servername: "a.test",
      proxyProtocol: false,
      keyAlgorithm: null,
      ...point,
    },
    { ...limits, signal: AbortSignal.timeout(60_000), ...options },
  );
}

function leafOf(observation: Observation): string {
  return observation.kind === "served"
    ? observation.bundle.leaf.fingerprint256
    : JSON.stringify(observation);
}

interface Listening extends AsyncDisposable {
  readonly address: string;
}

async function listen(
  server: Server,
  place: { host: string } | { path: string } = { host: "127.0.0.1" },
): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
  });
  // A client that goes away may reset the connection; Node.js 20.19.0 tells the TLS socket of it.
  server.on("secureConnection", (socket: Socket) => {
    socket.on("error", () => undefined);
  });
  server.on("tlsClientError", () => undefined);
  server.listen("path" in place ? place : { port: 0, ...place });
  await once(server, "listening");
  const bound = server.address();
  const address =
    typeof bound === "string" || bound === null
      ? `unix:${String(bound)}`
      : `${bound.family === "IPv6" ? `[${bound.address}]` : bound.address}:${bound.port}`;
  return {
    address,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function tlsServer(options: TlsOptions = {}): Server {
  const { fullchain: cert, privkey: key } = ecdsa;
  return createTlsServer({ cert, key, ...options });
}

describe("a server that shows its certificate", () => {
  it.each([
    ["IPv4", { host: "127.0.0.1" }],
    ["IPv6", { host: "::1" }],
  ])(
    "is seen over %s, with both ends of the connection",
    async (_what, place) => {
      await using server = await listen(tlsServer(), place);
      const seen = await look(server);
      expect(leafOf(seen)).toBe(fingerprintOf(ecdsa.cert));
      expect(seen).toMatchObject({
        ends: { localAddress: place.host, remoteAddress: place.host },
      });
    },
  );

  it("is seen at a unix socket, which has no ends", async () => {
    const path = join(directory, "server.sock");
    await using server = await listen(tlsServer(), { path });
    const seen = await look(server);
    expect(leafOf(seen)).toBe(fingerprintOf(ecdsa.cert));
    expect(seen).toMatchObject({ ends: null });
  });

  it.each([
    [
      "TLS 1.0",
      { minVersion: "TLSv1", maxVersion: "TLSv1", ciphers: "ALL@SECLEVEL=0" },
    ],
    [
      "TLS 1.1",
      {
        minVersion: "TLSv1.1",
        maxVersion: "TLSv1.1",
        ciphers: "ALL@SECLEVEL=0",
      },
    ],
    ["TLS 1.2", { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" }],
    ["TLS 1.3", { minVersion: "TLSv1.3" }],
    [
      "a suite of TLS 1.3 that few have",
      {
        minVersion: "TLSv1.3",
        ciphers: "TLS_AES_128_CCM_8_SHA256:DEFAULT:@SECLEVEL=0",
      },
    ],
    ["mutual TLS, optional", { requestCert: true, rejectUnauthorized: false }],
    ["mutual TLS 1.3", { requestCert: true, minVersion: "TLSv1.3" }],
  ] as const)("is seen with %s", async (_what, options) => {
    await using server = await listen(tlsServer(options));
    expect(leafOf(await look(server))).toBe(fingerprintOf(ecdsa.cert));
  });

  it("may have a weak or expired certificate: a probe does not judge", async () => {
    const leaf = await pki.root.leaf({
      keyType: "rsa-1024",
      digest: "sha1",
      notBefore: new Date("2020-01-01"),
      notAfter: new Date("2020-02-01"),
    });
    const options = {
      cert: leaf.certificate,
      key: leaf.key,
      ciphers: "DEFAULT@SECLEVEL=0",
    };
    await using server = await listen(tlsServer(options));
    expect(leafOf(await look(server))).toBe(fingerprintOf(leaf.certificate));
  });

  it("is handed no session: each probe is a whole handshake", async () => {
    let resumed = 0;
    const server = createTlsServer(
      { cert: ecdsa.fullchain, key: ecdsa.privkey },
      (socket) => {
        if (socket.isSessionReused()) resumed += 1;
      },
    );
    await using listening = await listen(server);
    await look(listening);
    expect((await look(listening)).kind).toBe("served");
    expect(resumed).toBe(0);
  });

  it.each([
    ["a.test", ["a.test"]],
    ["a.test.", ["a.test"]],
    ["127.0.0.1", []],
    ["::1", []],
    [null, []],
  ])("is asked for %s with the SNI %j", async (servername, sent) => {
    const names: string[] = [];
    const SNICallback: TlsOptions["SNICallback"] = (name, done) => {
      names.push(name);
      done(null);
    };
    await using server = await listen(tlsServer({ SNICallback }));
    expect((await look({ ...server, servername })).kind).toBe("served");
    expect(names).toEqual(sent);
  });

  it("is held open while its socket is looked up", async () => {
    await using server = await listen(tlsServer());
    const seen: unknown[] = [];
    await look(server, {
      whileOpen: async (bundle, ends) => {
        const socket = connect(
          Number(server.address.split(":")[1]),
          "127.0.0.1",
        );
        await once(socket, "connect");
        socket.destroy();
        seen.push(bundle.leaf.fingerprint256, ends?.remotePort);
      },
    });
    expect(seen).toEqual([
      fingerprintOf(ecdsa.cert),
      Number(server.address.split(":")[1]),
    ]);
  });

  it("shows the bundle that the rehearsal foretold", async () => {
    const path = (kind: string): string =>
      join(directory, `rehearsed-${kind}.pem`);
    await writeFile(path("fullchain"), ecdsa.fullchain);
    await writeFile(path("privkey"), ecdsa.privkey, { mode: 0o600 });
    const { bundle } = await examineFiles(
      { certificate: path("fullchain"), key: path("privkey") },
      pki.rootFile,
    );
    await using server = await listen(tlsServer());
    const seen = await look(server);
    expect(seen.kind === "served" && seen.bundle.bundle256).toBe(
      bundle?.bundle256,
    );
  });
});

it("tells a server that refuses the handshake, with the alert's words", async () => {
  await using server = await listen(
    tlsServer({
      ciphers: "ECDHE-RSA-AES128-GCM-SHA256",
      maxVersion: "TLSv1.2",
    }),
  );
  expect(await look(server)).toMatchObject({
    kind: "refused",
    code: expect.stringMatching(/ALERT_HANDSHAKE_FAILURE$/) as unknown,
    message: "the handshake was refused: handshake failure",
    ends: { remoteAddress: "127.0.0.1" },
  });
});

describe("the chain that is reported of a server", () => {
  async function stranger(): Promise<string> {
    return (await pki.anotherRoot()).certificate;
  }
  const arrangements: readonly (readonly [
    string,
    (files: LineageFiles) => Promise<string>,
  ])[] = [
    ["in order", ({ fullchain }) => Promise.resolve(fullchain)],
    ["the leaf alone", ({ cert }) => Promise.resolve(cert)],
    [
      "the leaf twice",
      ({ cert, chain }) => Promise.resolve(cert + cert + chain),
    ],
    [
      "an intermediate twice",
      ({ fullchain, chain }) => Promise.resolve(fullchain + chain),
    ],
    [
      "a stranger between",
      async ({ cert, chain }) => cert + (await stranger()) + chain,
    ],
    [
      "the root twice",
      ({ fullchain }) =>
        Promise.resolve(fullchain + pki.root.certificate.repeat(2)),
    ],
    [
      "out of order",
      ({ cert, chain }) => Promise.resolve(cert + pki.root.certificate + chain),
    ],
  ];

  it.each(arrangements)("is Node's own report: %s", async (_what, arrange) => {
    await using server = await listen(
      tlsServer({ cert: await arrange(ecdsa) }),
    );
    const seen = await look(server);
    const { bundle } = seen as Extract<Observation, { kind: "served" }>;
    expect(
      [bundle.leaf, ...bundle.others].map(
        ({ fingerprint256 }) => fingerprint256,
      ),
    ).toEqual(await nodesReport(Number(server.address.split(":")[1])));
  });

  /** Fingerprints, up to the first that comes again. */
  async function nodesReport(port: number): Promise<readonly string[]> {
    const client = connectTls({
      port,
      host: "127.0.0.1",
      ca: [],
      rejectUnauthorized: false,
    });
    await once(client, "secureConnect");
    const found = new Set<string>();
    let next: Partial<DetailedPeerCertificate> | undefined =
      client.getPeerCertificate(true);
    while (
      next?.fingerprint256 !== undefined &&
      !found.has(next.fingerprint256)
    ) {
      found.add(next.fingerprint256);
      next = next.issuerCertificate;
    }
    client.destroy();
    return [...found];
  }
});

describe("a server that is none", () => {
  const brief = { handshakeMs: 300 };
  it.each([
    ["accepts and says nothing", () => undefined, "handshake-timeout"],
    [
      "sends garbage",
      (socket: Socket) => socket.write("220 mail.example ESMTP\r\n"),
      /^ERR_SSL_/,
    ],
    [
      "closes at once",
      (socket: Socket) => socket.end(),
      /^(?:closed|ECONNRESET)$/,
    ],
    [
      "resets",
      (socket: Socket) => socket.resetAndDestroy(),
      /^(?:closed|ECONNRESET|EPIPE)$/,
    ],
    [
      "drips bytes of a handshake for ever",
      (socket: Socket) => {
        // A record of 16 kB is announced, and comes one byte at a time.
        socket.write(Buffer.from([22, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc]));
        const timer = setInterval(() => socket.write(Buffer.from([0])), 20);
        socket.on("close", () => clearInterval(timer));
      },
      "handshake-timeout",
    ],
  ] as const)("%s, and the probe ends", async (_what, behave, code) => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      behave(socket);
    });
    await using listening = await listen(server);
    const seen = await look(listening, brief);
    expect(seen).toMatchObject({
      kind: "unreachable",
      code: expect.stringMatching(code) as unknown,
    });
  });

  it("is not there", async () => {
    expect(
      await look({ address: `127.0.0.1:${await freePort()}` }),
    ).toMatchObject({
      kind: "unreachable",
      code: "ECONNREFUSED",
      message: "connection refused",
    });
    expect(
      await look({ address: `unix:${directory}/none.sock` }),
    ).toMatchObject({
      kind: "unreachable",
      code: "ENOENT",
    });
  });

  it("is not asked by a run that was stopped, and let go by one that is stopped", async () => {
    await using server = await listen(createServer());
    expect(await look(server, { signal: AbortSignal.abort() })).toMatchObject({
      code: "aborted",
    });
    const stopping = new AbortController();
    const seen = look(server, { signal: stopping.signal, handshakeMs: 60_000 });
    stopping.abort();
    expect(await seen).toMatchObject({ kind: "unreachable", code: "aborted" });
  });
});

describe("Nginx", () => {
  interface Serving extends Listening {
    readonly nginx: NginxBed;
  }

  /** A bed with both pairs in one server block. */
  async function serving(server: {
    readonly parameters?: string;
    readonly more?: string;
  }): Promise<Serving> {
    const nginx = await NginxBed.create();
    const address = await nginx.address();
    await nginx.configure({
      http: serverBlock({
        listen: [`${address} ssl ${server.parameters ?? ""}`],
        names: ["a.test"],
        pairs: [await pair(nginx, ecdsa), await pair(nginx, rsa)],
        ...(server.more === undefined ? {} : { more: server.more }),
      }),
    });
    await nginx.start();
    return {
      nginx,
      address,
      [Symbol.asyncDispose]: () => nginx[Symbol.asyncDispose](),
    };
  }

  async function pair(nginx: NginxBed, files: LineageFiles) {
    const path = join(nginx.prefix, files === rsa ? "rsa" : "ecdsa");
    const [certificate, key] = [`${path}.pem`, `${path}.key`];
    await writeFile(certificate, files.fullchain);
    await writeFile(key, files.privkey, { mode: 0o600 });
    return { certificate, key };
  }

  it.each(["TLSv1.2", "TLSv1.3", "TLSv1.2 TLSv1.3"])(
    "with a pair for each key type shows the one that is asked for (%s)",
    async (protocols) => {
      await using server = await serving({
        more: `ssl_protocols ${protocols};`,
      });
      const { address } = server;
      const seen = await Promise.all([
        look({ address, keyAlgorithm: "rsa" }),
        look({ address, keyAlgorithm: "ecdsa" }),
      ]);
      expect(seen.map(leafOf)).toEqual([
        fingerprintOf(rsa.cert),
        fingerprintOf(ecdsa.cert),
      ]);
      expect(await look({ address, keyAlgorithm: "eddsa" })).toMatchObject({
        kind: "refused",
      });
    },
  );

  it("behind proxy_protocol is seen when the header is sent, and only then", async () => {
    await using server = await serving({ parameters: "proxy_protocol" });
    const point = { address: server.address, keyAlgorithm: "ecdsa" } as const;
    expect(leafOf(await look({ ...point, proxyProtocol: true }))).toBe(
      fingerprintOf(ecdsa.cert),
    );
    expect((await look(point)).kind).toBe("unreachable");
  });

  it("that asks for a client's certificate shows its own all the same", async () => {
    await using server = await serving({
      more: `ssl_verify_client on; ssl_client_certificate ${pki.rootFile};`,
    });
    const point = { address: server.address, keyAlgorithm: "rsa" } as const;
    expect(leafOf(await look(point))).toBe(fingerprintOf(rsa.cert));
  });

  it("that rejects the handshake on purpose is refused, not unreachable", async () => {
    await using server = await serving({ more: "ssl_reject_handshake on;" });
    expect(await look({ address: server.address })).toMatchObject({
      kind: "refused",
      code: expect.stringMatching(/UNRECOGNIZED_NAME$/) as unknown,
      message: "the handshake was refused: unrecognized name",
    });
  });

  it("writes nothing of a probe into an error log of the usual level", async () => {
    await using server = await serving({});
    for (let probes = 0; probes < 5; probes++)
      expect((await look({ address: server.address })).kind).toBe("served");
    await server.nginx.stop("SIGQUIT");
    expect(await server.nginx.errorLog()).not.toMatch(
      /\[(?:error|crit|alert|emerg)\]/,
    );
  });
});
