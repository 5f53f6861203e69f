/**
 * Certificates by the thousand, made in this process in a fraction of a millisecond each, and with faults that no
 * authority's program would make. They are judged by OpenSSL like any others. Source: RFC 5280.
 */
import { createHash, randomBytes, sign, type KeyObject } from "node:crypto";
import { isIPv4 } from "node:net";
import {
  bits,
  integer,
  namedBits,
  nothing,
  octets,
  oid,
  raw,
  sequence,
  set,
  tagged,
  time,
  utf8,
  yes,
  type Der,
} from "./der.ts";

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export type Digest = "sha256" | "sha1" | "md5";

export interface Draft {
  /** Common names. */
  readonly subject: string;
  readonly issuer: string;
  readonly notBefore: Date;
  /** Or a time as it stands in the certificate. */
  readonly notAfter: Date | Der;
  /** Whose certificate it is. */
  readonly key: KeyPair;
  /** Who signs it. */
  readonly signer: KeyPair;
  readonly digest: Digest;
  readonly extensions: readonly Der[];
}

/** PEM. */
export function mint(draft: Draft): string {
  const algorithm = signatureAlgorithm(draft);
  const body = sequence(
    tagged(0, integer(2)),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    name(draft.issuer),
    sequence(
      time(draft.notBefore),
      Buffer.isBuffer(draft.notAfter) ? draft.notAfter : time(draft.notAfter),
    ),
    name(draft.subject),
    spki(draft.key),
    ...(draft.extensions.length === 0
      ? []
      : [tagged(3, sequence(...draft.extensions))]),
  );
  const signature = sign(draft.digest, body, draft.signer.privateKey);
  return pem(sequence(body, algorithm, bits(signature)));
}

/** The same certificate with one bit of its signature turned. */
export function withBrokenSignature(certificate: string): string {
  const der = Buffer.from(
    certificate.replaceAll(/-----.*-----/g, ""),
    "base64",
  );
  der.writeUInt8(der.readUInt8(der.length - 3) ^ 1, der.length - 3);
  return pem(der);
}

export const basicConstraints = (isCa: boolean, pathLength?: number): Der =>
  extension(
    "2.5.29.19",
    sequence(
      ...(isCa ? [yes] : []),
      ...(pathLength === undefined ? [] : [integer(pathLength)]),
    ),
    true,
  );

/** digitalSignature is 0, keyEncipherment 2, keyCertSign 5, cRLSign 6. */
export const keyUsage = (...numbers: readonly number[]): Der =>
  extension("2.5.29.15", namedBits(numbers), true);

const purposes = {
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  codeSigning: "1.3.6.1.5.5.7.3.3",
  any: "2.5.29.37.0",
};

export const extendedKeyUsage = (
  ...names: readonly (keyof typeof purposes)[]
): Der =>
  extension("2.5.29.37", sequence(...names.map((one) => oid(purposes[one]))));

export const subjectAltName = (names: readonly string[]): Der =>
  extension("2.5.29.17", sequence(...names.map(generalName)));

export const nameConstraints = (constraints: {
  readonly permitted?: readonly string[];
  readonly excluded?: readonly string[];
}): Der => {
  const subtrees = (number: number, names: readonly string[] = []): Der[] =>
    names.length === 0
      ? []
      : [tagged(number, ...names.map((one) => sequence(constrained(one))))];
  const { permitted, excluded } = constraints;
  return extension(
    "2.5.29.30",
    sequence(...subtrees(0, permitted), ...subtrees(1, excluded)),
    true,
  );
};

/** requireExplicitPolicy; without any policy below it, whoever looks at policies accepts nothing. */
export const policyConstraints = (): Der =>
  extension("2.5.29.36", sequence(raw(0, Buffer.from([0]))), true);

export const certificatePolicies = (): Der =>
  extension("2.5.29.32", sequence(sequence(oid("1.3.6.1.4.1.99999.2"))), true);

/** A name, or `192.0.2.0/24`. */
function constrained(subtree: string): Der {
  const [address = "", bits] = subtree.split("/");
  if (bits === undefined) return raw(2, Buffer.from(subtree));
  const mask = Buffer.alloc(4);
  mask.writeUInt32BE((0xffffffff << (32 - Number(bits))) >>> 0);
  return raw(7, Buffer.from([...address.split(".").map(Number), ...mask]));
}

export const subjectKeyIdentifier = (key: KeyPair): Der =>
  extension("2.5.29.14", octets(keyIdentifier(key)));

export const authorityKeyIdentifier = (key: KeyPair): Der =>
  extension("2.5.29.35", sequence(raw(0, keyIdentifier(key))));

/** That nobody knows. */
export const unknownExtension = (isCritical: boolean, text?: string): Der =>
  extension(
    "1.3.6.1.4.1.99999.1",
    text === undefined ? nothing : utf8(text),
    isCritical,
  );

function extension(id: string, value: Der, isCritical = false): Der {
  return sequence(oid(id), ...(isCritical ? [yes] : []), octets(value));
}

function generalName(text: string): Der {
  return isIPv4(text)
    ? raw(7, Buffer.from(text.split(".").map(Number)))
    : raw(2, Buffer.from(text));
}

function name(commonName: string): Der {
  return sequence(set(sequence(oid("2.5.4.3"), utf8(commonName))));
}

function spki({ publicKey }: KeyPair): Der {
  return publicKey.export({ type: "spki", format: "der" });
}

/** As OpenSSL's `hash` has it (RFC 5280, 4.2.1.2, the first method). */
function keyIdentifier({ publicKey }: KeyPair): Buffer {
  const hash = createHash("sha1");
  if (publicKey.asymmetricKeyType === "rsa")
    return hash
      .update(publicKey.export({ type: "pkcs1", format: "der" }))
      .digest();
  const { x = "", y = "" } = publicKey.export({ format: "jwk" });
  const coordinates = [x, y].map((one) => Buffer.from(one, "base64url"));
  return hash
    .update(Buffer.concat([Buffer.from([4]), ...coordinates]))
    .digest();
}

const signatureOids: Readonly<Record<"ec" | "rsa", Record<Digest, string>>> = {
  ec: {
    sha256: "1.2.840.10045.4.3.2",
    sha1: "1.2.840.10045.4.1",
    md5: "1.2.840.10045.4.1",
  },
  rsa: {
    sha256: "1.2.840.113549.1.1.11",
    sha1: "1.2.840.113549.1.1.5",
    md5: "1.2.840.113549.1.1.4",
  },
};

function signatureAlgorithm({ signer, digest }: Draft): Der {
  return signer.privateKey.asymmetricKeyType === "rsa"
    ? sequence(oid(signatureOids.rsa[digest]), nothing)
    : sequence(oid(signatureOids.ec[digest]));
}

function pem(der: Der): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return [
    "-----BEGIN CERTIFICATE-----",
    ...lines,
    "-----END CERTIFICATE-----",
    "",
  ].join("\n");
}
