/**
 * Nginx configurations made by chance, each on two ports and a unix socket of its own in one real Nginx, one or two
 * certificates per server block: which one is a client handed, and which one does the model say? Blocks come from included
 * files, pairs may be inherited from the http block, and a listener may leave it to others to say `ssl`.
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
import { basicConstraints, mint, type KeyPair } from "../support/mint.ts";
import { NginxBed } from "../support/nginx.ts";
import { freePortPairs } from "../support/ports.ts";
import { mustRun } from "../support/run.ts";

/** What a client gets: a server block's number with the kind of its key, `rejected`, or `no pair` for such a client. */
export type Answer = string;

export interface Asked {
  readonly question: string;
  readonly world: World;
  /** `uncertain` where the model says that it cannot know. */
  readonly predicted: Answer;
  readonly actual: Answer;
}

interface Listen {
  readonly host: string;
  /** One, or two that follow each other; none of a unix socket. */
  readonly ports: readonly number[];
  readonly words: string;
}

interface Block {
  readonly number: number;
  readonly listens: readonly Listen[];
  readonly names: readonly string[];
  readonly pairs: readonly KeyKind[];
  readonly rejects: boolean;
  /** Whether the block, or the pair in it, stands in a file of its own. */
  readonly included: "block" | "pair" | "nothing";
}

type KeyKind = "ec" | "rsa";

export interface World {
  readonly context: Extract<NginxContext, "http" | "stream">;
  /** The first of two. */
  readonly port: number;
  readonly blocks: readonly Block[];
}

export interface WorldsOptions {
  readonly seed: number;
  readonly count: number;
  /** The http block has pairs, number 0, for blocks that have none. */
  readonly inherits: boolean;
}

/** For a file name of each world's own. */
const unix = "unix";
const hosts = ["*", "127.0.0.1", "127.0.0.2", "[::1]", "[::]", unix];
const clientHosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "[::1]", unix];

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
    fc.record({
      host: fc.constantFrom(...hosts),
      asksDefault: fc.boolean(),
      isRange: fc.boolean(),
      leavesSslToOthers: fc.boolean(),
    }),
    { minLength: 1, maxLength: 3, selector: ({ host }) => host },
  ),
  names: fc.uniqueArray(fc.constantFrom(...serverNames), { maxLength: 4 }),
  kind: fc.constantFrom("ec", "ec", "both", "rsa", "bare", "rejects"),
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
  readonly #directory: string;
  readonly #cleanup: Cleanup;

  private constructor(
    worlds: readonly World[],
    model: NginxModel,
    { directory, cleanup }: { directory: string; cleanup: Cleanup },
  ) {
    this.worlds = worlds;
    this.model = model;
    this.#directory = directory;
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
      const inherited = options.inherits
        ? pairsText(["ec", "rsa"], 0, directory)
        : "";
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
      const model = readModel(stdout, environment);
      return new Worlds(worlds, model, { directory, cleanup });
    } catch (error) {
      await cleanup[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Every client address with every name, and without one; a client that knows RSA alone asks for some. */
  async askAll(): Promise<readonly Asked[]> {
    const questions = this.worlds.flatMap((world) =>
      placesOf(world).flatMap(({ host, port }) =>
        [...clientNames, null].flatMap((name, index) => {
          const where = {
            world,
            name,
            address: this.#address(world, host, port),
          };
          const asked = { ...where, kind: "ec" as const };
          return (index + port) % 4 === 0
            ? [asked, { ...where, kind: "rsa" as const }]
            : [asked];
        }),
      ),
    );
    return pMap(
      questions,
      async (question) => ({
        question: `${question.address} ${question.name ?? "without a name"}, ${question.kind}`,
        world: question.world,
        predicted: this.#predict(question),
        actual: await handshake(question),
      }),
      { concurrency: 4 },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }

  /** Every address of a listener, as Nginx binds it. */
  addressesOf(world: World, { host, ports }: Listen): readonly string[] {
    const bound = host.replace("*", "0.0.0.0");
    return host === unix
      ? [this.#address(world, host, world.port)]
      : ports.map((port) => this.#address(world, bound, port));
  }

  #address({ port: first }: World, host: string, port: number): string {
    return host === unix
      ? `unix:${socketPath(first, this.#directory)}`
      : `${host}:${port}`;
  }

  #predict({ world, address, name, kind }: Question): Answer {
    const { context } = world;
    const asked = { context, address, servername: name };
    const selected = selectServer(this.model, asked);
    switch (selected.kind) {
      case "server": {
        const certificates = selected.server.pairs.map(
          ({ certificate }) => /(\d+-\w+)\.crt$/.exec(certificate)?.[1] ?? "",
        );
        return certificates.find((one) => one.endsWith(kind)) ?? "no pair";
      }
      case "rejects":
        return "rejected";
      case "uncertain":
      case "none":
        return selected.kind;
    }
  }
}

interface Question {
  readonly world: World;
  /** As Nginx writes it. */
  readonly address: string;
  readonly name: string | null;
  /** The only kind of key that the client knows. */
  readonly kind: KeyKind;
}

/** Where a client can ask for it. */
function placesOf({ blocks, port }: World) {
  const listens = blocks.flatMap((block) => block.listens);
  return clientHosts.flatMap((host) => {
    const wildcard = host.startsWith("[") ? "[::]" : "*";
    const own = listens.filter(
      (one) => one.host === host || (one.host === wildcard && host !== unix),
    );
    const ports = host === unix ? [port] : own.flatMap((one) => one.ports);
    return own.length === 0
      ? []
      : [...new Set(ports)].map((one) => ({ host, port: one }));
  });
}

function socketPath(port: number, directory: string): string {
  return join(directory, `${port}.sock`);
}

const signatures: Readonly<Record<KeyKind, string>> = {
  ec: "ecdsa_secp256r1_sha256",
  rsa: "rsa_pss_rsae_sha256:rsa_pkcs1_sha256",
};

/** The handshake's certificate names the block and the kind of its key in its CN. */
function handshake({ address, name, kind }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...placeOf(address),
      rejectUnauthorized: false,
      timeout: 20_000,
      sigalgs: signatures[kind],
      ...(name === null ? {} : { servername: name }),
    });
    socket.once("secureConnect", () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.once("timeout", () => {
      socket.destroy(new Error("no answer in time"));
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      const answer = refusals[error.code ?? ""];
      if (answer !== undefined) resolve(answer);
      else reject(new Error(`${address} ${String(name)}`, { cause: error }));
    });
  });
}

const refusals: Readonly<Record<string, Answer>> = {
  ERR_SSL_TLSV1_UNRECOGNIZED_NAME: "rejected",
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: "no pair",
  // The same in the words of other releases of OpenSSL.
  "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE": "no pair",
};

function placeOf(address: string) {
  if (address.startsWith("unix:")) return { path: address.slice(5) };
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replaceAll(/[[\]]/g, "");
  return { host, port: Number(address.slice(colon + 1)) };
}

async function makeWorlds(options: WorldsOptions): Promise<readonly World[]> {
  const samples = fc.sample(worldArbitrary, {
    seed: options.seed,
    numRuns: options.count,
  });
  const ports = await freePortPairs(samples.length);
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
  const isFirst = (places: readonly string[]): boolean => {
    if (places.some((place) => taken.has(place))) return false;
    for (const place of places) taken.add(place);
    return true;
  };
  const portsOf = ({ host, isRange }: Draft["listens"][number]) =>
    host === unix ? [] : isRange ? [port, port + 1] : [port];
  if (context === "stream") {
    const blocks = drafts.flatMap(({ listens, included, kind }, index) => {
      const own = listens
        .map((listen) => ({
          host: listen.host,
          ports: portsOf(listen),
          words: "ssl",
        }))
        .filter((listen) => isFirst(placesAt(listen)));
      const number = firstNumber + index;
      const pairs = kind === "both" || kind === "rsa" ? kinds[kind] : kinds.ec;
      const plain = { names: [], pairs, rejects: false };
      return own.length === 0
        ? []
        : [{ number, listens: own, included, ...plain }];
    });
    return { context, port, blocks };
  }
  const sayers = new Set<string>();
  const blocks = drafts.map(({ listens, names, kind, included }, index) => ({
    number: firstNumber + index,
    listens: listens.map((listen) => {
      const ports = portsOf(listen);
      const places = placesAt({ host: listen.host, ports });
      const mayLeave = places.every((place) => sayers.has(place));
      for (const place of places) sayers.add(place);
      const ssl = mayLeave && listen.leavesSslToOthers ? "" : "ssl";
      const isDefault = listen.asksDefault && isFirst(places);
      const words = isDefault ? `${ssl} default_server` : ssl;
      return { host: listen.host, ports, words };
    }),
    names,
    rejects: kind === "rejects",
    pairs: kinds[kind],
    included,
  }));
  const needsPair = (block: (typeof blocks)[number]): boolean =>
    block.listens.some((listen) =>
      placesAt(listen).some((place) => defaultAt(blocks, place) === block),
    );
  return {
    context,
    port,
    blocks: blocks.map((block) => ({
      ...block,
      pairs:
        block.pairs.length === 0 && needsPair(block) ? kinds.ec : block.pairs,
    })),
  };
}

const kinds = {
  ec: ["ec"],
  rsa: ["rsa"],
  both: ["ec", "rsa"],
  bare: [],
  rejects: ["ec"],
} as const satisfies Record<Draft["kind"], readonly KeyKind[]>;

/** By address and port: what Nginx compares. */
function placesAt({
  host,
  ports,
}: Pick<Listen, "host" | "ports">): readonly string[] {
  return host === unix ? [unix] : ports.map((port) => `${host}:${port}`);
}

function defaultAt<Some extends Pick<Block, "listens">>(
  blocks: readonly Some[],
  place: string,
): Some | undefined {
  const listensAt = ({ listens }: Some) =>
    listens.filter((listen) => placesAt(listen).includes(place));
  const at = blocks.filter((block) => listensAt(block).length > 0);
  const asks = at.find((block) =>
    listensAt(block).some(({ words }) => words.includes("default_server")),
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
  const { number, listens, names, rejects, included } = block;
  const pairs = pairsText(block.pairs, number, directory);
  const file = join(directory, `${number}.pair`);
  if (included === "pair") await writeFile(file, pairs);
  return [
    "server {",
    ...listens.map(({ host, ports, words }) =>
      host === unix
        ? `listen "unix:${socketPath(port, directory)}" ${words};`
        : `listen ${host}:${ports.join("-")} ${words};`,
    ),
    ...(names.length === 0
      ? []
      : [`server_name ${names.map((name) => `"${name}"`).join(" ")};`]),
    included === "pair" ? `include "${file}";` : pairs,
    ...(rejects ? ["ssl_reject_handshake on;"] : []),
    ...(context === "stream" ? ["return ok;"] : []),
    "}",
  ].join("\n");
}

/** The certificates first, then the keys: Nginx pairs the n-th with the n-th. */
function pairsText(
  pairs: readonly KeyKind[],
  number: number,
  directory: string,
): string {
  const file = (name: string): string => `"${join(directory, name)}"`;
  return [
    ...pairs.map((kind) => `ssl_certificate ${file(`${number}-${kind}.crt`)};`),
    ...pairs.map((kind) => `ssl_certificate_key ${file(`${kind}.pem`)};`),
  ].join(" ");
}

async function writeCertificates(
  directory: string,
  worlds: readonly World[],
): Promise<void> {
  const keys: Readonly<Record<KeyKind, KeyPair>> = {
    ec: generateKeyPairSync("ec", { namedCurve: "P-256" }),
    rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  };
  const blocks = worlds.flatMap((world) => world.blocks);
  const all = [{ number: 0, pairs: kinds.both }, ...blocks];
  for (const kind of ["ec", "rsa"] as const) {
    const key = keys[kind];
    const pem = key.privateKey.export({ type: "pkcs8", format: "pem" });
    await writeFile(join(directory, `${kind}.pem`), pem);
    for (const { number, pairs } of all)
      if (pairs.some((one) => one === kind))
        await writeFile(
          join(directory, `${number}-${kind}.crt`),
          selfSigned(`${number}-${kind}`, key),
        );
  }
}

function selfSigned(subject: string, key: KeyPair): string {
  return mint({
    ...{ subject, issuer: subject, key, signer: key, digest: "sha256" },
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + 86_400_000),
    extensions: [basicConstraints(false)],
  });
}
