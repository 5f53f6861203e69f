/**
 * Where a path of a container's lies here, by its mounts. Text only: links are resolved, one hop at a time, by the caller,
 * who asks again for each place that a link leads to.
 */
import type { ContainerMount } from "./container.ts";

/** Whose paths "here" are. */
export type Standpoint =
  /** The engine's own machine. */
  | { readonly kind: "machine" }
  /** A container of the same engine, with these mounts. */
  | {
      readonly kind: "container";
      readonly mounts: readonly ContainerMount[];
    };

export type Place =
  | {
      readonly kind: "here";
      readonly path: string;
      /** null: the configuration says so. */
      readonly mount: ContainerMount | null;
      /** The mount is of this one file or directory, not of one above it. */
      readonly isMountPoint: boolean;
    }
  /** Mounted, and livecert's own container lacks that mount. */
  | { readonly kind: "out-of-reach"; readonly mount: ContainerMount }
  /** No mount covers it: it lies in the container's own file system. */
  | { readonly kind: "inside" };

export interface PlaceContext {
  readonly mounts: readonly ContainerMount[];
  readonly standpoint: Standpoint;
  /** By a directory or file inside: where it lies here, whatever the mounts say. */
  readonly paths: Readonly<Record<string, string>>;
}

/** @param path absolute, without `.` and `..` */
export function placeOf(path: string, context: PlaceContext): Place {
  const given = longest(
    Object.keys(context.paths).filter((prefix) => isWithin(path, prefix)),
    (prefix) => prefix,
  );
  if (given !== null) {
    const base = context.paths[given] ?? "";
    const moved = movedTo(path, given, base);
    return { kind: "here", path: moved, mount: null, isMountPoint: false };
  }
  const mount = longest(
    context.mounts.filter(({ destination }) => isWithin(path, destination)),
    ({ destination }) => destination,
  );
  if (mount?.source == null) return { kind: "inside" };
  const onMachine = movedTo(path, mount.destination, mount.source);
  const here = fromMachine(onMachine, context.standpoint);
  if (here === null) return { kind: "out-of-reach", mount };
  const isMountPoint = path === mount.destination;
  return { kind: "here", path: here, mount, isMountPoint };
}

/** null: our own container does not have it. */
function fromMachine(path: string, standpoint: Standpoint): string | null {
  if (standpoint.kind === "machine") return path;
  const own = longest(
    standpoint.mounts.filter(
      ({ source }) => source !== null && isWithin(path, source),
    ),
    ({ source }) => source ?? "",
  );
  return own?.source == null
    ? null
    : movedTo(path, own.source, own.destination);
}

function isWithin(path: string, directory: string): boolean {
  const base = directory.replace(/\/+$/, "");
  return path === directory || path === base || path.startsWith(`${base}/`);
}

function movedTo(path: string, from: string, to: string): string {
  const rest = path.slice(from.replace(/\/+$/, "").length);
  const moved = `${to.replace(/\/+$/, "")}${rest}`;
  return moved === "" ? "/" : moved;
}

/** The last of the longest: later mounts cover earlier ones. */
function longest<Item>(
  items: readonly Item[],
  pathOf: (item: Item) => string,
): Item | null {
  return items.reduce<Item | null>(
    (best, item) =>
      best === null || pathOf(item).length >= pathOf(best).length ? item : best,
    null,
  );
}
