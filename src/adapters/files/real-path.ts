/**
 * A path without its links, also where it leads through `/proc/PID/root` into what another process sees. That is no link
 * that could be read (it reads as `/`, which is ours); links behind it begin at that process's root, not at ours.
 */
import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** As many as the kernel itself follows (path_resolution(7)). */
const maxLinks = 40;

/** @throws what lstat(2) throws for a path that leads nowhere. */
export function realPath(path: string): string {
  const [, root, rest] = /^(\/proc\/\d+\/root)(\/.*)$/s.exec(path) ?? [];
  return root === undefined || rest === undefined
    ? realpathSync.native(path)
    : root + followLinks(root, rest);
}

/** Goes down from that root, one name at a time, and starts again at a link's target. */
function followLinks(root: string, path: string): string {
  let place = "/";
  let ahead = namesOf(path);
  for (let links = 0; ;) {
    const name = ahead.shift();
    if (name === undefined) return place;
    const next = join(place, name);
    if (!lstatSync(root + next).isSymbolicLink()) {
      place = next;
      continue;
    }
    links += 1;
    if (links > maxLinks) throw new Error(`${path}: too many links`);
    const target = resolve(dirname(next), readlinkSync(root + next));
    ahead = [...namesOf(target), ...ahead];
    place = "/";
  }
}

function namesOf(path: string): string[] {
  return resolve(path)
    .split("/")
    .filter((name) => name !== "");
}
