/**
 * Holds the model's server selection against a real Nginx: configurations made by chance (with a fixed seed), each on a
 * port of its own in one Nginx, one certificate per server block, and every client address with every name.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { NginxModel } from "../../src/core/nginx/model.ts";
import { readModel } from "../../src/core/nginx/read-model.ts";
import { selectServer } from "../../src/core/nginx/selection.ts";
import { NginxBed } from "../support/nginx.ts";
import { freePorts } from "../support/ports.ts";
import { mustRun } from "../support/run.ts";

/** What a client gets: a server block's number, or `rejected`. */
type Answer = string;

interface Block {
  readonly number: number;
  readonly listens: readonly {
    readonly host: string;
    readonly words: string;
  }[];
  readonly names: readonly string[];
  readonly hasPair: boolean;
  readonly rejects: boolean;
}

interface World {
  readonly port: number;
  readonly blocks: readonly Block[];
}

const worldCount = 24;
const hosts = ["*", "127.0.0.1", "127.0.0.2"];
const clientHosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];

const serverNames = [
  ...["a.test", "A.Test", "b.a.test", "www.a.test", "www.b.a.test", "test"],
  ...["*.a.test", "*.b.a.test", "*.test", ".a.test", ".b.a.test", ".test"],
  ...["a.*", "www.a.*", "b.*", "www.*", "_", "", "$hostname"],
  ...["~^www\\.", "~^(?<name>.+)\\.a\\.test$", "~^(?P<n>[a-z]{1,3})\\.test$"],
  ...["~B\\.A", "~b\\.a", "~^[^.]+\\.[^.]+$", "~[.]example$"],
];

const clientNames = [
  ...["a.test", "A.TEST", "a.test.", "b.a.test", "x.a.test", "x.y.a.test"],
  ...["www.a.test", "www.b.a.test", "x.b.a.test", "test", "x.test"],
  ...["a.example", "www.a.example", "b.example", "www.example", "host.here"],
];

/** A block before it is known which addresses it is the default server of. */
const blockArbitrary = fc.record({
  listens: fc.uniqueArray(
    fc.record({ host: fc.constantFrom(...hosts), asksDefault: fc.boolean() }),
    { minLength: 1, maxLength: 2, selector: ({ host }) => host },
  ),
  names: fc.uniqueArray(fc.constantFrom(...serverNames), { maxLength: 4 }),
  kind: fc.constantFrom("pair", "pair", "pair", "pair", "bare", "rejects"),
});
const worldArbitrary = fc.array(blockArbitrary, { minLength: 2, maxLength: 7 });
type Draft = (typeof worldArbitrary extends fc.Arbitrary<infer Value>
  ? Value
  : never)[number];

/**
 * Makes a draft into what Nginx accepts: one `default_server` per address, and a certificate wherever a block may have
 * to stand in for others.
 */
function makeWorld(
  drafts: readonly Draft[],
  port: number,
  firstNumber: number,
): World {
  const defaults = new Set<string>();
  const blocks = drafts.map(({ listens, names, kind }, index) => ({
    number: firstNumber + index,
    listens: listens.map(({ host, asksDefault }) => {
      const isDefault = asksDefault && !defaults.has(host);
      if (isDefault) defaults.add(host);
      return { host, words: isDefault ? "ssl default_server" : "ssl" };
    }),
    names,
    rejects: kind === "rejects",
    hasPair: true,
  }));
  const isDefault = (block: Block, host: string) =>
    (
      blocks.find(({ listens }) =>
        listens.some(
          (one) => one.host === host && one.words.includes("default_server"),
        ),
      ) ??
      blocks.find(({ listens }) => listens.some((one) => one.host === host))
    )?.number === block.number;
  return {
    port,
    blocks: blocks.map((block, index) => ({
      ...block,
      hasPair:
        drafts[index]?.kind !== "bare" ||
        block.listens.some(({ host }) => isDefault(block, host)),
    })),
  };
}

function blockText(block: Block, port: number, directory: string): string {
  const certificate = join(directory, `${block.number}.crt`);
  return [
    "server {",
    ...block.listens.map(
      ({ host, words }) => `listen ${host}:${port} ${words};`,
    ),
    ...(block.names.length === 0
      ? []
      : [`server_name ${block.names.map((name) => `"${name}"`).join(" ")};`]),
    ...(block.hasPair
      ? [
          `ssl_certificate "${certificate}";`,
          `ssl_certificate_key "${join(directory, "key.pem")}";`,
        ]
      : []),
    ...(block.rejects ? ["ssl_reject_handshake on;"] : []),
    "}",
  ].join("\n");
}

/** The handshake's certificate names the block in its CN. */
function handshake(
  host: string,
  port: number,
  servername: string | null,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      rejectUnauthorized: false,
      timeout: 20_000,
      ...(servername === null ? {} : { servername }),
    });
    socket.once("secureConnect", () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.once("timeout", () => {
      socket.destroy(new Error("no answer in time"));
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ERR_SSL_TLSV1_UNRECOGNIZED_NAME") resolve("rejected");
      else reject(error);
    });
  });
}

function predict(
  model: NginxModel,
  address: string,
  servername: string | null,
): Answer {
  const selected = selectServer(model, {
    context: "http",
    address,
    servername,
  });
  switch (selected.kind) {
    case "server":
      return (
        /(\d+)\.crt$/.exec(selected.server.pairs[0]?.certificate ?? "")?.[1] ??
        "no pair"
      );
    case "rejects":
      return "rejected";
    case "uncertain":
    case "none":
      return selected.kind;
  }
}

let bed: NginxBed;
let worlds: readonly World[];
let model: NginxModel;

beforeAll(async () => {
  bed = await NginxBed.create();
  const directory = join(bed.prefix, "certificates");
  await mkdir(directory);
  worlds = await makeWorlds();
  const blocks = worlds.flatMap((world) => world.blocks);
  await makeCertificates(directory, blocks);
  await bed.configure({
    http: worlds
      .flatMap((world) =>
        world.blocks.map((block) => blockText(block, world.port, directory)),
      )
      .join("\n"),
  });
  await bed.start();
  const { stdout } = await bed.dump();
  const { stdout: hostname } = await mustRun("hostname", []);
  model = readModel(stdout, { prefix: bed.prefix, hostname: hostname.trim() });
});

afterAll(async () => {
  await bed[Symbol.asyncDispose]();
});

async function makeWorlds(): Promise<readonly World[]> {
  const drafts = fc.sample(worldArbitrary, {
    seed: 20_261_123,
    numRuns: worldCount,
  });
  const ports = await freePorts(drafts.length);
  let number = 1;
  return drafts.map((draft, index) => {
    const world = makeWorld(draft, ports[index] ?? 0, number);
    number += draft.length;
    return world;
  });
}

async function makeCertificates(
  directory: string,
  blocks: readonly Block[],
): Promise<void> {
  const key = join(directory, "key.pem");
  await mustRun("openssl", [
    ...["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    ...["-out", key],
  ]);
  for (const { number } of blocks) {
    const { stdout } = await mustRun("openssl", [
      ...["req", "-x509", "-key", key, "-subj", `/CN=${number}`, "-days", "2"],
    ]);
    await writeFile(join(directory, `${number}.crt`), stdout);
  }
}

test("every client gets the certificate of the server block that the model selects", async () => {
  const predicted: Record<string, Answer> = {};
  const actual: Record<string, Answer> = {};
  for (const { port } of worlds) {
    for (const host of clientHosts) {
      if (!isServed(host, port)) continue;
      for (const servername of [...clientNames, null]) {
        const question = `${host}:${port} ${servername ?? "-"}`;
        predicted[question] = predict(model, `${host}:${port}`, servername);
        actual[question] = await handshake(host, port, servername);
      }
    }
  }
  expect(predicted).toEqual(actual);
  expect(new Set(Object.values(actual)).size).toBeGreaterThan(worldCount);
});

function isServed(host: string, port: number): boolean {
  const world = worlds.find((one) => one.port === port);
  return (world?.blocks ?? []).some(({ listens }) =>
    listens.some((one) => one.host === host || one.host === "*"),
  );
}

test("every block that the model reads has the listeners and names it was written with", () => {
  const written = worlds.flatMap(({ blocks, port }) =>
    blocks.map(({ listens, names }) => ({
      addresses: listens.map(
        ({ host }) => `${host.replace("*", "0.0.0.0")}:${port}`,
      ),
      names,
    })),
  );
  const read = model.servers.map(({ listeners, serverNames: names }) => ({
    addresses: listeners.map(({ address }) => address),
    names,
  }));
  expect(read).toEqual(written);
});
