/**
 * The judge: would a client accept this bundle, with these roots, at this time? It needs no key, so it answers for files
 * and for what is served alike.
 *
 * OpenSSL stops at some faults, so one would mask another; it is asked again where that may have happened. In the usual
 * case, a sound chain, it is asked once, and not at all where the verdict is known.
 */
import { createHash } from "node:crypto";
import { rootCertificates } from "node:tls";
import type {
  Bundle,
  Certificate,
} from "../../core/certificate/certificate.ts";
import {
  chainFaultKinds,
  chainFindings,
  type ChainFault,
} from "../../core/validation/chain.ts";
import { dateFindings } from "../../core/validation/dates.ts";
import type { Finding } from "../../core/validation/finding.ts";
import { askOnce, certificateFromDer, x509Of } from "./certificate.ts";
import type { VerifyError, VerifyQuestion } from "./openssl-verify.ts";
import { pemOf } from "./pem-of.ts";
import type { TrustRoots } from "./roots.ts";
import { NoScratchFile, withScratchFiles } from "./scratch.ts";
import { faultsOf, isUntrusted } from "./verify-faults.ts";
import { verify } from "./verify-queue.ts";

/** Verdicts kept from earlier runs; a key names everything that a verdict depends on. */
export interface VerdictCache {
  get(key: string): readonly string[] | null;
  set(key: string, rules: readonly string[]): void;
}

export interface JudgeContext {
  readonly now: Date;
  readonly roots: TrustRoots;
  /** DER of certificates that were served or deployed with this source before. */
  readonly knownIssuers: readonly Uint8Array[];
  /** Ours alone (0700); made where it is missing. */
  readonly temporaryDir: string;
  readonly verdicts?: VerdictCache;
  readonly signal: AbortSignal;
}

/** The regressions that what is served suffers from, for the no-regression rule. */
export async function judgeServed(
  bundle: Bundle,
  context: JudgeContext,
): Promise<readonly Finding[]> {
  const label = "the served certificate";
  const certificates = [bundle.leaf, ...bundle.others];
  const verdict = await judgeChain(certificates, context);
  const faults = verdict.kind === "judged" ? verdict.faults : [];
  const findings = [
    ...dateFindings(label, bundle.leaf, context.now),
    ...chainFindings({
      label,
      certificates,
      faults,
      ...issuerFacts(certificates, context.knownIssuers),
    }),
  ];
  return findings.filter(({ severity }) => severity !== "warning");
}

/** What `chainFindings` wants to know of the issuers. */
export function issuerFacts(
  certificates: readonly Certificate[],
  knownIssuers: readonly Uint8Array[],
): { readonly hasIssuer: boolean; readonly lacksKnownIssuer: boolean } {
  const path = pathUpwards(certificates);
  const last = path.at(-1);
  const known = knownIssuers.flatMap((der) => certificateFromDer(der) ?? []);
  return {
    hasIssuer: path.length > 1,
    lacksKnownIssuer:
      last !== undefined &&
      !isIssuedBy(last, last) &&
      known.some((issuer) => isIssuedBy(last, issuer)),
  };
}

/** From the leaf as far up as the file leads. */
function pathUpwards(
  certificates: readonly Certificate[],
): readonly Certificate[] {
  const path = certificates.slice(0, 1);
  for (const last of path) {
    const issuer = certificates.find(
      (one) => !path.includes(one) && isIssuedBy(last, one),
    );
    if (issuer !== undefined) path.push(issuer);
  }
  return path;
}

/** Names are the same whatever their case and blanks (X509_NAME_cmp(3)); which are, OpenSSL decides. */
function mayBeOneName(one: string, other: string): boolean {
  const folded = (name: string): string =>
    name.replaceAll(/[\s\\]/g, "").toLowerCase();
  return one === other || folded(one) === folded(other);
}

/** By names and key identifiers (X509_check_issued(3)); signatures are the judge's matter. */
export function isIssuedBy(subject: Certificate, issuer: Certificate): boolean {
  return (
    mayBeOneName(subject.issuer, issuer.subject) &&
    askOnce(subject, `issued by ${issuer.fingerprint256}`, (x509) =>
      x509.checkIssued(x509Of(issuer)),
    )
  );
}

export type Verdict =
  | { readonly kind: "judged"; readonly faults: readonly ChainFault[] }
  /** There is no `openssl` that could be asked, or no room for its question. */
  | { readonly kind: "unjudged"; readonly reason: string };

/** Every fault of the chain but the leaf's own dates; leaf first, at least one certificate. */
export async function judgeChain(
  certificates: readonly Certificate[],
  context: JudgeContext,
): Promise<Verdict> {
  const key = verdictKey(certificates, context);
  const known = context.verdicts?.get(key)?.map(parseFault);
  if (known?.every((fault) => fault !== null) === true)
    return { kind: "judged", faults: known };
  const verdict = await ask(certificates, context);
  if (verdict.kind === "judged")
    context.verdicts?.set(key, verdict.faults.map(printFault));
  return verdict;
}

/** The time counts only by whether each certificate is valid at it, so the key stays while none begins or ends. */
function verdictKey(
  certificates: readonly Certificate[],
  { roots, now }: JudgeContext,
): string {
  const hash = createHash("sha256").update(`judge 2 ${roots.identity}\n`);
  for (const { der, notBefore, notAfter } of certificates)
    hash.update(der).update(now < notBefore ? "<" : now < notAfter ? "=" : ">");
  return hash.digest("hex");
}

function printFault({ kind, detail }: ChainFault): string {
  return `${kind}: ${detail}`;
}

function parseFault(text: string): ChainFault | null {
  const [, name, detail = ""] = /^([a-z-]+): (.*)$/s.exec(text) ?? [];
  const kind = chainFaultKinds.find((one) => one === name);
  return kind === undefined ? null : { kind, detail };
}

type Change = Partial<
  Pick<VerifyQuestion, "trusted" | "chain" | "atSeconds" | "level">
>;
type Ask = (change: Change) => Promise<readonly VerifyError[]>;

class JudgeFailure extends Error {}

async function ask(
  certificates: readonly Certificate[],
  context: JudgeContext,
): Promise<Verdict> {
  const [leaf, ...others] = certificates.map(({ der }) => pemOf(der));
  if (leaf === undefined) return { kind: "judged", faults: [] };
  const question: VerifyQuestion = {
    trusted: context.roots.files,
    untrusted: others.length === 0 ? null : others.join(""),
    chain: "complete",
    atSeconds: Math.floor(context.now.getTime() / 1000),
    level: 2,
    temporaryDir: context.temporaryDir,
    signal: context.signal,
  };
  const askOpenssl: Ask = async (change) => {
    const result = await verify(leaf, { ...question, ...change });
    context.signal.throwIfAborted();
    if (result.kind === "failed") throw new JudgeFailure(result.reason);
    return result.errors;
  };
  try {
    const chain = leaf + others.join("");
    const errors = await collectErrors(askOpenssl, chain, context);
    return { kind: "judged", faults: faultsOf(errors) };
  } catch (error) {
    if (error instanceof JudgeFailure || error instanceof NoScratchFile)
      return { kind: "unjudged", reason: error.message };
    throw error;
  }
}

async function collectErrors(
  askOpenssl: Ask,
  chain: string,
  context: JudgeContext,
): Promise<readonly VerifyError[]> {
  const { roots, temporaryDir } = context;
  const first =
    roots.files.length === 0
      ? [untrustedError]
      : await unmasked(askOpenssl, {});
  if (!first.some(isUntrusted)) return first;

  if (roots.besides === "node-roots") {
    const text = rootCertificates.join("\n");
    const second = await withScratchFiles(temporaryDir, [text], (files) =>
      unmasked(askOpenssl, { trusted: [...roots.files, ...files] }),
    );
    if (!second.some(isUntrusted)) return second;
  }
  // As if the file itself were trusted: what else is wrong with it?
  return withScratchFiles(temporaryDir, [chain], async (trusted) => [
    untrustedError,
    ...(await unmasked(askOpenssl, { trusted, chain: "partial" })),
  ]);
}

/**
 * Asks again with less to complain about where OpenSSL stopped looking: unlike an expired certificate, one that is not yet
 * valid ends it, and so does a weak key or signature.
 */
async function unmasked(
  askOpenssl: Ask,
  change: Change,
): Promise<readonly VerifyError[]> {
  const errors = await askOpenssl(change);
  const relaxed: Change = {
    ...change,
    ...(errors.some(({ code }) => endedByDates.has(code))
      ? { atSeconds: null }
      : {}),
    ...(errors.some(({ code }) => weaknesses.has(code)) ? { level: 0 } : {}),
  };
  const isRelaxed =
    relaxed.atSeconds !== change.atSeconds || relaxed.level !== change.level;
  return isRelaxed
    ? [...errors, ...(await unmasked(askOpenssl, relaxed))]
    : errors;
}

/** Not yet valid; of a form that OpenSSL does not take, at the beginning and at the end. */
const endedByDates = new Set([9, 13, 14]);
const weaknesses = new Set([66, 67, 68]);

const untrustedError: VerifyError = {
  code: 20,
  depth: 0,
  subject: "",
  words: "unable to get local issuer certificate",
};
