/** X.509 read by OpenSSL, through Node: a PEM block or DER becomes a `Certificate`. */
import { X509Certificate, type KeyObject } from "node:crypto";
import type { Certificate } from "../../core/certificate/certificate.ts";
import {
  canonicalPem,
  certificateBlocks,
  isBlank,
  nothingFitting,
  splitPem,
  type PemBlock,
  type PemFault,
} from "../../core/certificate/pem.ts";
import {
  distinguishedName,
  subjectAltNames,
} from "../../core/certificate/text.ts";
import { answersOf, remembered } from "./known-certificates.ts";
import { pemOf } from "./pem-of.ts";

/** What Nginx would load from a certificate file; `certificates` has at least one. */
export type CertificateReading =
  | { readonly kind: "read"; readonly certificates: readonly Certificate[] }
  | PemFault;

/** Reads a whole certificate file by Nginx's rules; one bad block spoils it. */
export function readCertificates(bytes: Uint8Array): CertificateReading {
  if (isBlank(bytes)) return { kind: "empty" };
  const { blocks, broken } = splitPem(bytes);
  if (broken !== null) return broken;
  const found = certificateBlocks(blocks);
  if (found.length === 0) return nothingFitting(blocks);

  const certificates: Certificate[] = [];
  for (const [index, block] of found.entries()) {
    const certificate = readBlock(block, index);
    if (certificate === null)
      return {
        kind: "malformed",
        reason: `has no certificate that OpenSSL can read in the block at line ${block.line}`,
      };
    certificates.push(certificate);
  }
  return { kind: "read", certificates };
}

/** Nginx reads the first block together with trust data that may follow it, the others without. */
function readBlock(block: PemBlock, index: number): Certificate | null {
  if (block.header !== "") return null;
  return remembered(block.body, () =>
    read(() =>
      index === 0
        ? new X509Certificate(canonicalPem(block, "TRUSTED CERTIFICATE"))
        : decode(Buffer.from(block.body, "base64")),
    ),
  );
}

/** null where OpenSSL cannot read it. */
export function certificateFromDer(der: Uint8Array): Certificate | null {
  return remembered(Buffer.from(der).toString("base64"), () =>
    read(() => decode(der)),
  );
}

/** OpenSSL's answer to a question about nothing but this certificate and what the question names; asked once. */
export function askOnce(
  certificate: Certificate,
  question: string,
  ask: (x509: X509Certificate) => boolean,
): boolean {
  const answers = answersOf(certificate);
  const answer = answers.get(question) ?? ask(x509Of(certificate));
  answers.set(question, answer);
  return answer;
}

function read(source: () => X509Certificate): Certificate | null {
  try {
    return toRecord(source());
  } catch {
    return null;
  }
}

/** Node.js looks for PEM in DER first, and a certificate may hold another one as text. */
function decode(der: Uint8Array): X509Certificate {
  const x509 = new X509Certificate(der);
  const { raw } = x509;
  return raw.equals(der.subarray(0, raw.length))
    ? x509
    : new X509Certificate(pemOf(der));
}

const parsed = new WeakMap<Certificate, X509Certificate>();

/** OpenSSL's own object for a record, to ask it what only OpenSSL can answer. */
export function x509Of(certificate: Certificate): X509Certificate {
  const known = parsed.get(certificate);
  if (known !== undefined) return known;
  const x509 = decode(certificate.der);
  parsed.set(certificate, x509);
  return x509;
}

/** As Nginx asks when it loads the two (X509_check_private_key(3)): the encoding of an EC point, say, does not matter. */
export function isKeyOf(key: KeyObject, certificate: Certificate): boolean {
  return x509Of(certificate).checkPrivateKey(key);
}

function toRecord(x509: X509Certificate): Certificate {
  const key = publicKeyOf(x509);
  const record: Certificate = {
    fingerprint256: x509.fingerprint256,
    serial: x509.serialNumber,
    subject: distinguishedName(x509.subject),
    issuer: distinguishedName(x509.issuer),
    notBefore: instant(x509.validFrom),
    notAfter: instant(x509.validTo),
    subjectAltNames: subjectAltNames(x509.subjectAltName ?? ""),
    keyType: key === null ? "unknown" : keyType(key),
    isCa: x509.ca,
    der: new Uint8Array(x509.raw),
  };
  parsed.set(record, x509);
  return record;
}

/** A date that OpenSSL cannot read counts as long past, so that the certificate counts as expired. */
function instant(text: string): Date {
  const date = new Date(text);
  // JavaScript takes the years before 100 for others.
  const [, year] = /^\w+ +\d+ [\d:.]+ 0*(\d{1,2})\b/.exec(text) ?? [];
  if (year !== undefined) date.setUTCFullYear(Number(year));
  return Number.isNaN(date.getTime()) ? new Date(0) : date;
}

function publicKeyOf(x509: X509Certificate): KeyObject | null {
  try {
    return x509.publicKey;
  } catch {
    return null;
  }
}

const curveNames: Readonly<Record<string, string>> = {
  prime256v1: "p256",
  secp384r1: "p384",
  secp521r1: "p521",
};

function keyType(key: KeyObject): string {
  const type = key.asymmetricKeyType ?? "unknown";
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (type === "rsa" || type === "rsa-pss")
    return `${type}-${modulusLength ?? 0}`;
  if (type !== "ec") return type;
  return `ec-${curveNames[namedCurve ?? ""] ?? namedCurve ?? "explicit"}`;
}
