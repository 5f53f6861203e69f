/**
 * Files that a container (another mount namespace) has mounted singly. Such a mount keeps the inode that was there when it
 * was made, so a file that replaces the old one never gets inside.
 */
import { readdirSync, readlinkSync, statSync } from "node:fs";
import { basename } from "node:path";
import { readMounts } from "../files/mounts.ts";
import type { Inode } from "./seen.ts";

export interface PinnedFile {
  /** The name of the published file. */
  readonly name: string;
  readonly pid: number;
  /** As the other namespace knows it. */
  readonly mountPoint: string;
}

/** The first file of these that is mounted singly somewhere; null where none is, or nobody can be looked at. */
export async function findPinned(
  files: ReadonlyMap<string, Inode>,
): Promise<PinnedFile | null> {
  for (const pid of processesElsewhere()) {
    for (const { mountPoint } of await readMounts(pid)) {
      const name = mountedFile(files, pid, mountPoint);
      if (name !== null) return { name, pid, mountPoint };
    }
  }
  return null;
}

/** One process of each mount namespace that is not ours. */
function processesElsewhere(): readonly number[] {
  const seen = new Set([namespaceOf("self")]);
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const namespace = namespaceOf(pid);
      const isNew = namespace !== null && !seen.has(namespace);
      seen.add(namespace);
      return isNew;
    })
    .map(Number);
}

function namespaceOf(pid: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return null;
  }
}

/** A mount point has no link in its path; what others swap there at this moment is only compared. */
function mountedFile(
  files: ReadonlyMap<string, Inode>,
  pid: number,
  mountPoint: string,
): string | null {
  try {
    const stats = statSync(`/proc/${String(pid)}/root${mountPoint}`);
    if (!stats.isFile()) return null;
    const found = [...files].find(
      ([, { dev, ino }]) => dev === stats.dev && ino === stats.ino,
    );
    return found?.[0] ?? null;
  } catch {
    return null;
  }
}

export function describePinned({ name, pid, mountPoint }: PinnedFile): string {
  return `${name} is mounted singly at ${mountPoint} in the container of pid ${String(pid)} (seen as ${basename(mountPoint)} there), which would keep the old file for ever`;
}
