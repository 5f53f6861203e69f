/** Single files in a held directory: created exclusively, never reached through a link, owner and mode set on descriptors. */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readSync,
  readlinkSync,
  writeSync,
  type Stats,
} from "node:fs";
import { PlaceError, type HeldDirectory } from "./directory.ts";
import type { Order, OrderedFile } from "./order.ts";

const createNew =
  constants.O_WRONLY |
  constants.O_CREAT |
  constants.O_EXCL |
  constants.O_NOFOLLOW;

export function writeNew(
  directory: HeldDirectory,
  name: string,
  { mode }: OrderedFile,
  content: Uint8Array,
  order: Order,
): void {
  const fd = openSync(directory.at(name), createNew, 0o600);
  try {
    writeAll(fd, content);
    giveAway(fd, order, mode);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, content: Uint8Array): void {
  for (let done = 0; done < content.length;)
    done += writeSync(fd, content, done, content.length - done, done);
}

/** The mode first: what belongs to somebody else may be out of our reach, where livecert lacks root's full rights. */
function giveAway(fd: number, { uid, gid }: Order, mode: number): void {
  const stats = fstatSync(fd);
  if ((stats.mode & 0o7777) !== mode) fchmodSync(fd, mode);
  const owner = uid ?? stats.uid;
  const group = gid ?? stats.gid;
  if (owner !== stats.uid || group !== stats.gid) fchownSync(fd, owner, group);
}

const overwrite = constants.O_WRONLY | constants.O_NOFOLLOW;

export function rewrite(
  directory: HeldDirectory,
  { name, mode }: OrderedFile,
  { before, content }: Record<"before" | "content", Uint8Array>,
  order: Order,
): void {
  const fd = openSync(directory.at(name), overwrite);
  try {
    refuseUnusual(fstatSync(fd), name);
    giveAway(fd, order, mode);
    try {
      refill(fd, content);
    } catch (error) {
      attempt(() => refill(fd, before));
      throw error;
    }
  } finally {
    closeSync(fd);
  }
}

function refuseUnusual({ nlink }: Stats, name: string): void {
  if (nlink !== 1)
    throw new PlaceError(
      `${name} has other names too (hard links), which would be written along with it`,
      `give ${name} an inode of its own`,
    );
}

function refill(fd: number, content: Uint8Array): void {
  writeAll(fd, content);
  ftruncateSync(fd, content.length);
  fsyncSync(fd);
}

const readOnly =
  constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** No PEM file of a certificate, chain or key comes near it. */
const maxBytes = 1024 * 1024;

/** A regular file, not through a link. */
export function readWhole(directory: HeldDirectory, name: string): Uint8Array {
  const fd = openSync(directory.at(name), readOnly);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile() || stats.size > maxBytes)
      throw new PlaceError(`${name} is no file of a certificate or a key`);
    const content = new Uint8Array(stats.size);
    for (let done = 0; done < content.length;) {
      const bytesRead = readSync(
        fd,
        content,
        done,
        content.length - done,
        done,
      );
      if (bytesRead === 0) throw swapped(name);
      done += bytesRead;
    }
    return content;
  } finally {
    closeSync(fd);
  }
}

/** null where nothing has that name. */
export function lookAt(directory: HeldDirectory, name: string): Stats | null {
  return lstatSync(directory.at(name), { throwIfNoEntry: false }) ?? null;
}

/** null where there is no link. */
export function targetOf(
  directory: HeldDirectory,
  name: string,
): string | null {
  return lookAt(directory, name)?.isSymbolicLink() === true
    ? readlinkSync(directory.at(name))
    : null;
}

export function swapped(name: string): PlaceError {
  return new PlaceError(
    `${name} was changed by somebody else at the same time`,
    "see who else writes there, then livecert retry",
  );
}

/** For what is only tidied up. */
export function attempt(tidyUp: () => void): void {
  try {
    tidyUp();
  } catch {
    // The next publication sweeps it, or the first error says more.
  }
}

export function codeOf(error: unknown): string | null {
  return (error as NodeJS.ErrnoException).code ?? null;
}
