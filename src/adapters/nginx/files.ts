import { realpath, stat } from "node:fs/promises";
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
