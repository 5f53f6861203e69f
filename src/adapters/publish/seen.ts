/** What lies in the published place now, told without opening a file: whether somebody has changed it since. */
import { lstatSync, readlinkSync, type Stats } from "node:fs";
import type { PublicationSetting } from "../../core/settings/publications.ts";
import { descend, type HeldDirectory } from "./directory.ts";
import type { OpenPlace } from "./place.ts";
import { currentName, storeName } from "./versions.ts";

export interface Seen {
  /** Equal for two looks at the same files. */
  readonly identity: string;
  /** By path as a service finds them. */
  readonly inodes: ReadonlyMap<string, Inode>;
}

export type Inode = Pick<Stats, "dev" | "ino">;

/** null where something of it is missing, or is no plain file or link of ours. */
export function lookAtPublished(
  place: OpenPlace,
  setting: PublicationSetting,
): Seen | null {
  try {
    using directory = descend(
      place.directory.again(),
      place.ahead,
      () => true,
    ).directory;
    return setting.layout === "versioned"
      ? lookAtVersion(directory, setting)
      : lookAtFiles(directory, setting);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return null;
  }
}

function lookAtVersion(
  directory: HeldDirectory,
  setting: PublicationSetting,
): Seen {
  const { files, name } = setting;
  using store = directory.enter(storeName(name));
  const version = readlinkSync(store.at(currentName));
  using published = store.enter(version);
  const links = files.map((file) => readlinkSync(directory.at(file.name)));
  const seen = lookAtFiles(published, setting);
  return { ...seen, identity: JSON.stringify([version, links, seen.identity]) };
}

function lookAtFiles(
  directory: HeldDirectory,
  { files }: PublicationSetting,
): Seen {
  const stats = files.map(
    ({ name }) => [name, lstatSync(directory.at(name))] as const,
  );
  return {
    identity: JSON.stringify(
      stats.map(([name, { ino, size, mtimeMs, mode, uid, gid }]) => [
        ...[name, ino, size, mtimeMs, mode, uid, gid],
      ]),
    ),
    inodes: new Map(stats),
  };
}
