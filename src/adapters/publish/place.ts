/**
 * Where files are to be published, and as whom. Root acts as itself only where nobody but root can change anything; from
 * the first directory on that belongs to somebody else, everything is done by a child with that owner's ids.
 */
import { basename, dirname } from "node:path";
import type { Stats } from "node:fs";
import type { PublicationSetting } from "../../core/settings/publications.ts";
import { lookAtOwnership } from "../process/trust.ts";
import { descend, HeldDirectory, PlaceError } from "./directory.ts";

export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

export interface OpenPlace extends Disposable {
  /** As far down as everything is ours, or the first directory that is somebody else's. */
  readonly directory: HeldDirectory;
  /** What is still to be gone from there, as its owner. */
  readonly ahead: readonly string[];
  /** null: livecert acts as itself. */
  readonly owner: Identity | null;
}

/** Throws PlaceError where livecert must not act, and what the system throws. */
export function openPlace({
  directory: path,
  subdirectory,
}: Pick<PublicationSetting, "directory" | "subdirectory">): OpenPlace {
  const isRoot = process.getuid?.() === 0;
  const base = isRoot ? openTrusted(path) : HeldDirectory.open(path);
  const { directory, ahead } = descend(
    base,
    subdirectory,
    (stats) => !isRoot || isControlled(stats),
  );
  try {
    const owner = isRoot ? ownerOf(directory.stats(), path) : null;
    return {
      directory,
      ahead,
      owner,
      [Symbol.dispose]: () => {
        directory[Symbol.dispose]();
      },
    };
  } catch (error) {
    directory[Symbol.dispose]();
    throw error;
  }
}

/** Everything above the directory must be out of everybody else's reach; the directory itself need not be. */
function openTrusted(path: string): HeldDirectory {
  const whole = lookAtOwnership(path);
  if (whole.kind === "trusted") return HeldDirectory.open(whole.resolved);
  const above = lookAtOwnership(dirname(path));
  if (above.kind === "untrusted")
    throw new PlaceError(
      above.reason,
      "let root own every directory above the one that is published to",
    );
  using parent = HeldDirectory.open(above.resolved);
  return parent.enter(basename(path));
}

function isControlled({ uid, mode }: Stats): boolean {
  return uid === 0 && (mode & 0o022) === 0;
}

/** null: root's alone. */
function ownerOf(stats: Stats, path: string): Identity | null {
  const { uid, gid } = stats;
  if (isControlled(stats)) return null;
  if (uid !== 0) return { uid, gid };
  throw new PlaceError(
    `${path}: a directory of root's that others may write to, so that nobody's rights fit for writing there`,
    "take write permission from group and others, or give the directory to the user of the service",
  );
}
