/** What is to be published, as it reaches the writer, also in a child. */
import type { Layout } from "../../core/settings/publications.ts";

export interface Order {
  readonly name: string;
  readonly layout: Layout;
  /** In the order in which single files are replaced. */
  readonly files: readonly OrderedFile[];
  /** Of the files; null: as whoever writes. Directories stay the writer's, who must be able to trust them. */
  readonly uid: number | null;
  readonly gid: number | null;
  /** The version to publish; written first, unless it is kept from before. */
  readonly version: string;
  readonly isNew: boolean;
  /** What is there and none of ours becomes this version, so that it can be gone back to. */
  readonly adopt: string | null;
  /** How many versions stay at least: the newest, and those that one can go back to. */
  readonly keep: number;
  readonly kept: readonly string[];
  /** The present time, in ms since the epoch. */
  readonly nowMs: number;
}

export interface OrderedFile {
  readonly name: string;
  readonly mode: number;
}

/** By file name. */
export type Contents = ReadonlyMap<string, Uint8Array>;

export interface Done {
  /** Whether there is a version of what was there before: made now, or by a run that was killed, or long ago. */
  readonly adopted: "now" | "before" | null;
}

export function contentOf(contents: Contents, name: string): Uint8Array {
  const content = contents.get(name);
  if (content === undefined) throw new Error(`nothing was given for ${name}`);
  return content;
}
