/**
 * Is what a lineage's directory shows one version, or a mixture? Certbot switches four links one by one, each absent for a
 * moment, and keeps `previous_*` links meanwhile.
 * Source: certbot/_internal/storage.py, RenewableCert.update_all_links_to and _previous_symlinks.
 */
import { assertNever } from "../assert-never.ts";
import { lineageKinds, type ByKind, type LineageKind } from "./lineage.ts";

/** What one of the four names is. */
export type LineageEntry =
  | { readonly kind: "absent" }
  /** A plain file: a copied lineage, or one that people keep by hand. */
  | { readonly kind: "file" }
  /** The absolute paths that the link leads to, one after the other, as far as they could be followed. */
  | { readonly kind: "link"; readonly targets: readonly string[] };

export interface LineageView {
  readonly entries: ByKind<LineageEntry>;
  /** Names of the `previous_*` links that are there. */
  readonly previous: readonly string[];
}

export type LineageState =
  /** `version` is null where no link leads to a numbered file. */
  | { readonly kind: "one"; readonly version: number | null }
  /**
   * What Nginx loads is of one version, but Certbot's `previous_*` links are there or `cert.pem` or `chain.pem` is missing:
   * Certbot is at work, or this is how it was left.
   */
  | {
      readonly kind: "unfinished";
      readonly version: number | null;
      readonly reason: string;
    }
  | { readonly kind: "mixed"; readonly reason: string }
  | { readonly kind: "absent" };

/** A file that Certbot numbered. Numbers have no padding, so they are compared as integers. */
export interface NumberedFile {
  readonly directory: string;
  readonly kind: LineageKind;
  readonly version: number;
}

/** `…/archive/NAME/privkey12.pem`; null where the name is no such one. */
export function numberedFile(path: string): NumberedFile | null {
  const match =
    /^(.*)\/(cert|privkey|chain|fullchain)(0|[1-9]\d{0,14})\.pem$/s.exec(path);
  if (match === null) return null;
  const [, directory = "", kind = "", digits = ""] = match;
  return {
    directory,
    kind: kind as LineageKind,
    version: Number(digits),
  };
}

export function lineageState(view: LineageView): LineageState {
  const missing = lineageKinds.filter(
    (kind) => view.entries[kind].kind === "absent",
  );
  if (missing.length === lineageKinds.length) return { kind: "absent" };
  const needed = missing.filter((kind) => loaded.includes(kind));
  if (needed.length > 0) return mixed(isMissing(needed));
  const found = lineageKinds.flatMap((kind) =>
    versionsOf(kind, view.entries[kind]),
  );
  const reason = disagreement(found);
  if (reason !== null) return mixed(reason);
  const version = found[0]?.version ?? null;
  if (missing.length > 0)
    return { kind: "unfinished", version, reason: isMissing(missing) };
  return view.previous.length === 0
    ? { kind: "one", version }
    : {
        kind: "unfinished",
        version,
        reason: `Certbot has not removed ${view.previous.join(", ")}`,
      };
}

/** What a server needs; the other two are parts of the fullchain. */
const loaded: readonly LineageKind[] = ["privkey", "fullchain"];

function isMissing(kinds: readonly LineageKind[]): string {
  const verb = kinds.length === 1 ? "is" : "are";
  return `${kinds.map(fileName).join(" and ")} ${verb} missing`;
}

interface LinkedVersion extends NumberedFile {
  /** Of the link in the lineage's directory. */
  readonly name: LineageKind;
}

/** The first numbered file on the way: with `--reuse-key` of old an archive file may itself be a link to an older one. */
function versionsOf(
  name: LineageKind,
  entry: LineageEntry,
): readonly LinkedVersion[] {
  switch (entry.kind) {
    case "absent":
    case "file":
      return [];
    case "link": {
      const [first] = entry.targets.flatMap((path) => numberedFile(path) ?? []);
      return first === undefined ? [] : [{ ...first, name }];
    }
    default:
      return assertNever(entry);
  }
}

/** null: all that is known belongs to one version. */
function disagreement(found: readonly LinkedVersion[]): string | null {
  const [first, ...others] = found;
  if (first === undefined) return null;
  for (const one of found) {
    if (one.kind !== one.name)
      return `${fileName(one.name)} leads to ${one.kind}${String(one.version)}.pem`;
  }
  for (const other of others) {
    if (other.version !== first.version)
      return `${fileName(first.name)} is version ${String(first.version)}, ${fileName(other.name)} is version ${String(other.version)}`;
    if (other.directory !== first.directory)
      return `${fileName(first.name)} leads to ${first.directory}, ${fileName(other.name)} to ${other.directory}`;
  }
  return null;
}

function fileName(kind: LineageKind): string {
  return `${kind}.pem`;
}

function mixed(reason: string): LineageState {
  return { kind: "mixed", reason };
}

/** The same links and files: nothing was switched between two looks. */
export function isSameView(one: LineageView, other: LineageView): boolean {
  return (
    one.previous.join("\n") === other.previous.join("\n") &&
    lineageKinds.every((kind) =>
      isSameEntry(one.entries[kind], other.entries[kind]),
    )
  );
}

function isSameEntry(one: LineageEntry, other: LineageEntry): boolean {
  if (one.kind !== "link" || other.kind !== "link")
    return one.kind === other.kind;
  return one.targets.join("\n") === other.targets.join("\n");
}
