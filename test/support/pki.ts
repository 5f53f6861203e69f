/**
 * A public key infrastructure. Its authorities, and leaves out of the ordinary, are made by the real `openssl ca`, which alone
 * lets start and end be chosen freely; the hundreds of ordinary leaves in this process (mint.ts), a hundred times faster.
 * None of it is code of the product, which judges them.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  X509Certificate,
  type KeyObject,
} from "node:crypto";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  mint,
  subjectAltName,
  subjectKeyIdentifier,
  type KeyPair,
} from "./mint.ts";
import { mustRun } from "./run.ts";
import { temporaryDirectory } from "./temporary.ts";

export type KeyType =
  | "ec-p256"
  | "ec-p384"
  | "ec-secp256k1"
  | "ed25519"
  | "rsa-1024"
  | "rsa-2048"
  | "rsa-3072"
  | "rsa-pss-2048";

export interface CertificateRequest {
  /** Subject CN; by default the first name. */
  readonly commonName?: string;
  /** DNS names and IP addresses of the subjectAltName. */
  readonly names?: readonly string[];
  readonly keyType?: KeyType;
  /** Use this key (PEM) rather than a new one. */
  readonly key?: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly digest?: "sha256" | "sha384" | "sha1" | "md5";
  /** In OpenSSL's words, by extension; null leaves one out that is there by default. */
  readonly extensions?: Readonly<Record<string, string | null>>;
}

/** A certificate with its key, both PEM; the key is PKCS#8. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

type KeyPairCallback = (
  error: Error | null,
  publicKey: KeyObject,
  privateKey: KeyObject,
) => void;

const generators: Readonly<
  Record<KeyType, (callback: KeyPairCallback) => void>
> = {
  "ec-p256": ec("P-256"),
  "ec-p384": ec("P-384"),
  "ec-secp256k1": ec("secp256k1"),
  ed25519: (callback) => generateKeyPair("ed25519", {}, callback),
  "rsa-1024": rsa(1024),
  "rsa-2048": rsa(2048),
  "rsa-3072": rsa(3072),
  "rsa-pss-2048": (callback) =>
    generateKeyPair("rsa-pss", { modulusLength: 2048 }, callback),
};

function ec(namedCurve: string) {
  return (callback: KeyPairCallback): void =>
    generateKeyPair("ec", { namedCurve }, callback);
}

function rsa(modulusLength: number) {
  return (callback: KeyPairCallback): void =>
    generateKeyPair("rsa", { modulusLength }, callback);
}

const dayMs = 86_400_000;

const authorityExtensions = {
  basicConstraints: "critical,CA:TRUE",
  keyUsage: "critical,keyCertSign,cRLSign",
  subjectKeyIdentifier: "hash",
  authorityKeyIdentifier: "keyid",
};

const leafExtensions = {
  basicConstraints: "critical,CA:FALSE",
  keyUsage: "critical,digitalSignature",
  extendedKeyUsage: "serverAuth",
  subjectKeyIdentifier: "hash",
  authorityKeyIdentifier: "keyid",
};

/** An authority that issues leaves and further authorities. */
export class Authority implements Issued {
  readonly certificate: string;
  readonly key: string;
  readonly #directory: string;
  readonly #keys: KeyPair;
  readonly #subject: string;

  constructor(directory: string, issued: Issued) {
    this.#directory = directory;
    this.certificate = issued.certificate;
    this.key = issued.key;
    this.#keys = keyPairOf(issued.key);
    this.#subject = new X509Certificate(issued.certificate).subject;
  }

  /** A leaf, valid from an hour ago for 90 days unless told otherwise. */
  leaf(request: CertificateRequest): Promise<Issued> {
    return this.#isOrdinary(request)
      ? this.#mintLeaf(request)
      : this.#issueLeaf(request);
  }

  #isOrdinary(request: CertificateRequest): boolean {
    const { keyType, key, digest, extensions, names = [] } = request;
    return (
      [keyType, key, digest, extensions].every((one) => one === undefined) &&
      this.#keys.publicKey.asymmetricKeyType === "ec" &&
      /^CN=[\w ]+$/.test(this.#subject) &&
      names.every((name) => /^[\x21-\x7e]+$/.test(name) && isIP(name) !== 6)
    );
  }

  async #mintLeaf(request: CertificateRequest): Promise<Issued> {
    const { names = [], commonName = names[0] ?? "leaf" } = request;
    const key = await createKey("ec-p256");
    const pair = keyPairOf(key);
    const certificate = mint({
      subject: commonName.slice(0, 64),
      issuer: this.#subject.replace("CN=", ""),
      notBefore: request.notBefore ?? hoursAgo(1),
      notAfter: request.notAfter ?? hoursAgo(-90 * 24),
      key: pair,
      signer: this.#keys,
      digest: "sha256",
      extensions: [
        basicConstraints(false),
        keyUsage(0),
        extendedKeyUsage("serverAuth"),
        subjectKeyIdentifier(pair),
        authorityKeyIdentifier(this.#keys),
        ...(names.length > 0 ? [subjectAltName(names)] : []),
      ],
    });
    return { certificate, key };
  }

  #issueLeaf(request: CertificateRequest): Promise<Issued> {
    const names = request.names ?? [];
    return issue(this.#directory, this, {
      commonName: names[0] ?? "leaf",
      ...request,
      extensions: {
        ...leafExtensions,
        ...(names.length > 0
          ? { subjectAltName: names.map(typedName).join(",") }
          : {}),
        ...request.extensions,
      },
    });
  }

  async authority(request: CertificateRequest): Promise<Authority> {
    const issued = await issue(this.#directory, this, asAuthority(request));
    return new Authority(this.#directory, issued);
  }
}

export interface Pki extends AsyncDisposable {
  readonly directory: string;
  readonly root: Authority;
  /** The root's certificate as a file. */
  readonly rootFile: string;
  /** Issued by the root; issues the leaves. */
  readonly intermediate: Authority;
  /** Another root, signed by itself. */
  anotherRoot(request?: CertificateRequest): Promise<Authority>;
}

export interface PkiOptions {
  readonly root?: CertificateRequest;
  readonly intermediate?: CertificateRequest;
}

export async function createPki(options: PkiOptions = {}): Promise<Pki> {
  const directory = await temporaryDirectory();
  const { path } = directory;
  const isUsual = Object.keys(options).length === 0;
  const { root, intermediate } = await (isUsual
    ? (usual ??= authorities(path, {}))
    : authorities(path, options));
  const rootFile = join(path, "root.pem");
  await writeFile(rootFile, root.certificate);
  return {
    directory: path,
    root: new Authority(path, root),
    rootFile,
    intermediate: new Authority(path, intermediate),
    anotherRoot: async (request) =>
      new Authority(path, await issueRoot(path, request)),
    [Symbol.asyncDispose]: () =>
      Promise.resolve(directory[Symbol.asyncDispose]()),
  };
}

interface Authorities {
  readonly root: Issued;
  readonly intermediate: Issued;
}

/** Issued once for all tests of a file: nothing depends on whose they are. */
let usual: Promise<Authorities> | undefined;

async function authorities(
  directory: string,
  options: PkiOptions,
): Promise<Authorities> {
  const root = await issueRoot(directory, {
    commonName: "Test Root",
    ...options.root,
  });
  const intermediate = await new Authority(directory, root).authority({
    commonName: "Test Intermediate",
    ...options.intermediate,
  });
  return { root, intermediate };
}

function issueRoot(
  directory: string,
  request: CertificateRequest = {},
): Promise<Issued> {
  const root = asAuthority({ commonName: "Another Root", ...request });
  return issue(directory, null, root);
}

function keyPairOf(key: string): KeyPair {
  const privateKey = createPrivateKey(key);
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

/** A new private key, PEM (PKCS#8). */
export function createKey(keyType: KeyType): Promise<string> {
  return new Promise((resolve, reject) => {
    generators[keyType]((error, _public, key) => {
      if (error === null)
        resolve(key.export({ type: "pkcs8", format: "pem" }).toString());
      else reject(error);
    });
  });
}

/** The same key, encrypted (PKCS#8). */
export async function encryptKey(
  key: string,
  password: string,
): Promise<string> {
  const { stdout } = await mustRun(
    "openssl",
    ["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", `pass:${password}`],
    { input: key },
  );
  return stdout;
}

/** The same EC key as SEC1 with an `EC PARAMETERS` block before it, as older programs write it. */
export async function traditionalKey(key: string): Promise<string> {
  const parameters = await mustRun(
    "openssl",
    ["ec", "-param_out", "-outform", "PEM"],
    { input: key },
  );
  const traditional = await mustRun("openssl", ["pkey", "-traditional"], {
    input: key,
  });
  const block =
    /-----BEGIN EC PARAMETERS-----[^]*-----END EC PARAMETERS-----\n/.exec(
      parameters.stdout,
    );
  return (block?.[0] ?? "") + traditional.stdout;
}

/** SHA-256 over the DER of the first certificate in `pem`, written as OpenSSL prints it: `AB:CD:…`. */
export function fingerprintOf(pem: string): string {
  const [, base64] =
    /-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/.exec(pem) ??
    [];
  if (base64 === undefined) throw new Error(`no certificate in ${pem}`);
  const digest = createHash("sha256")
    .update(Buffer.from(base64, "base64"))
    .digest("hex");
  return (digest.toUpperCase().match(/../g) ?? []).join(":");
}

function asAuthority(request: CertificateRequest): CertificateRequest {
  return {
    notAfter: new Date(Date.now() + 3650 * dayMs),
    ...request,
    extensions: { ...authorityExtensions, ...request.extensions },
  };
}

/** `issuer` null: signed by itself. */
async function issue(
  parent: string,
  issuer: Issued | null,
  request: CertificateRequest,
): Promise<Issued> {
  const directory = await mkdtemp(join(parent, "issue-"));
  const key = request.key ?? (await createKey(request.keyType ?? "ec-p256"));
  const path = (name: string): string => join(directory, name);
  await Promise.all([
    writeFile(path("key.pem"), key, { mode: 0o600 }),
    writeFile(path("issuer.pem"), issuer?.certificate ?? ""),
    writeFile(path("issuer-key.pem"), issuer?.key ?? key, { mode: 0o600 }),
    writeFile(path("index.txt"), ""),
    writeFile(path("ca.cnf"), authorityConfiguration(directory, request)),
  ]);
  const subject = `/CN=${(request.commonName ?? "Test").slice(0, 64)}`;
  await mustRun("openssl", [
    ...["req", "-new", "-utf8", "-key", path("key.pem"), "-subj", subject],
    ...["-out", path("request.pem")],
  ]);
  await mustRun("openssl", [
    ...["ca", "-batch", "-notext", "-utf8", "-config", path("ca.cnf")],
    ...["-in", path("request.pem"), "-out", path("certificate.pem")],
    ...(issuer ? ["-cert", path("issuer.pem")] : ["-selfsign"]),
    ...["-keyfile", path("issuer-key.pem")],
    ...["-md", request.digest ?? "default", "-extensions", "extensions"],
    ...["-startdate", asn1Time(request.notBefore ?? hoursAgo(1))],
    ...["-enddate", asn1Time(request.notAfter ?? hoursAgo(-90 * 24))],
  ]);
  return { certificate: await readFile(path("certificate.pem"), "utf8"), key };
}

function authorityConfiguration(
  directory: string,
  request: CertificateRequest,
): string {
  const extensions = Object.entries(request.extensions ?? {}).filter(
    ([, value]) => value !== null,
  );
  return [
    "[ca]",
    "default_ca = authority",
    "[authority]",
    `database = ${join(directory, "index.txt")}`,
    `new_certs_dir = ${directory}`,
    "rand_serial = yes",
    "unique_subject = no",
    "default_md = default",
    "policy = anything",
    "[anything]",
    "commonName = optional",
    "[extensions]",
    ...extensions.map(([name, value]) => `${name} = ${String(value)}`),
    "",
  ].join("\n");
}

function typedName(name: string): string {
  return isIP(name) === 0 ? `DNS:${name}` : `IP:${name}`;
}

function hoursAgo(hours: number): Date {
  return new Date(Date.now() - hours * 3_600_000);
}

/** `YYYYMMDDHHMMSSZ`. */
function asn1Time(instant: Date): string {
  return instant.toISOString().replace(/\.\d+/, "").replace(/[-:T]/g, "");
}
