/**
 * A private key's file as it was read. The bytes can be reached from this module only, and leave it as OpenSSL's own
 * opaque object, so that no log, error, state or message can ever print them.
 */
import { createPrivateKey, type KeyObject } from "node:crypto";
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

/**
 * The file's content, for the one place where livecert hands keys on: what adapters/publish writes for a service, and the
 * pipe by which it gets there.
 */
export function contentOfKey(key: PrivateKey): Uint8Array {
  return reveal(key);
}

export interface UsableKey {
  readonly kind: "usable";
  readonly key: KeyObject;
  /** OpenSSL's name: `rsa`, `rsa-pss`, `ec`, `ed25519`, … */
  readonly type: string;
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
    return { kind: "usable", key, type: key.asymmetricKeyType ?? "unknown" };
  } catch {
    // OpenSSL's reason may quote its input, and it adds nothing that a user could act on.
    return null;
  }
}
