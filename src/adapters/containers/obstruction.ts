/**
 * What keeps a renewed file from a container: it lies in the container's own file system, or it is mounted singly, and such
 * a mount keeps the file that was there when the container was made.
 */
import { statSync } from "node:fs";
import {
  describeContainer,
  describeMount,
  type Container,
} from "../../core/containers/container.ts";
import type { Obstruction } from "../../ports.ts";
import { readFileBounded } from "../files/read-file.ts";
import { readInner, type InnerReading } from "./copies.ts";
import type { SeenContainer } from "./lookup.ts";
import { innerFile, locate, type PathView } from "./paths.ts";

export interface SingleFile {
  readonly path: string;
  /** In the user's terms. */
  readonly mount: string;
}

/** Files that are mounted one by one, whether they were renewed already or not. */
export function singleFiles(
  paths: readonly string[],
  files: PathView,
): readonly SingleFile[] {
  return paths.flatMap((path) => {
    const place = locate(path, files)?.place;
    if (place?.kind !== "here" || place.mount === null) return [];
    return place.isMountPoint && isFile(place.path)
      ? [{ path, mount: describeMount(place.mount) }]
      : [];
  });
}

/** null: nothing does. A single file counts once the container's content is another. */
export async function findObstruction(
  path: string,
  { container, files }: SeenContainer,
  reading: Pick<InnerReading, "engine" | "timeoutMs">,
): Promise<Obstruction | null> {
  const located = locate(path, files);
  if (located?.place.kind === "inside") return copied(path, container);
  if (located?.place.kind !== "here" || !located.place.isMountPoint)
    return null;
  const { place, inner } = located;
  const isSame = await isSameContent(place.path, innerFile(inner, files), () =>
    readInner(inner, {
      ...reading,
      id: container.id,
      file: null,
      signal: AbortSignal.timeout(reading.timeoutMs),
    }),
  );
  if (isSame) return null;
  const mount = place.mount === null ? path : describeMount(place.mount);
  return pinned(path, mount, container);
}

/** @param inner where the container's own view can be looked at; null: it is asked for the content */
async function isSameContent(
  outer: string,
  inner: string | null,
  readInside: () => Promise<Uint8Array | null>,
): Promise<boolean> {
  if (inner !== null && isSameInode(outer, inner)) return true;
  const outside = await readFileBounded(outer);
  if (outside.kind !== "read") return true;
  if (inner === null) {
    const inside = await readInside();
    return inside === null || Buffer.compare(outside.content, inside) === 0;
  }
  const inside = await readFileBounded(inner);
  return (
    inside.kind !== "read" ||
    Buffer.compare(outside.content, inside.content) === 0
  );
}

function isSameInode(one: string, other: string): boolean {
  try {
    const [first, second] = [one, other].map((path) =>
      statSync(path, { bigint: true }),
    );
    return first?.dev === second?.dev && first?.ino === second?.ino;
  } catch {
    return false;
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function pinned(
  path: string,
  mount: string,
  container: Container,
): Obstruction {
  const { name } = container;
  return {
    kind: "pinned",
    reason: `${path} in ${describeContainer(container)} is ${mount}, a single file: the mount keeps the file that was there when the container was made, so no reload can load the renewed one`,
    remedy: `mount the directory instead of the file (for Certbot: all of /etc/letsencrypt), then re-create the container: docker compose up -d --force-recreate; until then docker restart ${name} loads the file of today`,
  };
}

function copied(path: string, container: Container): Obstruction {
  return {
    kind: "copied",
    reason: `${path} lies in the own file system of ${describeContainer(container)}, where no renewal reaches it`,
    remedy: `mount Certbot's directory into the container (/etc/letsencrypt:/etc/letsencrypt:ro), let the directive name the lineage's files in it, and re-create the container`,
  };
}
