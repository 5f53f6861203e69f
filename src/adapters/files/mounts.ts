/** What is mounted where, as /proc/PID/mountinfo tells (proc(5)). */
import { readFile } from "node:fs/promises";

export interface Mount {
  readonly mountPoint: string;
  /** E.g. `ext4`, `nfs4`, `fuse.sshfs`. */
  readonly type: string;
}

/** Of a process's mount namespace; empty where that cannot be seen. Later mounts come after those that they cover. */
export async function readMounts(
  process: number | "self",
): Promise<readonly Mount[]> {
  const path = `/proc/${String(process)}/mountinfo`;
  return parseMounts(await readFile(path, "utf8").catch(() => ""));
}

/** Lines like `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`. */
export function parseMounts(text: string): readonly Mount[] {
  return text.split("\n").flatMap((line) => {
    const [, , , , mountPoint] = line.split(" ");
    const type = / - (\S+) /.exec(line)?.[1];
    return mountPoint === undefined || type === undefined
      ? []
      : [{ mountPoint: unescapeOctal(mountPoint), type }];
  });
}

/** The mount that a path, all links followed, lies on. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | null {
  const above = mounts.filter(
    ({ mountPoint }) =>
      mountPoint === "/" ||
      path === mountPoint ||
      path.startsWith(`${mountPoint}/`),
  );
  const longest = Math.max(...above.map(({ mountPoint }) => mountPoint.length));
  return (
    above.findLast(({ mountPoint }) => mountPoint.length === longest) ?? null
  );
}

/** Blank, tab, line end and backslash are written as `\040` and so on. The bytes are those of UTF-8 as they are. */
function unescapeOctal(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
