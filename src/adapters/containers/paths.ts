/**
 * Where a path of a container's configuration lies here. Links are followed hop by hop in the container's own terms, so an
 * absolute one leads to the container's file, never to ours of the same name, and none leads out of what is mounted.
 */
import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import {
  placeOf,
  type Place,
  type PlaceContext,
} from "../../core/containers/places.ts";
import { followLinks } from "../files/links.ts";

export interface Located {
  /** In the container, without links. */
  readonly inner: string;
  readonly place: Place;
}

export interface PathView extends PlaceContext {
  /** The container's root as we may look at it (`/proc/PID/root`); null: only its mounts can be seen. */
  readonly root: string | null;
}

/** Follows every link; null where they lead in a circle. What does not exist is taken as it is written. */
export function locate(path: string, view: PathView): Located | null {
  const trail = followLinks(path, (inner) => linkAt(inner, view));
  return trail === null
    ? null
    : { inner: trail.end, place: placeOf(trail.end, view) };
}

/**
 * The path under which we open it: as Nginx, or else a link on the way, names it where that leads to the same file from
 * here, so that a lineage keeps its name; otherwise the file itself. null: it cannot be reached from here.
 */
export function localPath(path: string, view: PathView): string | null {
  const trail = followLinks(path, (inner) => linkAt(inner, view));
  if (trail === null) return null;
  const end = placeOf(trail.end, view);
  if (end.kind !== "here") return null;
  const file = realPath(end.path);
  const named = trail.names
    .map((name) => placeOf(name, view))
    .find((place) => place.kind === "here" && realPath(place.path) === file);
  return named?.kind === "here" ? named.path : end.path;
}

/** The container's own view of a file, for a look at its identity; null where there is none. */
export function innerFile(path: string, view: PathView): string | null {
  const located = locate(path, view);
  return located === null || view.root === null
    ? null
    : `${view.root}${located.inner}`;
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
