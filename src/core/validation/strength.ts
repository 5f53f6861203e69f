/**
 * Rules about keys and signatures that OpenSSL's security level refuses. Level 2 is what Debian and Ubuntu compile in;
 * `ssl_ciphers …@SECLEVEL=1` lowers it for one server block. Clients keep their own level all the same.
 * Source: SSL_CTX_set_security_level(3)
 */
import type { Certificate } from "../certificate/certificate.ts";
import { isTooWeak, signatureDigest } from "../certificate/signature.ts";
import { ruleFinding } from "./catalogue.ts";
import type { Finding } from "./finding.ts";

export const usualSecurityLevel = 2;

/** Which key OpenSSL refuses to load at a level. */
export type WeakKey = "leaf" | "issuer";

export interface StrengthFacts {
  readonly certificateFile: string;
  readonly certificates: readonly Certificate[];
  /** The level of the server that loads them. */
  readonly level: number;
  /** At the server's level, and at the usual one; null: none. */
  readonly weakKeyAtLevel: WeakKey | null;
  readonly weakKeyUsually: WeakKey | null;
}

/** Fatal below the server's own level, a regression where only the usual one refuses it. */
export function strengthFindings(facts: StrengthFacts): readonly Finding[] {
  return [...keyFindings(facts), ...signatureFindings(facts)];
}

function keyFindings(facts: StrengthFacts): readonly Finding[] {
  const { weakKeyAtLevel, weakKeyUsually, level } = facts;
  if (weakKeyAtLevel !== null)
    return [
      ruleFinding("strength/weak-key", {
        message: `${keyOf(facts, weakKeyAtLevel)} is too short for security level ${level}`,
        hint: weakKeyHint,
      }),
    ];
  if (weakKeyUsually === null) return [];
  return [
    ruleFinding("strength/weak-key", {
      severity: "regression",
      message: `${keyOf(facts, weakKeyUsually)} is too short for clients at security level ${usualSecurityLevel}, although this server allows it`,
      hint: weakKeyHint,
    }),
  ];
}

const weakKeyHint =
  "issue the certificate with a key of at least 2048 bits (RSA) or 256 bits (ECDSA)";

function keyOf(facts: StrengthFacts, weak: WeakKey): string {
  return weak === "leaf"
    ? `the key (${facts.certificates[0]?.keyType ?? "unknown"}) of ${facts.certificateFile}`
    : `the key of an issuer in ${facts.certificateFile}`;
}

function signatureFindings(facts: StrengthFacts): readonly Finding[] {
  return facts.certificates.flatMap((certificate, index) => {
    const digest = signatureDigest(certificate.der);
    // Nobody checks the signature of a root on itself.
    if (digest === null || isSelfIssued(certificate)) return [];
    const isFatal = isTooWeak(digest, facts.level);
    if (!isFatal && !isTooWeak(digest, usualSecurityLevel)) return [];
    return [
      ruleFinding("strength/weak-signature", {
        severity: isFatal ? "fatal" : "regression",
        message: `certificate ${index + 1} of ${facts.certificateFile} is signed with ${digest.toUpperCase()}, which security level ${isFatal ? facts.level : usualSecurityLevel} refuses`,
        hint: "issue the certificate again; every public authority signs with SHA-256 or better",
      }),
    ];
  });
}

export function isSelfIssued({ subject, issuer }: Certificate): boolean {
  return subject === issuer;
}
