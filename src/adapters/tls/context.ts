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

/**
 * Loads a server's certificates, with the key where there is one, at a security level. No trust store: OpenSSL would complete
 * a chain from it, which Nginx does not let it do.
 * Source: ngx_ssl_create() in https://github.com/nginx/nginx/blob/release-1.22.1/src/event/ngx_event_openssl.c
 * (SSL_MODE_NO_AUTO_CHAIN)
 */
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
      ca: [],
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

/** What a looking client asks for: whatever there is, what usual clients know, or a pair of one key type. */
export type Wish = KeyAlgorithm | "anything" | "usual";

const lookingContexts = new Map<Wish, SecureContext>();

/**
 * A client's context that looks and does not judge: every protocol version and key size; no trust store, so that no root is
 * added to what is reported.
 */
export function lookingContext(wish: Wish): SecureContext {
  const known = lookingContexts.get(wish);
  if (known !== undefined) return known;
  const { ciphers, sigalgs } = selections[wish];
  const context = createSecureContext({
    ca: [],
    minVersion: "TLSv1",
    ciphers: `${everySuite}:${ciphers}:!aNULL:@SECLEVEL=0`,
    ...(sigalgs === null ? {} : { sigalgs }),
  });
  lookingContexts.set(wish, context);
  return context;
}

/** Those of TLS 1.3, which `ALL` does not speak of; by default OpenSSL leaves out the two with CCM. */
const everySuite = [
  "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
  "TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256",
].join(":");

const rsaAlgorithms = [
  "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512",
  "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512",
  "rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512:RSA+SHA1",
].join(":");
const ecdsaAlgorithms =
  "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:ECDSA+SHA1";
const eddsaAlgorithms = "ed25519:ed448";

/** From TLS 1.2 on the signature algorithms select the pair, before it only the ciphers do. */
const selections = {
  anything: { ciphers: "ALL", sigalgs: null },
  // The defaults grow with OpenSSL: 3.2 added brainpool curves, which no browser has.
  usual: {
    ciphers: "ALL",
    sigalgs: [rsaAlgorithms, ecdsaAlgorithms, eddsaAlgorithms].join(":"),
  },
  rsa: { ciphers: "aRSA", sigalgs: rsaAlgorithms },
  ecdsa: { ciphers: "aECDSA", sigalgs: ecdsaAlgorithms },
  eddsa: { ciphers: "aECDSA", sigalgs: eddsaAlgorithms },
} as const satisfies Record<
  Wish,
  { readonly ciphers: string; readonly sigalgs: string | null }
>;
