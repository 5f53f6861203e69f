/**
 * The bundle fingerprint (design: it compares observations, not files). One function serves rehearsal and probe: both
 * hand in what Node's client reports after a handshake without any trust store.
 */
import { createHash } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import type {
  Bundle,
  Certificate,
} from "../../core/certificate/certificate.ts";
import { certificateFromDer } from "./certificate.ts";

/** null where the server showed no certificate, or one that OpenSSL cannot read. */
export function observedBundle(socket: TLSSocket): Bundle | null {
  const [leaf, ...others] = reportedChain(socket).map((der) =>
    certificateFromDer(der),
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

/** The served chain is the file's certificates one by one, so no rehearsal needs to tell what it would look like. */
export function sameAsServed(
  certificates: readonly Certificate[],
  bundle: Bundle,
): boolean {
  const served = [bundle.leaf, ...bundle.others];
  return (
    served.length === certificates.length &&
    served.every(
      ({ fingerprint256 }, index) =>
        fingerprint256 === certificates[index]?.fingerprint256,
    )
  );
}

/** DER, leaf first. A self-issued certificate is reported as its own issuer, for ever. */
function reportedChain(socket: TLSSocket): readonly Uint8Array[] {
  const chain = new Map<string, Uint8Array>();
  let next: Reported | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && next.fingerprint256 !== undefined) {
    if (chain.has(next.fingerprint256)) break;
    chain.set(next.fingerprint256, next.raw);
    next = next.issuerCertificate;
  }
  return [...chain.values()];
}

/** Node's types do not say that there is nothing in it without a certificate, and no issuer at the end. */
type Reported = Partial<DetailedPeerCertificate>;
