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
import { sameAsServed } from "./bundle.ts";
import { isKeyOf } from "./certificate.ts";
import { loadServerContext, type Loading } from "./context.ts";
import {
  pathOf,
  type ExaminationContext,
  type ExaminationSubject,
} from "./examination.ts";
import type { KeyFile } from "./examine-files.ts";
import type { UsableKey } from "./private-key.ts";
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
  const level = subject.securityLevel ?? usualSecurityLevel;
  const mismatch = mismatchFindings(certificateFile, certificates, keyFile);
  const key = mismatch.length === 0 ? (keyFile?.key ?? null) : null;
  const pair = { certificateFile, certificates, key, level };

  const known = rehearsedBefore(pair, context);
  const loading =
    known === null
      ? loadServerContext(certificates, key?.key ?? null, level)
      : null;
  const findings = [...mismatch, ...loadFindings(pair, loading)];
  if (key === null || loading?.kind !== "loaded")
    return { bundle: known, server: null, findings };

  const server = loading.context;
  const rehearsal = await rehearse(server);
  if (rehearsal.kind === "failed") {
    const finding = unusablePairFinding(certificateFile, rehearsal.reason);
    return { bundle: null, server, findings: [...findings, finding] };
  }
  const { bundle } = rehearsal;
  context.rehearsals?.set(rehearsalKey(certificates, level), bundle.bundle256);
  return { bundle, server, findings };
}

interface Pair {
  readonly certificateFile: string;
  readonly certificates: readonly Certificate[];
  readonly key: UsableKey | null;
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

/** What a rehearsal would show, from what is served now or from an earlier one; null: it must be made. */
function rehearsedBefore(
  { certificates, key, level }: Pair,
  context: ExaminationContext,
): Bundle | null {
  const [leaf, ...others] = certificates;
  if (key === null || leaf === undefined) return null;
  const served = context.served?.find((one) => sameAsServed(certificates, one));
  if (served !== undefined) return served;
  const bundle256 =
    context.rehearsals?.get(rehearsalKey(certificates, level)) ?? null;
  return bundle256 === null ? null : { leaf, others, bundle256 };
}

/** Everything that a rehearsal with the leaf's own key depends on: what a client reports is up to this Node. */
function rehearsalKey(
  certificates: readonly Certificate[],
  level: number,
): string {
  const hash = createHash("sha256").update(
    `rehearsal 2 ${process.version} ${level}\n`,
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
