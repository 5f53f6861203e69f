import type { Lineage } from "../lineage/lineage.ts";

/** `STATE/v1/publications/NAME.json`: what livecert has put in one place, and what it left there before. */
export interface PublicationRecord {
  readonly schema: 1;
  readonly name: string;
  readonly lineage: Lineage;
  /** In the order in which one goes back, the newest in front; only what is still kept beside the published files. */
  readonly versions: readonly PublishedVersion[];
  /** Id of the version that is published. */
  readonly current: string | null;
  /** Of everything that was asked for when it was published: contents and settings. */
  readonly digest: string | null;
  /** What the published files were when livecert had written them; others may change them. */
  readonly seen: string | null;
  /** After a rollback: the lineage's leaf that is not published again. */
  readonly held: {
    readonly at: string;
    readonly fingerprint256: string;
  } | null;
}

export interface PublishedVersion {
  /** Name of its directory, e.g. `20261124T031500.123Z-3F2A91B0`. */
  readonly id: string;
  readonly at: string;
  /** Of the leaf. This and the dates are null for what was there before livecert. */
  readonly fingerprint256: string | null;
  readonly notBefore: string | null;
  readonly notAfter: string | null;
  /** Identities of the regressions that it had, for the no-regression rule. */
  readonly regressions: readonly string[];
}

/** What goes back goes one step: the version that was published before the present one. */
export function versionBefore({
  versions,
  current,
}: PublicationRecord): PublishedVersion | null {
  const place = versions.findIndex(({ id }) => id === current);
  return place === -1 ? null : (versions[place + 1] ?? null);
}

/** Sorts by age as text. */
export function versionId(at: Date, fingerprint256: string): string {
  const time = at.toISOString().replaceAll(/[-:]/g, "");
  return `${time}-${fingerprint256.replaceAll(":", "").slice(0, 8)}`;
}

/** What was there before livecert: older than every version, and made only where more than one is kept. */
export const adoptedId = "00000000T000000Z-before";

/**
 * A new version on top, and under it the one that it replaces: after a rollback that is an older one, and what was taken back
 * is not gone back to first. Those beyond `keep` are forgotten.
 */
export function withVersion(
  { versions, current }: Pick<PublicationRecord, "versions" | "current">,
  version: PublishedVersion,
  keep: number,
): readonly PublishedVersion[] {
  const older = versions.filter(({ id }) => id !== version.id);
  const replaced = older.filter(({ id }) => id === current);
  const others = older.filter(({ id }) => id !== current);
  return [version, ...replaced, ...others].slice(0, keep);
}
