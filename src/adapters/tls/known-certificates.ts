/**
 * Certificates that were read before, by this process or by an earlier one, so that OpenSSL need not decode them again: it
 * takes a third of a millisecond for each, a leaf is met in two files and in the handshake, and a thousand lineages share a
 * handful of intermediates.
 */
import { hash } from "node:crypto";
import type { Certificate } from "../../core/certificate/certificate.ts";

/** By the base64 of their DER, as long as somebody holds them. */
const known = new Map<string, WeakRef<Certificate>>();
const forget = new FinalizationRegistry<string>((base64) => {
  if (known.get(base64)?.deref() === undefined) known.delete(base64);
});

/** Remembers only what is its DER and nothing else, so that it does not matter how it was read. */
export function remembered(
  base64: string,
  read: () => Certificate | null,
): Certificate | null {
  const found = known.get(base64)?.deref();
  if (found !== undefined) return found;
  const certificate = recalled(base64) ?? read();
  if (
    certificate !== null &&
    Buffer.from(certificate.der).toString("base64") === base64
  ) {
    known.set(base64, new WeakRef(certificate));
    forget.register(certificate, base64);
    memory?.meet({ certificate, answers: answersOf(certificate) });
  }
  return certificate;
}

/** A certificate with what OpenSSL answered to the questions about it, by question. */
export interface Recalled {
  readonly certificate: Omit<Certificate, "der">;
  readonly answers: ReadonlyMap<string, boolean>;
}

/** What is known of certificates from before. */
export interface CertificateMemory {
  /** @param digest SHA-256 over the DER, in lower-case hexadecimal */
  recall(digest: string): Recalled | null;
  /** Told of every certificate that is read; further answers join those that it is given. */
  meet(one: Recalled): void;
}

let memory: CertificateMemory | null = null;

/** For this whole process, from now on. */
export function rememberCertificates(kept: CertificateMemory): void {
  memory = kept;
  for (const one of known.values()) {
    const certificate = one.deref();
    if (certificate !== undefined)
      memory.meet({ certificate, answers: answersOf(certificate) });
  }
}

function recalled(base64: string): Certificate | null {
  if (memory === null) return null;
  const der = Buffer.from(base64, "base64");
  const found = memory.recall(hash("sha256", der));
  // OpenSSL may refuse what only Node takes for the same bytes.
  if (found === null || der.toString("base64") !== base64) return null;
  const certificate = { ...found.certificate, der: new Uint8Array(der) };
  answered.set(certificate, new Map(found.answers));
  return certificate;
}

const answered = new WeakMap<Certificate, Map<string, boolean>>();

/** What OpenSSL answered about it, by question; further answers are put there. */
export function answersOf(certificate: Certificate): Map<string, boolean> {
  const answers = answered.get(certificate) ?? new Map<string, boolean>();
  answered.set(certificate, answers);
  return answers;
}
