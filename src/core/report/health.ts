/** Is everything as it should be? The one judgement behind `/healthz`, `--nagios` and the page's first line. */
import { isFailure } from "../decision/outcome.ts";
import type { LineageReport, StatusDocument } from "./document.ts";
import { isServed } from "./served.ts";

export interface Health {
  /** Certificates that Nginx uses, or would use if they were sound. */
  readonly inUse: number;
  /** Each list holds names, and a certificate is in one of them only, the most grave. */
  readonly expired: readonly string[];
  /** Less than a tenth of its lifetime is left. */
  readonly ending: readonly string[];
  readonly notLive: readonly string[];
  readonly overdue: readonly string[];
  readonly unverified: readonly string[];
  /** Publications: renewed, and not where a service expects it. */
  readonly unpublished: readonly string[];
  /** Targets of which nothing is known. */
  readonly unjudged: readonly string[];
  /** The certificate in use that expires first; null where none was seen. */
  readonly next: { readonly name: string; readonly notAfter: Date } | null;
  /** When the judgement may become another one without anything happening; null: never. */
  readonly validUntil: Date | null;
}

export function judgeHealth(
  {
    lineages,
    publications,
    nginx,
  }: Pick<StatusDocument, "lineages" | "publications" | "nginx">,
  now: Date,
): Health {
  const used = lineages.filter(({ outcome }) => outcome !== "unused");
  const judged = used.map((one) => ({ one, verdict: verdictOn(one, now) }));
  const named = (wanted: Verdict): readonly string[] =>
    judged
      .filter(({ verdict }) => verdict === wanted)
      .map(({ one }) => one.name ?? one.path);
  return {
    inUse: used.length,
    expired: named("expired"),
    ending: named("ending"),
    notLive: named("not-live"),
    overdue: named("overdue"),
    unverified: named("unverified"),
    unpublished: publications
      .filter(({ outcome }) => outcome !== null && isFailure(outcome))
      .map(({ name }) => name),
    unjudged: nginx?.unjudged ?? [],
    next: firstToExpire(used),
    validUntil: nextTurn(used, now),
  };
}

/** Nothing is expired, overdue or not live; what could not be seen is no verdict. */
export function isHealthy(health: Health): boolean {
  return !isCritical(health) && health.overdue.length === 0;
}

/** Clients are handed the wrong certificate, or soon will be. */
export function isCritical(health: Health): boolean {
  const { expired, ending, notLive, unpublished } = health;
  return [expired, ending, notLive, unpublished].some(
    (names) => names.length > 0,
  );
}

type Verdict =
  "expired" | "ending" | "not-live" | "overdue" | "unverified" | "fine";

function verdictOn(report: LineageReport, now: Date): Verdict {
  const expiry = expiryOf(report);
  if (expiry !== null && expiry.getTime() <= now.getTime()) return "expired";
  if (isEnding(report, now)) return "ending";
  const isSeen = isServed(report);
  if (!isSeen && report.outcome !== null && isFailure(report.outcome))
    return "not-live";
  if (isPast(report.renewalDue, now)) return "overdue";
  return isSeen ? "fine" : "unverified";
}

function isEnding(report: LineageReport, now: Date): boolean {
  return (endingFrom(report)?.getTime() ?? Infinity) < now.getTime();
}

/** From then on less than a tenth of the lifetime is left; null where no dates are known. */
function endingFrom(report: LineageReport): Date | null {
  const dates = datesOf(report);
  if (dates === null) return null;
  const end = Date.parse(dates.notAfter);
  const lifetime = end - Date.parse(dates.notBefore);
  return new Date(end - lifetime / 10);
}

/** Later than due: the moment itself is still in time. */
function isPast(instant: string | null, now: Date): boolean {
  return instant !== null && Date.parse(instant) < now.getTime();
}

/** When clients begin to refuse it: of what is served, of the file where nothing was seen. */
export function expiryOf(report: LineageReport): Date | null {
  const dates = datesOf(report);
  return dates === null ? null : new Date(dates.notAfter);
}

function datesOf({
  served,
  leaf,
}: LineageReport): LineageReport["leaf"] | LineageReport["served"][number] {
  return served[0] ?? leaf;
}

function firstToExpire(used: readonly LineageReport[]): Health["next"] {
  const dated = used.flatMap((one) => {
    const notAfter = expiryOf(one);
    return notAfter === null ? [] : [{ name: one.name ?? one.path, notAfter }];
  });
  return dated.reduce<Health["next"]>(
    (first, one) =>
      first === null || one.notAfter < first.notAfter ? one : first,
    null,
  );
}

function nextTurn(used: readonly LineageReport[], now: Date): Date | null {
  const turns = used
    .flatMap((one) => [
      expiryOf(one)?.getTime() ?? NaN,
      (endingFrom(one)?.getTime() ?? NaN) + 1,
      one.renewalDue === null ? NaN : Date.parse(one.renewalDue) + 1,
    ])
    .filter((at) => at > now.getTime());
  return turns.length === 0
    ? null
    : new Date(turns.reduce((a, b) => Math.min(a, b)));
}

/** One line: `all 12 certificates are live`, or what is wrong, the most grave first. */
export function describeHealth(health: Health): string {
  const { expired, ending, notLive, overdue, unverified, inUse } = health;
  const { unpublished, unjudged } = health;
  const wrong = [
    ...phrase(expired, "expired"),
    ...phrase(ending, "about to expire"),
    ...phrase(notLive, "not live"),
    ...phrase(unpublished, "not where a service expects it"),
    ...phrase(overdue, "overdue for renewal"),
    ...phrase(unverified, "could not be seen"),
    ...(unjudged.length === 0
      ? []
      : [`nothing is known of ${unjudged.join(", ")}`]),
  ];
  if (wrong.length > 0) return wrong.join("; ");
  if (inUse === 0) return "Nginx uses no certificate that livecert knows";
  return inUse === 1
    ? "the certificate is live"
    : `all ${inUse} certificates are live`;
}

const namedAtOnce = 5;

/** `2 not live: a.example, b.example`; nothing for none. */
function phrase(names: readonly string[], what: string): readonly string[] {
  if (names.length === 0) return [];
  const more = names.length - namedAtOnce;
  const shown = names.slice(0, namedAtOnce).join(", ");
  const rest = more > 0 ? ` and ${more} more` : "";
  return [`${names.length} ${what}: ${shown}${rest}`];
}
