/**
 * A private key's file as it was read. The bytes can be reached from this module only, and leave it as OpenSSL's own
 * opaque object, so that no log, error, state or message can ever print them.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
} from "node:crypto";
import { inspect } from "node:util";
import {
  canonicalPem,
  isBlank,
  nothingFitting,
  isEncryptedKey,
  keyBlocks,
  splitKeyPem,
  type PemBlock,
  type PemFault,
} from "../../core/certificate/pem.ts";

let reveal: (key: PrivateKey) => Uint8Array;

export class PrivateKey {
  readonly #bytes: Uint8Array;

  /** The whole file's content; it is not copied. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  static {
    reveal = (key) => key.#bytes;
  }

  toString(): string {
    return "[private key]";
  }

  toJSON(): string {
    return "[private key]";
  }

  [inspect.custom](): string {
    return "[private key]";
  }
}

export interface UsableKey {
  readonly kind: "usable";
  readonly key: KeyObject;
  /** OpenSSL's name: `rsa`, `rsa-pss`, `ec`, `ed25519`, … */
  readonly type: string;
  /** SHA-256 over the DER of its subjectPublicKeyInfo, as in `Certificate`. */
  readonly spki256: string;
}

/** What Nginx would find in a key file. */
export type KeyReading =
  | UsableKey
  /** The first key cannot be used without a password, and none of those given opens it. */
  | { readonly kind: "encrypted" }
  | PemFault;

/**
 * Reads the key that Nginx would use: the first block that decodes to a private key. Each password is tried in turn, as
 * Nginx does with the lines of a password file.
 */
export function readPrivateKey(
  key: PrivateKey,
  passwords: readonly Uint8Array[] = [],
): KeyReading {
  const bytes = reveal(key);
  if (isBlank(bytes)) return { kind: "empty" };
  const { blocks, broken } = splitKeyPem(bytes);
  const candidates = keyBlocks(blocks);
  for (const block of candidates) {
    const found = decode(block, passwords);
    if (found !== null) return found;
  }
  if (broken !== null) return broken;
  return candidates.length > 0
    ? { kind: "malformed", reason: "has a key that OpenSSL cannot decode" }
    : nothingFitting(blocks);
}

/** null where it is no key that OpenSSL understands: the next one is tried then. */
function decode(
  block: PemBlock,
  passwords: readonly Uint8Array[],
): Exclude<KeyReading, PemFault> | null {
  const pem = canonicalPem(block);
  if (!isEncryptedKey(block)) return open(pem, undefined);
  for (const password of passwords) {
    const found = open(pem, password);
    if (found !== null) return found;
  }
  return { kind: "encrypted" };
}

function open(pem: string, password: Uint8Array | undefined): UsableKey | null {
  try {
    const key = createPrivateKey({
      key: pem,
      format: "pem",
      ...(password === undefined ? {} : { passphrase: Buffer.from(password) }),
    });
    return {
      kind: "usable",
      key,
      type: key.asymmetricKeyType ?? "unknown",
      spki256: spkiFingerprint(createPublicKey(key)),
    };
  } catch {
    // OpenSSL's reason may quote its input, and it adds nothing that a user could act on.
    return null;
  }
}

/**
 * SHA-256 over the DER of a public key's subjectPublicKeyInfo, lower-case hexadecimal. An EC point counts as uncompressed
 * whatever its file says: certificate and key may differ in that, and belong together all the same.
 */
export function spkiFingerprint(key: KeyObject): string {
  const spki = key.export({ type: "spki", format: "der" });
  const isCompressed =
    key.asymmetricKeyType === "ec" && pointForm(spki) !== uncompressedPoint;
  return createHash("sha256")
    .update(isCompressed ? uncompressed(key, spki) : spki)
    .digest("hex");
}

/** SEC 1, section 2.3.3. */
const uncompressedPoint = 4;

/** The first byte of the point: SEQUENCE { algorithm SEQUENCE, subjectPublicKey BIT STRING } (RFC 5480, section 2). */
function pointForm(spki: Uint8Array): number | null {
  const algorithm = elementAt(spki, 0).begin;
  const bits = elementAt(spki, elementAt(spki, algorithm).end).begin;
  // The number of unused bits comes first.
  return spki[bits + 1] ?? null;
}

/** Where the content of a DER element lies (X.690, section 8.1.3). */
function elementAt(
  der: Uint8Array,
  offset: number,
): { readonly begin: number; readonly end: number } {
  const first = der[offset + 1] ?? 0;
  const more = first < 0x80 ? 0 : first & 0x7f;
  const begin = offset + 2 + more;
  const length =
    more === 0
      ? first
      : der
          .subarray(offset + 2, begin)
          .reduce((sum, byte) => sum * 256 + byte, 0);
  return { begin, end: begin + length };
}

function uncompressed(key: KeyObject, spki: Uint8Array): Uint8Array {
  try {
    const jwk = key.export({ format: "jwk" });
    return createPublicKey({ key: jwk, format: "jwk" }).export({
      type: "spki",
      format: "der",
    });
  } catch {
    // A curve that JSON Web Keys have no name for.
    return spki;
  }
}
