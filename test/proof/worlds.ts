/**
 * Nginx configurations made by chance, each on a port of its own in one real Nginx, one certificate per server block: which
 * one is a client handed, and which one does the model say? Blocks come from included files, and a pair may be inherited
 * from the http block.
 */
import { generateKeyPairSync } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import fc from "fast-check";
import pMap from "p-map";
import type { NginxContext, NginxModel } from "../../src/core/nginx/model.ts";
import { readModel } from "../../src/core/nginx/read-model.ts";
import { selectServer } from "../../src/core/nginx/selection.ts";
import { Cleanup } from "../support/cleanup.ts";
import { basicConstraints, mint } from "../support/mint.ts";
import { NginxBed } from "../support/nginx.ts";
import { freePorts } from "../support/ports.ts";
import { mustRun } from "../support/run.ts";

/** What a client gets: a server block's number, or `rejected`. */
export type Answer = string;

export interface Asked {
  readonly question: string;
  readonly world: World;
  /** `uncertain` where the model says that it cannot know. */
  readonly predicted: Answer;
  readonly actual: Answer;
}

interface Block {
  readonly number: number;
  readonly listens: readonly {
    readonly host: string;
    readonly words: string;
  }[];
  readonly names: readonly string[];
  readonly hasPair: boolean;
  readonly rejects: boolean;
  /** Whether the block, or the pair in it, stands in a file of its own. */
  readonly included: "block" | "pair" | "nothing";
}

export interface World {
  readonly context: Extract<NginxContext, "http" | "stream">;
  readonly port: number;
  readonly blocks: readonly Block[];
}

export interface WorldsOptions {
  readonly seed: number;
  readonly count: number;
  /** The http block has a pair, number 0, for blocks that have none. */
  readonly inherits: boolean;
}

const hosts = ["*", "127.0.0.1", "127.0.0.2", "[::1]", "[::]"];
const clientHosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "[::1]"];

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
const draftArbitrary = fc.record({
  listens: fc.uniqueArray(
    fc.record({ host: fc.constantFrom(...hosts), asksDefault: fc.boolean() }),
    { minLength: 1, maxLength: 3, selector: ({ host }) => host },
  ),
  names: fc.uniqueArray(fc.constantFrom(...serverNames), { maxLength: 4 }),
  kind: fc.constantFrom("pair", "pair", "pair", "pair", "bare", "rejects"),
  included: fc.constantFrom("block", "pair", "nothing"),
});
const worldArbitrary = fc.record({
  // One in six: before 1.25.5 a stream server knows no names, so there is less to find out.
  context: fc.constantFrom("http", "http", "http", "http", "http", "stream"),
  drafts: fc.array(draftArbitrary, { minLength: 2, maxLength: 7 }),
});
type Draft =
  typeof draftArbitrary extends fc.Arbitrary<infer Value> ? Value : never;

export class Worlds implements AsyncDisposable {
  readonly worlds: readonly World[];
  readonly model: NginxModel;
  readonly #cleanup: Cleanup;

  private constructor(
    worlds: readonly World[],
    model: NginxModel,
    cleanup: Cleanup,
  ) {
    this.worlds = worlds;
    this.model = model;
    this.#cleanup = cleanup;
  }

  static async create(options: WorldsOptions): Promise<Worlds> {
    const cleanup = new Cleanup();
    try {
      const bed = cleanup.use(await NginxBed.create());
      const directory = join(bed.prefix, "worlds");
      await mkdir(directory);
      const worlds = await makeWorlds(options);
      await writeCertificates(directory, worlds);
      const inherited = options.inherits ? pairText(0, directory) : "";
      const text = (context: World["context"]) =>
        writeBlocks(
          worlds.filter((world) => world.context === context),
          directory,
        );
      await bed.configure({
        http: `${inherited}\n${await text("http")}`,
        stream: await text("stream"),
      });
      await bed.start();
      const { stdout } = await bed.dump();
      const { stdout: hostname } = await mustRun("hostname", []);
      const environment = { prefix: bed.prefix, hostname: hostname.trim() };
      return new Worlds(worlds, readModel(stdout, environment), cleanup);
    } catch (error) {
      await cleanup[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Every client address with every name, and without one. */
  async askAll(): Promise<readonly Asked[]> {
    const questions = this.worlds.flatMap((world) =>
      clientHosts
        .filter((host) => isServed(world, host))
        .flatMap((host) =>
          [...clientNames, null].map((name) => ({ world, host, name })),
        ),
    );
    return pMap(
      questions,
      async ({ world, host, name }) => ({
        question: `${host}:${world.port} ${name ?? "without a name"}`,
        world,
        predicted: this.#predict(world, host, name),
        actual: await handshake(host, world.port, name),
      }),
      { concurrency: 4 },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }

  #predict(world: World, host: string, servername: string | null): Answer {
    const { context, port } = world;
    const address = `${host}:${port}`;
    const selected = selectServer(this.model, { context, address, servername });
    switch (selected.kind) {
      case "server": {
        const certificate = selected.server.pairs[0]?.certificate ?? "";
        return /(\d+)\.crt$/.exec(certificate)?.[1] ?? "no pair";
      }
      case "rejects":
        return "rejected";
      case "uncertain":
      case "none":
        return selected.kind;
    }
  }
}

/** Whether somebody listens there. */
function isServed({ blocks }: World, host: string): boolean {
  const wildcard = host.startsWith("[") ? "[::]" : "*";
  return blocks.some(({ listens }) =>
    listens.some((one) => one.host === host || one.host === wildcard),
  );
}

/** The handshake's certificate names the block in its CN. */
function handshake(
  host: string,
  port: number,
  servername: string | null,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: host.replaceAll(/[[\]]/g, ""),
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

async function makeWorlds(options: WorldsOptions): Promise<readonly World[]> {
  const samples = fc.sample(worldArbitrary, {
    seed: options.seed,
    numRuns: options.count,
  });
  const ports = await freePorts(samples.length);
  let number = 1;
  return samples.map(({ context, drafts }, index) => {
    const port = ports[index] ?? 0;
    const world = makeWorld({ context, drafts, port, firstNumber: number });
    number += drafts.length;
    return world;
  });
}

/**
 * Makes drafts into what Nginx accepts: one `default_server` per address, and a certificate wherever a block may have to
 * stand in for others. In a stream each address has one server, and no names.
 */
function makeWorld({
  context,
  drafts,
  port,
  firstNumber,
}: {
  readonly context: World["context"];
  readonly drafts: readonly Draft[];
  readonly port: number;
  readonly firstNumber: number;
}): World {
  const taken = new Set<string>();
  const isFirst = (host: string): boolean => {
    if (taken.has(host)) return false;
    taken.add(host);
    return true;
  };
  if (context === "stream") {
    const blocks = drafts.flatMap(({ listens, included }, index) => {
      const own = listens.filter(({ host }) => isFirst(host));
      const words = own.map(({ host }) => ({ host, words: "ssl" }));
      const number = firstNumber + index;
      const plain = { names: [], hasPair: true, rejects: false };
      return own.length === 0
        ? []
        : [{ number, listens: words, included, ...plain }];
    });
    return { context, port, blocks };
  }
  const blocks = drafts.map(({ listens, names, kind, included }, index) => ({
    number: firstNumber + index,
    listens: listens.map(({ host, asksDefault }) => ({
      host,
      words: asksDefault && isFirst(host) ? "ssl default_server" : "ssl",
    })),
    names,
    rejects: kind === "rejects",
    hasPair: kind !== "bare",
    included,
  }));
  return {
    context,
    port,
    blocks: blocks.map((block) => ({
      ...block,
      hasPair:
        block.hasPair ||
        block.listens.some(({ host }) => defaultAt(blocks, host) === block),
    })),
  };
}

function defaultAt<Some extends Pick<Block, "listens">>(
  blocks: readonly Some[],
  host: string,
): Some | undefined {
  const at = blocks.filter(({ listens }) =>
    listens.some((one) => one.host === host),
  );
  const asks = at.find(({ listens }) =>
    listens.some(
      (one) => one.host === host && one.words.includes("default_server"),
    ),
  );
  return asks ?? at[0];
}

/** The text of a context; what is to be included is written to files. */
async function writeBlocks(
  worlds: readonly World[],
  directory: string,
): Promise<string> {
  const texts: string[] = [];
  for (const world of worlds)
    for (const block of world.blocks) {
      const text = await writeBlock(block, world, directory);
      if (block.included === "block") {
        await writeFile(join(directory, `${block.number}.conf`), text);
        // A pattern that fits this file alone.
        texts.push(
          `include "worlds/[${String(block.number).charAt(0)}]${String(block.number).slice(1)}.con?";`,
        );
      } else texts.push(text);
    }
  return texts.join("\n");
}

async function writeBlock(
  block: Block,
  { port, context }: World,
  directory: string,
): Promise<string> {
  const { number, listens, names, hasPair, rejects, included } = block;
  const pair = hasPair ? pairText(number, directory) : "";
  const file = join(directory, `${number}.pair`);
  if (included === "pair") await writeFile(file, pair);
  return [
    "server {",
    ...listens.map(({ host, words }) => `listen ${host}:${port} ${words};`),
    ...(names.length === 0
      ? []
      : [`server_name ${names.map((name) => `"${name}"`).join(" ")};`]),
    included === "pair" ? `include "${file}";` : pair,
    ...(rejects ? ["ssl_reject_handshake on;"] : []),
    ...(context === "stream" ? ["return ok;"] : []),
    "}",
  ].join("\n");
}

function pairText(number: number, directory: string): string {
  const file = (name: string): string => join(directory, name);
  return `ssl_certificate "${file(`${number}.crt`)}"; ssl_certificate_key "${file("key.pem")}";`;
}

async function writeCertificates(
  directory: string,
  worlds: readonly World[],
): Promise<void> {
  const key = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = key.privateKey.export({ type: "pkcs8", format: "pem" });
  await writeFile(join(directory, "key.pem"), pem);
  const numbers = worlds.flatMap(({ blocks }) =>
    blocks.map(({ number }) => number),
  );
  for (const number of [0, ...numbers]) {
    const certificate = mint({
      subject: String(number),
      issuer: String(number),
      notBefore: new Date(Date.now() - 3_600_000),
      notAfter: new Date(Date.now() + 86_400_000),
      key,
      signer: key,
      digest: "sha256",
      extensions: [basicConstraints(false)],
    });
    await writeFile(join(directory, `${number}.crt`), certificate);
  }
}
