import { readlinkSync, realpathSync, statSync } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { FileIdentity } from "../../core/lineage/lineage.ts";

/** What tells one version of a file from another; null where there is none to be seen. */
export async function identifyFile(path: string): Promise<FileIdentity | null> {
  try {
    const resolved = await realpath(path);
    const file = await stat(resolved, { bigint: true });
    return {
      path,
      resolved,
      device: String(file.dev),
      inode: String(file.ino),
      sizeBytes: Number(file.size),
      modifiedNs: String(file.mtimeNs),
      changedNs: String(file.ctimeNs),
      mode: Number(file.mode) & 0o7777,
      uid: Number(file.uid),
      gid: Number(file.gid),
    };
  } catch {
    return null;
  }
}

/** Of a path that does not exist: itself. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/** Device and inode; null where there is none to be seen. */
export function fileNumbers(path: string): string | null {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${String(dev)}:${String(ino)}`;
  } catch {
    return null;
  }
}

/** Where a link leads, as it is written; null where there is none to be seen. */
export function readLink(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
