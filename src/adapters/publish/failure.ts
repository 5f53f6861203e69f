import { PlaceError } from "./directory.ts";

export interface PublishFailure {
  readonly reason: string;
  readonly remedy: string | null;
}

const sandboxRemedy =
  "where livecert runs as a service, its sandbox must allow it: see docs/publishing.md, The service";

const failures: Readonly<Record<string, readonly [string, string | null]>> = {
  ENOSPC: ["no space is left there", "make room, then livecert retry"],
  EDQUOT: ["its owner's quota is used up", "make room, then livecert retry"],
  EROFS: ["it is read-only there", sandboxRemedy],
  EACCES: ["permission denied", sandboxRemedy],
  EPERM: [
    "not permitted",
    `lsattr shows whether it is immutable; ${sandboxRemedy}`,
  ],
  EISDIR: [
    "a directory is in the way",
    "remove it, or give the file another name",
  ],
  EXDEV: [
    "a mount of its own is in the way",
    "publish to that mount itself, or unmount it",
  ],
  ENOENT: [
    "it does not exist",
    "make the directory, or mend the configuration",
  ],
  ENOTDIR: ["not a directory", "name the directory itself, not a link to it"],
  ELOOP: ["a link is in the way", "name the place itself, not a link to it"],
  EBUSY: [
    "a file there is a mount of its own, which no new file can replace",
    "mount the directory instead of the file, or set `layout: in-place`",
  ],
  EEXIST: ["somebody else writes there at the same time", "livecert retry"],
};

/** Paths of open directories mean nothing to people. */
export function describeFailure(error: unknown): PublishFailure {
  if (error instanceof PlaceError)
    return { reason: error.message, remedy: error.remedy };
  const { code, message, path } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  const [words, remedy] = failures[code] ?? [message, null];
  const name = path?.replace(/^\/proc\/self\/fd\/\d+\/?/, "") ?? "";
  return { reason: name === "" ? words : `${name}: ${words}`, remedy };
}
