/** What follows from a certificate's `keyType` (`rsa-2048`, `rsa-pss-2048`, `ec-p256`, `ed25519`, …). */
import type { KeyAlgorithm } from "./certificate.ts";

/** `rsa-2048` → `rsa`, `rsa-pss-2048` → `rsa-pss`, `ec-p256` → `ec`: one slot each in OpenSSL's server. */
export function keyFamily(keyType: string): string {
  return keyType.startsWith("ec-") ? "ec" : keyType.replace(/-\d+$/, "");
}

/** By which a client chooses between the pairs of a server. */
export function keyAlgorithmOf(keyType: string): KeyAlgorithm {
  if (keyType.startsWith("rsa")) return "rsa";
  return keyType.startsWith("ec") ? "ecdsa" : "eddsa";
}
