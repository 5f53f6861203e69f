/** By which directory entries a path leads to its file: a change of any of them may make it another file. */
import { lstat, readlink } from "node:fs/promises";
import { dirname, isAbsolute, join, parse, resolve } from "node:path";

export interface Hop {
  readonly directory: string;
  readonly name: string;
}

/** As many links as the kernel itself follows. */
const maxLinks = 40;

/**
 * Every link on the way, and the file at its end, also where that does not exist: `/etc/tls/tls.crt` of a Kubernetes secret
 * is a link to `..data/tls.crt`, and `..data` is a link that is replaced at each renewal.
 */
export async function hopsOf(path: string): Promise<readonly Hop[]> {
  const hops: Hop[] = [];
  let reached = parse(resolve(path)).root;
  let ahead = namesOf(resolve(path));
  for (let links = 0; ;) {
    const name = ahead.shift();
    if (name === undefined) return hops;
    const next = join(reached, name);
    const stats = await lstat(next).catch(() => null);
    if (stats === null) return [...hops, { directory: reached, name }];
    if (stats.isSymbolicLink() && links < maxLinks) {
      links += 1;
      hops.push({ directory: reached, name });
      const target = await readlink(next).catch(() => name);
      if (isAbsolute(target)) reached = parse(target).root;
      ahead = [...namesOf(target), ...ahead];
    } else if (name === "..") reached = dirname(reached);
    else {
      if (ahead.length === 0) hops.push({ directory: reached, name });
      reached = next;
    }
  }
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

/** When a link on the way to one of these files was last made, in ms since the epoch; 0 where there is none. */
export async function newestLinkMs(paths: readonly string[]): Promise<number> {
  const hops = (await Promise.all(paths.map(hopsOf))).flat();
  const times = await Promise.all(
    hops.map(async ({ directory, name }) => {
      const stats = await lstat(join(directory, name)).catch(() => null);
      return stats?.isSymbolicLink() === true ? stats.ctimeMs : 0;
    }),
  );
  return Math.max(0, ...times);
}
