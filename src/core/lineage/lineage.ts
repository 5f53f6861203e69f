/**
 * A lineage is Certbot's name for one certificate and its renewals: `live/NAME` with four links into `archive/NAME`.
 * Source of the layout: https://eff-certbot.readthedocs.io/en/stable/using.html#where-are-my-certificates
 */
export interface Lineage {
  readonly name: string;
  /** Absolute path of the live directory, no trailing slash. Users may have moved it out of `live/`. */
  readonly path: string;
}

export const lineageKinds = ["cert", "privkey", "chain", "fullchain"] as const;
export type LineageKind = (typeof lineageKinds)[number];

/** Something for each of the four files. */
export type ByKind<Value> = Readonly<Record<LineageKind, Value>>;

export function byKind<Value>(
  valueOf: (kind: LineageKind) => Value,
): ByKind<Value> {
  return {
    cert: valueOf("cert"),
    privkey: valueOf("privkey"),
    chain: valueOf("chain"),
    fullchain: valueOf("fullchain"),
  };
}

/** What identifies one version of a file on disk without reading it. Numbers that exceed 2^53 are decimal strings. */
export interface FileIdentity {
  /** As it was asked for. */
  readonly path: string;
  /** All links followed. */
  readonly resolved: string;
  readonly device: string;
  readonly inode: string;
  readonly sizeBytes: number;
  /** Nanoseconds since the epoch. */
  readonly modifiedNs: string;
  /** Inode change time, nanoseconds since the epoch. */
  readonly changedNs: string;
  /** Permission bits, e.g. 0o600. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** One attempt to read a file. `content` of a key is opaque: see adapters/tls. */
export type FileReading<Content = Uint8Array> =
  | {
      readonly kind: "read";
      readonly identity: FileIdentity;
      readonly content: Content;
    }
  | { readonly kind: "absent"; readonly path: string }
  /** `reason` in plain words, e.g. `permission denied`, `is a directory`, `is larger than 1 MiB`. */
  | {
      readonly kind: "unreadable";
      readonly path: string;
      readonly reason: string;
    };
