/** Would a client accept what these certificates make up, and for which names? */
import type { SecureContext } from "node:tls";
import type { Certificate } from "../../core/certificate/certificate.ts";
import {
  arrangementFindings,
  chainFindings,
  stagingFindings,
  unjudgedFinding,
  type ChainFault,
} from "../../core/validation/chain.ts";
import { ruleFinding } from "../../core/validation/catalogue.ts";
import { dateFindings } from "../../core/validation/dates.ts";
import type { Finding } from "../../core/validation/finding.ts";
import { covers } from "./covers.ts";
import {
  pathOf,
  type ExaminationContext,
  type ExaminationSubject,
} from "./examination.ts";
import { judgeByRehearsal } from "./judge-by-rehearsal.ts";
import { isIssuedBy, issuerFacts, judgeChain } from "./judge.ts";

/** Leaf first; `server` holds the pair where it was loaded, for want of an `openssl` program. */
export async function examineChain(
  subject: ExaminationSubject,
  certificates: readonly Certificate[],
  server: SecureContext | null,
  context: ExaminationContext,
): Promise<readonly Finding[]> {
  const { label } = subject;
  const file = pathOf(subject.certificate);
  const [leaf] = certificates;
  if (leaf === undefined) return [];
  const { faults, unjudged } = await faultsOf(certificates, server, context);
  const issuers = issuerFacts(certificates, context.knownIssuers);
  return [
    ...chainFindings({ label: file, certificates, faults, ...issuers }),
    ...(unjudged === null ? [] : [unjudgedFinding(file, unjudged)]),
    ...dateFindings(label, leaf, context.now),
    ...requiredNameFindings(label, leaf, context.requiredNames),
    ...arrangementFindings({
      certificateFile: file,
      certificates,
      issued: (index, issuer) => {
        const [one, other] = [certificates[index], certificates[issuer]];
        return one && other ? isIssuedBy(one, other) : false;
      },
    }),
    ...stagingFindings(label, certificates),
  ];
}

async function faultsOf(
  certificates: readonly Certificate[],
  server: SecureContext | null,
  context: ExaminationContext,
): Promise<{
  readonly faults: readonly ChainFault[];
  /** Why nobody could judge the chain; null where somebody has. */
  readonly unjudged: string | null;
}> {
  const verdict = await judgeChain(certificates, context);
  if (verdict.kind === "judged")
    return { faults: verdict.faults, unjudged: null };
  if (server === null) return { faults: [], unjudged: verdict.reason };
  const faults = await judgeByRehearsal(server, context.roots);
  return { faults, unjudged: null };
}

function requiredNameFindings(
  label: string,
  leaf: Certificate,
  names: readonly string[],
): readonly Finding[] {
  return names
    .filter((name) => !covers(leaf, name))
    .map((name) =>
      ruleFinding("names/mismatch", {
        message: `${label} does not cover ${name}`,
        hint: "issue a certificate that has this name too (certbot certonly --expand)",
        subject: name,
      }),
    );
}
