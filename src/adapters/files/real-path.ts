/**
 * A path without its links, also where it leads through `/proc/PID/root` into what another process sees. That is no link
 * that could be read (it reads as `/`, which is ours); links behind it begin at that process's root, not at ours.
 */
import {
  fstatSync,
  lstatSync,
  readlinkSync,
  realpathSync,
  statSync,
  type BigIntStats,
} from "node:fs";
import { dirname, join, resolve } from "node:path";

/** As many as the kernel itself follows (path_resolution(7)). */
const maxLinks = 40;

/** @throws what lstat(2) throws for a path that leads nowhere. */
export function realPath(path: string): string {
  return elsewhere.test(path) ? placeOf(path) : realpathSync.native(path);
}

/**
 * A path that the kernel follows to where it leads. Only one into what another process sees has to be followed for it.
 *
 * @throws as `realPath`
 */
export function placeOf(path: string): string {
  const [, root, rest] = elsewhere.exec(path) ?? [];
  return root === undefined || rest === undefined
    ? path
    : root + followLinks(root, rest);
}

const elsewhere = /^(\/proc\/\d+\/root)(\/.*)$/s;

/**
 * Where an open file lies: the kernel knows it, and need not look at each directory again. null where the path by which it
 * was opened leads to another file by now.
 *
 * @param place by which it was opened, as `placeOf` gave it
 * @throws as `realPath`
 */
export function realPathOfOpen(file: number, place: string): string | null {
  if (elsewhere.test(place)) return place;
  const known = nameOfOpen(file);
  if (known?.endsWith(" (deleted)") === false) return known;
  // The name is gone, is one that happens to end so, or cannot be told.
  const path = realPath(place);
  return isSameFile(statSync(path, exact), fstatSync(file, exact))
    ? path
    : null;
}

const exact = { bigint: true } as const;

function isSameFile(one: BigIntStats, other: BigIntStats): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/** null where /proc is missing, or that of another process namespace. */
function nameOfOpen(file: number): string | null {
  try {
    return readlinkSync(`/proc/self/fd/${file}`);
  } catch {
    return null;
  }
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
