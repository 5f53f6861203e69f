/**
 * Examines one certificate source: what its files hold by Nginx's rules, whether certificate and key make a pair that can
 * be served, and whether a client would accept it. Every fault is told; none hides another where both can be seen.
 */
import { companionFindings } from "../../core/validation/files.ts";
import type { Finding } from "../../core/validation/finding.ts";
import type {
  Examination,
  ExaminationContext,
  ExaminationSubject,
} from "./examination.ts";
import { examineChain } from "./examine-chain.ts";
import {
  knownKeyFindings,
  readChainFile,
  readCompanion,
  readKeyFile,
  type KeyFile,
} from "./examine-files.ts";
import { examinePair, rehearsedBefore, rehearsedPair } from "./examine-pair.ts";

export type { Examination, ExaminationContext, ExaminationSubject };

/** Touches nothing but the given temporary directory; may run `openssl`. */
export async function examine(
  subject: ExaminationSubject,
  context: ExaminationContext,
): Promise<Examination> {
  const { certificates, findings: unread } = readChainFile(subject.certificate);
  const rehearsed = rehearsedBefore(subject, certificates, context);
  const keyFile = rehearsed === null ? lookAtKey(subject) : null;
  const findings = [
    ...unread,
    ...(keyFile?.findings ?? knownKeyFindings(subject.key)),
  ];
  const [leaf] = certificates;
  if (leaf === undefined)
    return {
      leaf: null,
      certificates,
      bundle: null,
      findings: sorted(findings),
    };

  const pair =
    rehearsed === null
      ? await examinePair(subject, certificates, keyFile, context)
      : rehearsedPair(subject, certificates, rehearsed);
  findings.push(...pair.findings);
  // With an issuer in the leaf's place every rule about the leaf would speak of the wrong certificate.
  if (!pair.findings.some(({ rule }) => rule === "pair/leaf-not-first"))
    findings.push(
      ...(await examineChain(subject, certificates, pair.server, context)),
    );
  findings.push(
    ...companionFindings({
      certificates,
      cert: readCompanion(subject.cert),
      chain: readCompanion(subject.chain),
    }),
  );
  return {
    leaf,
    certificates,
    bundle: pair.bundle,
    findings: sorted(onePerFault(findings)),
  };
}

function lookAtKey({ key, password }: ExaminationSubject): KeyFile | null {
  return key === null ? null : readKeyFile(key, password);
}

/** Strength is judged for the server and for clients: the graver finding, which comes first, stays. */
function onePerFault(findings: readonly Finding[]): readonly Finding[] {
  const isTwice = ({ rule }: Finding, index: number): boolean =>
    rule.startsWith("strength/") &&
    findings.findIndex((one) => one.rule === rule) < index;
  return findings.filter((finding, index) => !isTwice(finding, index));
}

const gravity = { fatal: 0, regression: 1, warning: 2 } as const;

function sorted(findings: readonly Finding[]): readonly Finding[] {
  return [...findings].sort(
    (one, other) => gravity[one.severity] - gravity[other.severity],
  );
}
