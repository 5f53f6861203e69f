/**
 * Where a file of one mount namespace lies in another: two containers that mount the same volume each see it at a place
 * of their own, and the kernel says of either place what it shows. Source of the format: proc(5), /proc/PID/mountinfo.
 */
export interface Mount {
  /** Major and minor number of the file system, e.g. `0:49`. */
  readonly device: string;
  /** The directory (or the single file) of that file system which is mounted. */
  readonly root: string;
  /** Where it is mounted. */
  readonly point: string;
}

/** Follows the root of a mount of a single file that has been replaced: what is mounted has no name any more. */
const deleted = /\/\/deleted$/;

/** In the order of mounting; lines that are none are passed over. */
export function parseMounts(mountinfo: string): readonly Mount[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [, , device, root, point] = line.split(" ");
    if (device === undefined || root === undefined || point === undefined)
      return [];
    return [{ device, root: unescaped(root), point: unescaped(point) }];
  });
}

/**
 * Where `path` of the one namespace lies in the other; null: nowhere. Links are followed by neither. Of a file that was
 * mounted singly and has been replaced it is where the new one lies.
 */
export function translatePath(
  path: string,
  from: readonly Mount[],
  to: readonly Mount[],
): string | null {
  const mount = mountOf(path, from);
  if (mount === undefined) return null;
  const inside = join(
    mount.root.replace(deleted, ""),
    remainder(path, mount.point),
  );
  const places = to
    .filter(({ device, root }) => {
      return device === mount.device && isWithin(inside, root);
    })
    .map((own) => ({
      own,
      place: join(own.point, remainder(inside, own.root)),
    }))
    // Another mount may hide it.
    .filter(({ own, place }) => mountOf(place, to) === own)
    .map(({ place }) => place);
  return places.find((place) => place === path) ?? places[0] ?? null;
}

/** Where the single file is mounted through which `path` leads, and which has been replaced since; null: none. */
export function pinnedAt(
  path: string,
  mounts: readonly Mount[],
): string | null {
  const mount = mountOf(path, mounts);
  return mount !== undefined && deleted.test(mount.root) ? mount.point : null;
}

/** The mount that a path leads into: the deepest, and of several at one place the last. */
function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    if (!isWithin(path, mount.point)) continue;
    if (found === undefined || mount.point.length >= found.point.length)
      found = mount;
  }
  return found;
}

function isWithin(path: string, directory: string): boolean {
  return (
    directory === "/" || path === directory || path.startsWith(`${directory}/`)
  );
}

/** `path` without the directory that it is within: empty or with a leading slash. */
function remainder(path: string, directory: string): string {
  if (directory === "/") return path === "/" ? "" : path;
  return path.slice(directory.length);
}

function join(directory: string, rest: string): string {
  if (rest === "") return directory;
  return directory === "/" ? rest : directory + rest;
}

/** Blank, tab, newline and backslash are written in octal. */
function unescaped(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
