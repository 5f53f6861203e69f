/** Files of a container's configuration, by the names that they have inside. */
import type { FileIdentity } from "../../core/lineage/lineage.ts";
import { identifyFile } from "../files/read-file.ts";
import { innerFile, localPath, locate, type PathView } from "./paths.ts";

/** As the container itself has them, so that a file of its image counts as well; those that are gone are left out. */
export async function identifyInner(
  paths: readonly string[],
  files: PathView,
): Promise<readonly FileIdentity[]> {
  const identities = await Promise.all(
    paths.map(async (path) => {
      const file = innerFile(path, files) ?? localPath(path, files);
      const identity = file === null ? null : await identifyFile(file);
      return identity === null
        ? null
        : { ...identity, path, resolved: locate(path, files)?.inner ?? path };
    }),
  );
  return identities.filter((identity) => identity !== null);
}

/**
 * Where error logs can be opened here. One that is no file of its own (`/dev/stderr`) is the container's, which the engine
 * keeps.
 */
export function logFiles(
  paths: readonly string[],
  files: PathView,
): readonly string[] {
  return paths.flatMap((path) => {
    const located = locate(path, files);
    if (located === null || /^\/(?:dev|proc)\//.test(located.inner)) return [];
    if (located.place.kind === "here") return [located.place.path];
    return files.root === null ? [] : [`${files.root}${located.inner}`];
  });
}
