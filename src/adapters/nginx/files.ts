import { readlinkSync, realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";

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
