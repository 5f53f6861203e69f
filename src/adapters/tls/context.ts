/**
 * TLS contexts. All of them set the security level themselves: Node's own differs between its releases, and no verdict may
 * depend on that.
 */
import { createSecureContext, type SecureContext } from "node:tls";
import type { KeyObject } from "node:crypto";
import type {
  Certificate,
  KeyAlgorithm,
} from "../../core/certificate/certificate.ts";
import type { WeakKey } from "../../core/validation/strength.ts";
import { opensslReason } from "./openssl-error.ts";
import { pemOf } from "./pem-of.ts";

/** What OpenSSL said to certificates and key when it was to serve them, as Nginx asks it. */
export type Loading =
  | { readonly kind: "loaded"; readonly context: SecureContext }
  | { readonly kind: "weak-key"; readonly whose: WeakKey }
  | { readonly kind: "weak-signature" }
  | { readonly kind: "refused"; readonly reason: string };

/** Loads a server's certificates, with the key where there is one, at a security level. */
export function loadServerContext(
  certificates: readonly Certificate[],
  key: KeyObject | null,
  level: number,
): Loading {
  try {
    const context = createSecureContext({
      cert: certificates.map(({ der }) => pemOf(der)).join(""),
      ...(key === null
        ? {}
        : { key: key.export({ type: "pkcs8", format: "pem" }) }),
      ciphers: `DEFAULT@SECLEVEL=${level}`,
    });
    return { kind: "loaded", context };
  } catch (error) {
    return refusal(error);
  }
}

const refusals: Readonly<Record<string, Loading>> = {
  ERR_SSL_EE_KEY_TOO_SMALL: { kind: "weak-key", whose: "leaf" },
  ERR_SSL_CA_KEY_TOO_SMALL: { kind: "weak-key", whose: "issuer" },
  ERR_SSL_CA_MD_TOO_WEAK: { kind: "weak-signature" },
};

function refusal(error: unknown): Loading {
  const { code = "" } = error as NodeJS.ErrnoException;
  return refusals[code] ?? { kind: "refused", reason: opensslReason(error) };
}

const lookingContexts = new Map<KeyAlgorithm | null, SecureContext>();

/**
 * A client's context that looks and does not judge: every protocol version, key size and signature; no trust store, so that
 * no root is added to what is reported. `algorithm` makes a server with several pairs show that one.
 */
export function lookingContext(algorithm: KeyAlgorithm | null): SecureContext {
  const known = lookingContexts.get(algorithm);
  if (known !== undefined) return known;
  const { ciphers, sigalgs } = selections[algorithm ?? "any"];
  const context = createSecureContext({
    ca: [],
    minVersion: "TLSv1",
    ciphers: `${ciphers}:!aNULL:@SECLEVEL=0`,
    ...(sigalgs === null ? {} : { sigalgs }),
  });
  lookingContexts.set(algorithm, context);
  return context;
}

/** From TLS 1.2 on the signature algorithms select the pair, before it only the ciphers do. */
const selections = {
  any: { ciphers: "ALL", sigalgs: null },
  rsa: {
    ciphers: "aRSA",
    sigalgs: [
      "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512",
      "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512",
      "rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512:RSA+SHA1",
    ].join(":"),
  },
  ecdsa: {
    ciphers: "aECDSA",
    sigalgs:
      "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:ECDSA+SHA1",
  },
  eddsa: { ciphers: "aECDSA", sigalgs: "ed25519:ed448" },
} as const satisfies Record<
  KeyAlgorithm | "any",
  { readonly ciphers: string; readonly sigalgs: string | null }
>;
