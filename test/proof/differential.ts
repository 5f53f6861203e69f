/** One bundle, judged by livecert and by `openssl verify`: do they agree, and for the same reason? */
import { writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { readFileBounded } from "../../src/adapters/files/read-file.ts";
import { onlyRoots, type TrustRoots } from "../../src/adapters/tls/roots.ts";
import { examine } from "../../src/adapters/tls/examine.ts";
import type { Finding } from "../../src/core/validation/finding.ts";
import { createChance } from "../support/random.ts";
import { run } from "../support/run.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { generateBundle, World, type GeneratedBundle } from "./bundles.ts";

export interface Comparison {
  readonly changes: readonly string[];
  /** By OpenSSL. */
  readonly isAccepted: boolean;
  /** Both in their words, with the seed; null: they agree. */
  readonly difference: string | null;
}

/** Judges bundles; a bundle's seed is all that it takes to see it again. */
export class Differential implements AsyncDisposable {
  readonly #world: World;
  readonly #roots: TrustRoots;
  readonly #directory: Awaited<ReturnType<typeof temporaryDirectory>>;

  private constructor(
    world: World,
    roots: TrustRoots,
    directory: Awaited<ReturnType<typeof temporaryDirectory>>,
  ) {
    this.#world = world;
    this.#roots = roots;
    this.#directory = directory;
  }

  static async create(): Promise<Differential> {
    const directory = await temporaryDirectory();
    const now = new Date();
    const world = new World(new Date(now.getTime() - (now.getTime() % 1000)));
    const file = join(directory.path, "roots.pem");
    await writeFile(file, world.trustedRoots);
    return new Differential(world, await onlyRoots([file]), directory);
  }

  async compare(seed: number): Promise<Comparison> {
    const bundle = generateBundle(this.#world, createChance(seed));
    const file = join(this.#directory.path, `${seed}.pem`);
    await writeFile(file, bundle.pem.join(""));
    const [findings, error] = await Promise.all([
      this.#livecert(bundle, file),
      this.#openssl(bundle, `${file}.rest`),
    ]);
    const grave = findings.filter(({ severity }) => severity !== "warning");
    const agrees =
      error === null ? grave.length === 0 : givesReason(error, grave);
    const unjudged = findings.find(({ rule }) => rule === "chain/unjudged");
    const rules = unjudged?.message ?? grave.map(({ rule }) => rule).join(", ");
    const told = `${bundle.changes.join(" and ")}, seed ${seed}: openssl ${error ?? "accepts it"}; livecert ${rules || "accepts it"}`;
    return {
      changes: bundle.changes,
      isAccepted: error === null,
      difference: agrees ? null : told,
    };
  }

  async #livecert(
    { name }: GeneratedBundle,
    path: string,
  ): Promise<readonly Finding[]> {
    const { findings } = await examine(
      {
        label: path,
        certificate: await readFileBounded(path),
        key: null,
        password: null,
        cert: null,
        chain: null,
        securityLevel: null,
      },
      {
        now: this.#world.now,
        roots: this.#roots,
        requiredNames: [name],
        knownIssuers: [],
        temporaryDir: join(this.#directory.path, "scratch"),
        signal: AbortSignal.timeout(60_000),
      },
    );
    return findings;
  }

  /** OpenSSL's first complaint; null: it accepts the bundle. */
  async #openssl(
    { pem: [leaf = "", ...others], name }: GeneratedBundle,
    untrusted: string,
  ): Promise<string | null> {
    await writeFile(untrusted, others.join(""));
    const { exitCode, stdout, stderr } = await run(
      "openssl",
      [
        ...["verify", "-purpose", "sslserver", "-auth_level", "2"],
        ...[isIP(name) === 0 ? "-verify_hostname" : "-verify_ip", name],
        ...["-attime", String(this.#world.now.getTime() / 1000)],
        ...["-trusted", this.#roots.files[0] ?? ""],
        ...(others.length > 0 ? ["-untrusted", untrusted] : []),
      ],
      { input: leaf },
    );
    if (exitCode === 0) return null;
    const output = `${stdout}\n${stderr}`;
    const words = /^error \d+ at -?\d+ depth lookup: ?(.*)$/m.exec(output)?.[1];
    if (words === undefined) throw new Error(`openssl verify: ${output}`);
    return words;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directory[Symbol.asyncDispose]();
  }
}

/** By OpenSSL's words, what livecert must have found. */
const reasons: readonly (readonly [RegExp, readonly string[]])[] = [
  [/certificate key too weak/, ["strength/weak-key"]],
  [/digest algorithm too weak/, ["strength/weak-signature"]],
  [/(?:hostname|IP address) mismatch/, ["names/mismatch"]],
  [/has expired/, ["dates/expired", "dates/issuer-expired"]],
  [/not yet valid/, ["dates/not-yet-valid", "dates/issuer-not-yet-valid"]],
  [/signature failure/, ["chain/bad-signature"]],
  [/subtree violation/, ["chain/name-constraints"]],
  [/invalid CA certificate|path length/, ["chain/invalid-ca"]],
  [/self-signed certificate/, ["chain/untrusted"]],
  [/local issuer/, ["chain/untrusted", "chain/missing-intermediate"]],
  [/critical extension/, ["chain/critical-extension"]],
  [/certificate purpose/, ["chain/wrong-purpose"]],
];

/** Words that are in no row agree with nothing. */
function givesReason(error: string, findings: readonly Finding[]): boolean {
  const [, rules = []] = reasons.find(([words]) => words.test(error)) ?? [];
  return findings.some(
    ({ rule }) =>
      rules.includes(rule) ||
      // What OpenSSL says of an authority in the leaf's place is beside the point.
      rule === "pair/leaf-not-first",
  );
}
