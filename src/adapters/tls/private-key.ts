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
  isEncryptedKey,
  keyBlocks,
  splitKeyPem,
  type PemBlock,
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

/** What Nginx would find in a key file. */
export type KeyReading =
  | {
      readonly kind: "usable";
      readonly key: KeyObject;
      /** OpenSSL's name: `rsa`, `rsa-pss`, `ec`, `ed25519`, … */
      readonly type: string;
      /** SHA-256 over the DER of its subjectPublicKeyInfo, as in `Certificate`. */
      readonly spki256: string;
    }
  | { readonly kind: "empty" }
  /** A PEM block before or around the key is broken. */
  | {
      readonly kind: "broken";
      readonly fault: "truncated" | "malformed";
      readonly reason: string;
    }
  /** There is PEM in it, or there is not, but no private key. */
  | { readonly kind: "no-key"; readonly labels: readonly string[] }
  /** The first key cannot be used without a password, and none of those given opens it. */
  | { readonly kind: "encrypted"; readonly triedPasswords: number }
  /** The right label around something that OpenSSL cannot decode. */
  | { readonly kind: "undecodable" };

/**
 * Reads the key that Nginx would use: the first block that decodes to a private key. Each line of a password file is
 * tried in turn, as Nginx does.
 */
export function readPrivateKey(
  key: PrivateKey,
  passwords: readonly string[] = [],
): KeyReading {
  const bytes = reveal(key);
  if (bytes.every((byte) => byte <= 0x20)) return { kind: "empty" };
  const { blocks, broken } = splitKeyPem(bytes);
  const candidates = keyBlocks(blocks);
  for (const block of candidates) {
    const found = decode(block, passwords);
    if (found.kind !== "undecodable") return found;
  }
  if (broken !== null)
    return { kind: "broken", fault: broken.kind, reason: broken.reason };
  if (candidates.length > 0) return { kind: "undecodable" };
  return { kind: "no-key", labels: blocks.map(({ label }) => label) };
}

function decode(block: PemBlock, passwords: readonly string[]): KeyReading {
  const pem = canonicalPem(block);
  if (!isEncryptedKey(block)) return attempt(pem, undefined);
  for (const password of passwords) {
    const found = attempt(pem, password);
    if (found.kind === "usable") return found;
  }
  return { kind: "encrypted", triedPasswords: passwords.length };
}

function attempt(pem: string, passphrase: string | undefined): KeyReading {
  try {
    const key = createPrivateKey({
      key: pem,
      format: "pem",
      ...(passphrase === undefined ? {} : { passphrase }),
    });
    return {
      kind: "usable",
      key,
      type: key.asymmetricKeyType ?? "unknown",
      spki256: spkiFingerprint(createPublicKey(key)),
    };
  } catch {
    // OpenSSL's reason may quote its input, and it adds nothing that a user could act on.
    return { kind: "undecodable" };
  }
}

/** SHA-256 over the DER of a public key's subjectPublicKeyInfo, lower-case hexadecimal. */
export function spkiFingerprint(key: KeyObject): string {
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("hex");
}
