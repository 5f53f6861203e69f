/**
 * Where a path of a container's configuration lies here. Links are followed hop by hop in the container's own terms, so an
 * absolute one leads to the container's file, never to ours of the same name, and none leads out of what is mounted.
 */
import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { dirname, resolve } from "node:path";
import {
  placeOf,
  type Place,
  type PlaceContext,
} from "../../core/containers/places.ts";

export interface Located {
  /** In the container, without links. */
  readonly inner: string;
  readonly place: Place;
}

export interface PathView extends PlaceContext {
  /** The container's root as we may look at it (`/proc/PID/root`); null: only its mounts can be seen. */
  readonly root: string | null;
}

/** As many links as the kernel itself follows (path_resolution(7)). */
const maxLinks = 40;

/** Follows every link; null where they lead in a circle. What does not exist is taken as it is written. */
export function locate(path: string, view: PathView): Located | null {
  let checked = "/";
  let ahead = namesOf(resolve("/", path));
  let links = 0;
  for (;;) {
    const [name, ...rest] = ahead;
    if (name === undefined) break;
    const next = resolve(checked, name);
    const target = linkAt(next, view);
    if (target === null) {
      checked = next;
      ahead = rest;
      continue;
    }
    links += 1;
    if (links > maxLinks) return null;
    ahead = [...namesOf(resolve(dirname(next), target)), ...rest];
    checked = "/";
  }
  return { inner: checked, place: placeOf(checked, view) };
}

/**
 * The path under which we open it: as Nginx names it where that leads to the same file from here, so that a lineage keeps
 * its name; otherwise the file itself. null: it cannot be reached from here.
 */
export function localPath(path: string, view: PathView): string | null {
  const located = locate(path, view);
  if (located?.place.kind !== "here") return null;
  const named = placeOf(resolve("/", path), view);
  const file = located.place.path;
  return named.kind === "here" && realPath(named.path) === realPath(file)
    ? named.path
    : file;
}

/** The container's own view of a file, for a look at its identity; null where there is none. */
export function innerFile(path: string, view: PathView): string | null {
  const located = locate(path, view);
  return located === null || view.root === null
    ? null
    : `${view.root}${located.inner}`;
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "");
}

/** Where a link leads, as it is written; null where there is none to be seen. */
function linkAt(inner: string, view: PathView): string | null {
  const place = placeOf(inner, view);
  const path =
    view.root !== null
      ? `${view.root}${inner}`
      : place.kind === "here"
        ? place.path
        : null;
  if (path === null) return null;
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : null;
  } catch {
    return null;
  }
}

function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return resolve(path);
  }
}
