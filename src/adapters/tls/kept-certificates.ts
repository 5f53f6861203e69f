/**
 * What OpenSSL has said of certificates, kept by runs over everything from one to the next in a file of the run directory.
 * None of it changes with the time or the trust store, but another OpenSSL or livecert is asked anew. Decoding takes OpenSSL 3.0 a third of a millisecond, an
 * eighth of what a run takes for a certificate that is live.
 *
 * Certificates are known by their digest, so the file cannot speak for any that it was not told of; it is believed only where
 * nobody else could have written it and its own digest is right.
 */
import { getFips, hash } from "node:crypto";
import { join } from "node:path";
import type { Certificate } from "../../core/certificate/certificate.ts";
import { version } from "../../version.ts";
import { readKept, writeKept } from "../store/kept-file.ts";
import {
  rememberCertificates,
  type CertificateMemory,
  type Recalled,
} from "./known-certificates.ts";

export interface KeptCertificates {
  /** Keeps what this run has met, unless it was all kept already. Never throws. */
  save(): Promise<void>;
}

/** From now on certificates are recalled from that directory's file, which is read when the first one is asked for. */
export function keepCertificates(runDir: string): KeptCertificates {
  const file = join(runDir, "certificates.json");
  let kept: ReadonlyMap<string, Recalled> | null = null;
  const met = new Map<string, Recalled>();
  const memory: CertificateMemory = {
    recall: (digest) => (kept ??= read(file)).get(digest) ?? null,
    meet(one) {
      // OpenSSL may know such a key once it is set up otherwise.
      if (one.certificate.keyType === "unknown") return;
      met.set(digestOf(one.certificate), one);
    },
  };
  rememberCertificates(memory);
  return {
    async save() {
      if (isNews(met, kept ?? new Map()))
        await writeKept(file, () => textOf(met));
    },
  };
}

function isNews(
  met: ReadonlyMap<string, Recalled>,
  kept: ReadonlyMap<string, Recalled>,
): boolean {
  return [...met].some(
    ([digest, { answers }]) => kept.get(digest)?.answers.size !== answers.size,
  );
}

/** SHA-256 over the DER, which is the certificate's fingerprint in another form. */
function digestOf({ fingerprint256 }: Recalled["certificate"]): string {
  return fingerprint256.replaceAll(":", "").toLowerCase();
}

/** Who was asked. */
const writtenBy = `livecert ${version} node ${process.version} openssl ${process.versions.openssl} fips ${String(getFips())}`;

/** The first line; `sha256` is over the second. */
interface Head {
  readonly by: string;
  readonly sha256: string;
}

/** The second line holds one of these for each certificate. */
type Line = Omit<Certificate, "der" | "notBefore" | "notAfter"> & {
  /** ms since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly answers: Readonly<Record<string, boolean>>;
};

function read(file: string): ReadonlyMap<string, Recalled> {
  try {
    const [head = "", lines = ""] =
      readKept(file)?.toString().split("\n") ?? [];
    const { by, sha256 } = JSON.parse(head) as Head;
    if (by !== writtenBy || sha256 !== hash("sha256", lines)) return new Map();
    const recalled = (JSON.parse(lines) as readonly Line[]).map(recall);
    return new Map(recalled.map((one) => [digestOf(one.certificate), one]));
  } catch {
    return new Map();
  }
}

function recall({ answers, notBefore, notAfter, ...rest }: Line): Recalled {
  return {
    certificate: {
      ...rest,
      notBefore: new Date(notBefore),
      notAfter: new Date(notAfter),
    },
    answers: new Map(Object.entries(answers)),
  };
}

function textOf(met: ReadonlyMap<string, Recalled>): string {
  const lines = JSON.stringify([...met.values()].map(lineOf));
  const head: Head = { by: writtenBy, sha256: hash("sha256", lines) };
  return `${JSON.stringify(head)}\n${lines}\n`;
}

function lineOf({ certificate, answers }: Recalled): Line {
  const { notBefore, notAfter } = certificate;
  return {
    fingerprint256: certificate.fingerprint256,
    serial: certificate.serial,
    subject: certificate.subject,
    issuer: certificate.issuer,
    notBefore: notBefore.getTime(),
    notAfter: notAfter.getTime(),
    subjectAltNames: certificate.subjectAltNames,
    keyType: certificate.keyType,
    isCa: certificate.isCa,
    answers: Object.fromEntries(answers),
  };
}
