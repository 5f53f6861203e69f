/** What the dates of a served certificate and of its chain say: judged by what clients are handed, not by files. */
import type { Certificate } from "../certificate/certificate.ts";
import type { Condition } from "../incidents/incident.ts";
import { quoted } from "../report/explain.ts";
import { judgeRenewal } from "./renewal.ts";

export type Dated = Pick<
  Certificate,
  "notBefore" | "notAfter" | "subject" | "subjectAltNames"
>;

export interface ServedSource {
  readonly target: string;
  readonly source: string;
  readonly name: string;
  /** Certbot renews it: it is a lineage. */
  readonly isLineage: boolean;
  /** What was seen at the source's points, each once: leaf first. */
  readonly served: readonly (readonly Dated[])[];
  /** The leaf on disk; null where there is none that can be read. */
  readonly onDisk: Dated | null;
}

export interface ExpiryOptions {
  readonly now: Date;
  readonly floorsMs: readonly number[];
  /** How long a renewal may be overdue before anybody is told; at most a tenth of the lifetime. */
  readonly graceMs: number;
}

/** At most one about the renewal and one about the chain. */
export function expiryConditions(
  source: ServedSource,
  options: ExpiryOptions,
): readonly Condition[] {
  const first = [...source.served].sort(
    (one, other) => endOf(one) - endOf(other),
  )[0];
  const [leaf, ...others] = first ?? [];
  if (leaf === undefined) return [];
  return [
    renewalCondition(source, leaf, options),
    chainCondition(source, leaf, others, options),
  ].filter((condition) => condition !== null);
}

function endOf([leaf]: readonly Dated[]): number {
  return leaf?.notAfter.getTime() ?? Infinity;
}

function renewalCondition(
  source: ServedSource,
  leaf: Dated,
  { now, floorsMs, graceMs }: ExpiryOptions,
): Condition | null {
  const { renewalDue, overdue, expired } = judgeRenewal({
    ...leaf,
    now,
    floorsMs,
  });
  const isRenewed =
    source.onDisk !== null &&
    source.onDisk.notAfter > leaf.notAfter &&
    !judgeRenewal({ ...source.onDisk, now, floorsMs }).overdue;
  if (expired)
    return {
      ...factsOf(source, leaf),
      kind: "expired",
      reason: `what clients are handed expired at ${instant(leaf.notAfter)}${isRenewed ? "; a renewed one is on disk" : ""}`,
      remedy: isRenewed ? "livecert deploy" : remedyFor(source),
      tellFrom: now.toISOString(),
    };
  // That it is not live is the run's own outcome to tell.
  if (!overdue || isRenewed) return null;
  const lifetimeMs = leaf.notAfter.getTime() - leaf.notBefore.getTime();
  const ownGraceMs = Math.min(graceMs, lifetimeMs / 10);
  return {
    ...factsOf(source, leaf),
    kind: "overdue",
    reason: `${source.isLineage ? "Certbot has not renewed it" : "it has not been renewed"}: due since ${instant(renewalDue)}, expires at ${instant(leaf.notAfter)}`,
    remedy: remedyFor(source),
    tellFrom: new Date(renewalDue.getTime() + ownGraceMs).toISOString(),
  };
}

function remedyFor({ isLineage, name }: ServedSource): string {
  return isLineage
    ? `certbot renew --cert-name ${quoted(name)} --dry-run tells why`
    : "renew it with the program that made it, then livecert deploy";
}

function chainCondition(
  source: ServedSource,
  leaf: Dated,
  others: readonly Dated[],
  { now }: ExpiryOptions,
): Condition | null {
  const first = others
    .filter(({ notAfter }) => notAfter < leaf.notAfter)
    .sort((one, other) => one.notAfter.getTime() - other.notAfter.getTime())[0];
  if (first === undefined) return null;
  return {
    ...factsOf(source, leaf),
    kind: "chain-ends-first",
    reason: `${first.subject}, which is sent along with it, expires at ${instant(first.notAfter)}, before it does (${instant(leaf.notAfter)})`,
    remedy: source.isLineage
      ? `certbot renew --cert-name ${quoted(source.name)} --force-renewal fetches the present chain`
      : "put the issuer's present chain into the file, then livecert deploy",
    tellFrom: now.toISOString(),
  };
}

function factsOf(
  { target, source, name }: ServedSource,
  { subjectAltNames, notAfter }: Dated,
): Pick<Condition, "target" | "source" | "name" | "hostNames" | "notAfter"> {
  return {
    target,
    source,
    name,
    hostNames: subjectAltNames.map((one) => one.replace(/^[A-Za-z]+:/, "")),
    notAfter: notAfter.toISOString(),
  };
}

function instant(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, "Z");
}
