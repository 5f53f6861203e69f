/**
 * An X.509 certificate as a plain record (RFC 5280). OpenSSL reads it (adapters/tls); only what Node's own reading of it does
 * not tell is looked up in the DER (signature.ts).
 */
export interface Certificate {
  /** SHA-256 over the DER, as OpenSSL prints it: `AB:CD:…`. */
  readonly fingerprint256: string;
  /** Upper-case hexadecimal, as OpenSSL prints it. */
  readonly serial: string;
  /** One line, most specific part first: `CN=example.org, O=Example`. */
  readonly subject: string;
  readonly issuer: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** In the certificate's order, with their type: `DNS:example.org`, `IP:192.0.2.1`, `email:…`. */
  readonly subjectAltNames: readonly string[];
  /** `rsa-2048`, `rsa-pss-2048`, `ec-p256`, `ec-p384`, `ed25519`, …; `unknown` where OpenSSL cannot tell. */
  readonly keyType: string;
  /** basicConstraints CA flag. */
  readonly isCa: boolean;
  readonly der: Uint8Array;
}

/** What a probe asks for when a server holds one pair per key type (Nginx ≥ 1.11.0). */
export type KeyAlgorithm = "rsa" | "ecdsa" | "eddsa";

/** A server's answer or a file's content: the leaf, then what is sent after it, in that order. */
export interface Bundle {
  readonly leaf: Certificate;
  readonly others: readonly Certificate[];
  /**
   * SHA-256 (`AB:CD:…`) over the concatenated DER of the chain that Node's client reports when it is handed these
   * certificates, without a trust store. Compares observations: the rehearsal's on-disk with the probe's served.
   */
  readonly bundle256: string;
}
