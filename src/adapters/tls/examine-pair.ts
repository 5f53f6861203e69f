/** Certificates and key together: do they belong together, would OpenSSL load them, and does a handshake succeed? */
import { createHash } from "node:crypto";
import type { SecureContext } from "node:tls";
import type {
  Bundle,
  Certificate,
} from "../../core/certificate/certificate.ts";
import type { Finding } from "../../core/validation/finding.ts";
import {
  orderWithoutKeyFindings,
  pairFindings,
  unusablePairFinding,
} from "../../core/validation/pair.ts";
import {
  strengthFindings,
  usualSecurityLevel,
  type WeakKey,
} from "../../core/validation/strength.ts";
import { isKeyOf } from "./certificate.ts";
import { loadServerContext, type Loading } from "./context.ts";
import {
  pathOf,
  type ExaminationContext,
  type ExaminationSubject,
} from "./examination.ts";
import type { KeyFile } from "./examine-files.ts";
import { rehearse } from "./rehearsal.ts";

export interface ExaminedPair {
  /** What a client would be handed; null where that could not be tried. */
  readonly bundle: Bundle | null;
  /** The loaded pair; null without a key, and where nothing had to be loaded. */
  readonly server: SecureContext | null;
  readonly findings: readonly Finding[];
}

export async function examinePair(
  subject: ExaminationSubject,
  certificates: readonly Certificate[],
  keyFile: KeyFile | null,
  context: ExaminationContext,
): Promise<ExaminedPair> {
  const certificateFile = pathOf(subject.certificate);
  const level = levelOf(subject);
  const mismatch = mismatchFindings(certificateFile, certificates, keyFile);
  const key = mismatch.length === 0 ? (keyFile?.key ?? null) : null;
  const pair = { certificateFile, certificates, level };

  const loading = loadServerContext(certificates, key?.key ?? null, level);
  const findings = [...mismatch, ...loadFindings(pair, loading)];
  if (key === null || loading.kind !== "loaded")
    return { bundle: null, server: null, findings };

  const server = loading.context;
  const rehearsal = await rehearse(server);
  if (rehearsal.kind === "failed") {
    const finding = unusablePairFinding(certificateFile, rehearsal.reason);
    return { bundle: null, server, findings: [...findings, finding] };
  }
  const { bundle } = rehearsal;
  remember(subject, certificates, bundle, context);
  return { bundle, server, findings };
}

/** What a client would be handed, as the same two files have shown before; null: they must be tried. */
export function rehearsedBefore(
  subject: ExaminationSubject,
  certificates: readonly Certificate[],
  context: ExaminationContext,
): Bundle | null {
  const [leaf, ...others] = certificates;
  const key = rehearsalKey(subject, certificates, context.now);
  if (leaf === undefined || key === null) return null;
  const bundle256 = context.rehearsals?.get(key) ?? null;
  return bundle256 === null ? null : { leaf, others, bundle256 };
}

/** A pair of which this is known. */
export function rehearsedPair(
  subject: ExaminationSubject,
  certificates: readonly Certificate[],
  bundle: Bundle,
): ExaminedPair {
  const pair = {
    certificateFile: pathOf(subject.certificate),
    certificates,
    level: levelOf(subject),
  };
  return { bundle, server: null, findings: loadFindings(pair, null) };
}

function levelOf({ securityLevel }: ExaminationSubject): number {
  return securityLevel ?? usualSecurityLevel;
}

interface Pair {
  readonly certificateFile: string;
  readonly certificates: readonly Certificate[];
  readonly level: number;
}

function mismatchFindings(
  certificateFile: string,
  certificates: readonly Certificate[],
  keyFile: KeyFile | null,
): readonly Finding[] {
  const key = keyFile?.key ?? null;
  return keyFile === null || key === null
    ? orderWithoutKeyFindings(certificateFile, certificates)
    : pairFindings({
        certificateFile,
        keyFile: keyFile.path,
        certificates,
        keyType: key.type,
        isKeyOf: (certificate) => isKeyOf(key.key, certificate),
      });
}

function remember(
  subject: ExaminationSubject,
  certificates: readonly Certificate[],
  { bundle256 }: Bundle,
  { rehearsals, now }: ExaminationContext,
): void {
  const key = rehearsalKey(subject, certificates, now);
  if (key !== null) rehearsals?.set(key, bundle256);
}

/** Whatever is written to a file later than this leaves other times in its inode, however coarse their steps. */
const settledMs = 2_000;

/**
 * Everything that a rehearsal depends on; what a client reports is up to this Node. null where nothing can be remembered:
 * without a key, where a password counts as well, and where the key's file is so new that it could change unseen.
 */
function rehearsalKey(
  subject: ExaminationSubject,
  certificates: readonly Certificate[],
  now: Date,
): string | null {
  const { key, password } = subject;
  if (key?.kind !== "read" || password !== null) return null;
  const { device, inode, sizeBytes, modifiedNs, changedNs } = key.identity;
  const settledNs = BigInt(now.getTime() - settledMs) * 1_000_000n;
  if ([modifiedNs, changedNs].some((one) => BigInt(one) > settledNs))
    return null;
  const hash = createHash("sha256").update(
    `rehearsal 4 ${process.version} ${levelOf(subject)} ${device} ${inode} ${sizeBytes} ${modifiedNs} ${changedNs}\n`,
  );
  for (const { der } of certificates) hash.update(der);
  return hash.digest("hex");
}

/** What OpenSSL has against loading; `loading` is null where it is known to load. */
function loadFindings(pair: Pair, loading: Loading | null): readonly Finding[] {
  const { certificateFile, certificates, level } = pair;
  const usual =
    level < usualSecurityLevel
      ? loadServerContext(certificates, null, usualSecurityLevel)
      : null;
  const strength = strengthFindings({
    certificateFile,
    certificates,
    level,
    weakKeyAtLevel: weakKeyOf(loading),
    weakKeyUsually: weakKeyOf(usual),
  });
  const isTold = strength.some(({ severity }) => severity === "fatal");
  const refusal = isTold || loading === null ? null : refusalOf(loading);
  return refusal === null
    ? strength
    : [...strength, unusablePairFinding(certificateFile, refusal)];
}

function weakKeyOf(loading: Loading | null): WeakKey | null {
  return loading?.kind === "weak-key" ? loading.whose : null;
}

function refusalOf(loading: Loading): string | null {
  switch (loading.kind) {
    case "loaded":
    case "weak-key":
      return null;
    case "weak-signature":
      return "a signature is too weak";
    case "refused":
      return loading.reason;
  }
}
