import type { Finding } from "../validation/finding.ts";
import { weigh, type Present } from "../validation/no-regression.ts";
import type { PublicationRecord } from "./record.ts";

export interface PublicationSituation {
  /** Of the lineage as it is on disk. */
  readonly findings: readonly Finding[];
  /** Of the leaf; null where there is none to publish. */
  readonly fingerprint256: string | null;
  readonly record: PublicationRecord | null;
  /** What was asked for, and what is there: see PublicationRecord. */
  readonly digest: string | null;
  readonly seen: string | null;
  readonly isForced: boolean;
  readonly now: Date;
}

export type PublicationDecision =
  | { readonly kind: "publish" }
  /** It is there already. */
  | { readonly kind: "unchanged" }
  /** A person went back to an earlier version; that stays until the lineage changes. */
  | { readonly kind: "held"; readonly since: string }
  /** What is published is no worse. */
  | { readonly kind: "refused"; readonly because: Finding };

/** Only what is sound is published, and never again what somebody has just taken back. */
export function decidePublication(
  situation: PublicationSituation,
): PublicationDecision {
  const { record, fingerprint256, isForced, digest, seen, now } = situation;
  const held = record?.held ?? null;
  if (held !== null && held.fingerprint256 === fingerprint256 && !isForced)
    return { kind: "held", since: held.at };
  const { blocking } = weigh({
    findings: situation.findings,
    present: presentlyPublished(record),
    now,
    force: isForced,
  });
  const [because] = blocking;
  if (because !== undefined) return { kind: "refused", because };
  const isThere =
    digest !== null &&
    seen !== null &&
    record?.digest === digest &&
    record.seen === seen;
  return { kind: isThere ? "unchanged" : "publish" };
}

/** For the no-regression rule the published certificate is what clients of the service are handed. */
function presentlyPublished(record: PublicationRecord | null): Present {
  const version = record?.versions.find(({ id }) => id === record.current);
  if (version === undefined) return { kind: "unknown" };
  const { notBefore, notAfter } = version;
  if (notBefore === null || notAfter === null) return { kind: "unknown" };
  return {
    kind: "known",
    source: "deployed",
    regressions: new Set(version.regressions),
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
  };
}
