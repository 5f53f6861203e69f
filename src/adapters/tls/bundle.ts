/**
 * The bundle fingerprint (design: it compares observations, not files). One function serves rehearsal and probe: both
 * hand in what Node's client reports after a handshake without any trust store.
 */
import { createHash, type X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type {
  Bundle,
  Certificate,
} from "../../core/certificate/certificate.ts";
import { certificateFromDer } from "./certificate.ts";

/** null where the server showed no certificate, or one that OpenSSL cannot read. */
export function observedBundle(socket: TLSSocket): Bundle | null {
  const [leaf, ...others] = reported(sentChain(socket)).map(({ raw }) =>
    certificateFromDer(raw),
  );
  if (leaf === undefined || leaf === null) return null;
  const readable = others.filter((one) => one !== null);
  return { leaf, others: readable, bundle256: bundle256([leaf, ...readable]) };
}

/** SHA-256 over the concatenated DER, as OpenSSL prints fingerprints. */
export function bundle256(certificates: readonly Certificate[]): string {
  const hash = createHash("sha256");
  for (const { der } of certificates) hash.update(der);
  return (hash.digest("hex").toUpperCase().match(/../g) ?? []).join(":");
}

/** Leaf first. Unlike getPeerCertificate(), this does not crash Node 24 over keys on brainpool curves. */
function sentChain(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

/**
 * What getPeerCertificate(true) makes of a chain: from the leaf to whoever issued it, and so on, until none is found or one
 * that stood last; the rest is dropped.
 * Source: AddIssuerChainToObject() in Node's src/crypto/crypto_common.cc
 */
function reported(
  chain: readonly X509Certificate[],
): readonly X509Certificate[] {
  const path = chain.slice(0, 1);
  const rest = chain.slice(1);
  for (const last of path) {
    const index = rest.findIndex((one) => last.checkIssued(one));
    const [issuer] = index === -1 ? [] : rest.splice(index, 1);
    if (issuer === undefined || isAmong(path, issuer)) break;
    path.push(issuer);
    if (index === rest.length) break;
  }
  return path;
}

function isAmong(
  path: readonly X509Certificate[],
  certificate: X509Certificate,
): boolean {
  return path.some((one) => one.raw.equals(certificate.raw));
}
