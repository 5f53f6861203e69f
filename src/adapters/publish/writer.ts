/**
 * Puts one set of files where a service looks for it, inside one open directory:
 *
 *     .livecert-NAME/VERSION/FILE    every version that is kept, each complete before it gets its name
 *     .livecert-NAME/current         a link to the one that is published
 *     FILE                           `versioned`: a link through `current`; otherwise a file of its own
 *
 * Everything is created exclusively and never through a link; owner and mode are set on descriptors. Runs within the
 * process, or in a child that has become the directory's owner (child.ts), so it knows nothing but Node's own modules.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  futimesSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeSync,
  type Stats,
} from "node:fs";
import type { Layout } from "../../core/settings/publications.ts";
import { HeldDirectory, PlaceError } from "./directory.ts";

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
  /** How many versions stay at least. */
  readonly keep: number;
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
  /** A version was made of what was there before. */
  readonly adopted: boolean;
}

/** Whoever may read a file must be able to come by; keys have modes of their own. */
const directoryMode = 0o755;
export const currentName = "current";
const unfinished = ".tmp-";

export function storeName(name: string): string {
  return `.livecert-${name}`;
}

/** Throws PlaceError or what the system throws; a set that was published before is whole then (see docs/publishing.md). */
export function carryOutOrder(
  directory: HeldDirectory,
  order: Order,
  contents: Contents,
): Done {
  using store = openStore(directory, order);
  sweep(directory, store, order);
  const adopted = order.adopt !== null && adopt(directory, store, order);
  if (order.isNew) {
    publishNew(directory, store, order, contents);
    prune(store, order);
  } else publish(directory, store, order.version, order);
  return { adopted };
}

function publishNew(
  directory: HeldDirectory,
  store: HeldDirectory,
  order: Order,
  contents: Contents,
): void {
  writeVersion(store, order.version, order, contents);
  try {
    publish(directory, store, order.version, order);
  } catch (error) {
    if (targetOf(store, currentName) !== order.version)
      attempt(() => removeVersion(store, order.version));
    throw error;
  }
}

function openStore(directory: HeldDirectory, order: Order): HeldDirectory {
  const name = storeName(order.name);
  try {
    mkdirSync(directory.at(name), { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
  const store = directory.enter(name);
  try {
    refuseForeign(store.stats(), name);
    openToReaders(store);
    return store;
  } catch (error) {
    store[Symbol.dispose]();
    throw error;
  }
}

/** Made by us once, so whoever else it belongs to has put it there. */
function refuseForeign({ uid, mode }: Stats, name: string): void {
  if (uid === process.geteuid?.() && (mode & 0o022) === 0) return;
  throw new PlaceError(
    `${name} is there already and is not livecert's own`,
    `remove ${name}`,
  );
}

/** What a killed run has left; the lock is ours, so nobody is at it any more. */
function sweep(
  directory: HeldDirectory,
  store: HeldDirectory,
  { name }: Order,
): void {
  for (const entry of directory.names())
    if (entry.startsWith(temporaryPrefix(name)))
      attempt(() => unlinkSync(directory.at(entry)));
  for (const entry of store.names())
    if (entry.startsWith(unfinished)) attempt(() => remove(store, entry));
}

function temporaryPrefix(name: string): string {
  return `${storeName(name)}.tmp-`;
}

/** Loses its name first, so that what has a version's name is always whole. */
function removeVersion(store: HeldDirectory, name: string): void {
  const temporary = `${unfinished}${name}`;
  renameSync(store.at(name), store.at(temporary));
  remove(store, temporary);
}

/** A file, a link, or a directory with files in it; whatever else somebody has put there stays. */
function remove(parent: HeldDirectory, name: string): void {
  if (!lstatSync(parent.at(name)).isDirectory()) {
    unlinkSync(parent.at(name));
    return;
  }
  {
    using directory = parent.enter(name);
    for (const entry of directory.names())
      if (!lstatSync(directory.at(entry)).isDirectory())
        unlinkSync(directory.at(entry));
  }
  try {
    rmdirSync(parent.at(name));
  } catch (error) {
    if (codeOf(error) !== "ENOTEMPTY") throw error;
  }
}

/** The set that was there before the first publication; only a whole one can be gone back to. */
function adopt(
  directory: HeldDirectory,
  store: HeldDirectory,
  order: Order,
): boolean {
  if (order.adopt === null) return false;
  // A run that was killed has made it already.
  if (lookAt(store, currentName) !== null)
    return lookAt(store, order.adopt) !== null;
  const contents = new Map<string, Uint8Array>();
  for (const { name } of order.files) {
    if (lookAt(directory, name)?.isFile() !== true) return false;
    contents.set(name, readWhole(directory, name));
  }
  writeVersion(store, order.adopt, order, contents);
  if (order.layout === "versioned")
    publish(directory, store, order.adopt, order);
  return true;
}

/** Gets its name when all of it is on disk. */
function writeVersion(
  store: HeldDirectory,
  version: string,
  order: Order,
  contents: Contents,
): void {
  if (targetOf(store, currentName) === version)
    throw new PlaceError(`${version} is published already`, "livecert retry");
  if (lookAt(store, version) !== null) removeVersion(store, version);
  const temporary = `${unfinished}${version}`;
  mkdirSync(store.at(temporary), { mode: 0o700 });
  try {
    using directory = store.enter(temporary);
    refuseForeign(directory.stats(), temporary);
    for (const file of order.files)
      writeNew(
        directory,
        file.name,
        file,
        contentOf(contents, file.name),
        order,
      );
    openToReaders(directory);
    directory.sync();
    renameSync(store.at(temporary), store.at(version));
    store.sync();
  } catch (error) {
    attempt(() => remove(store, temporary));
    throw error;
  }
}

function contentOf(contents: Contents, name: string): Uint8Array {
  const content = contents.get(name);
  if (content === undefined) throw new Error(`nothing was given for ${name}`);
  return content;
}

const createNew =
  constants.O_WRONLY |
  constants.O_CREAT |
  constants.O_EXCL |
  constants.O_NOFOLLOW;

function writeNew(
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

function openToReaders({ fd }: HeldDirectory): void {
  if ((fstatSync(fd).mode & 0o7777) !== directoryMode)
    fchmodSync(fd, directoryMode);
}

/** The mode first: what belongs to somebody else may be out of our reach, where livecert lacks root's full rights. */
function giveAway(fd: number, { uid, gid }: Order, mode: number): void {
  const stats = fstatSync(fd);
  if ((stats.mode & 0o7777) !== mode) fchmodSync(fd, mode);
  const owner = uid ?? stats.uid;
  const group = gid ?? stats.gid;
  if (owner !== stats.uid || group !== stats.gid) fchownSync(fd, owner, group);
}

function publish(
  directory: HeldDirectory,
  store: HeldDirectory,
  version: string,
  order: Order,
): void {
  switch (order.layout) {
    case "versioned":
      // Links that somebody replaced lead to the present version first, so that one rename changes all of them.
      linkFiles(directory, order, namesInPresent(store));
      makePresent(store, version, order);
      linkFiles(directory, order, null);
      return;
    case "files":
      replaceFiles(directory, readVersion(store, version, order), order);
      makePresent(store, version, order);
      return;
    case "in-place":
      rewriteFiles(directory, readVersion(store, version, order), order);
      makePresent(store, version, order);
      return;
  }
}

/** null: there is no present version, or not one of ours. */
function namesInPresent(store: HeldDirectory): readonly string[] {
  const present = targetOf(store, currentName);
  if (present === null || lookAt(store, present)?.isDirectory() !== true)
    return [];
  using directory = store.enter(present);
  return directory.names();
}

/** @param only null: all of them */
function linkFiles(
  directory: HeldDirectory,
  order: Order,
  only: readonly string[] | null,
): void {
  const prefix = temporaryPrefix(order.name);
  const due = order.files
    .filter(({ name }) => only?.includes(name) ?? true)
    .filter(({ name }) => targetOf(directory, name) !== linkOf(order, name))
    .map((file) => ({ file, temporary: `${prefix}${file.name}` }));
  try {
    for (const { file, temporary } of due)
      symlinkSync(linkOf(order, file.name), directory.at(temporary));
    renameAll(directory, due, prefix);
  } catch (error) {
    for (const { temporary } of due)
      attempt(() => unlinkSync(directory.at(temporary)));
    throw error;
  }
  directory.sync();
  for (const { file } of due)
    if (targetOf(directory, file.name) !== linkOf(order, file.name))
      throw swapped(file.name);
}

/** The version that is replaced bears the time of it, which a crash in between makes too early at most. */
function makePresent(
  store: HeldDirectory,
  version: string,
  { nowMs }: Order,
): void {
  const present = targetOf(store, currentName);
  if (present !== null && present !== version)
    attempt(() => {
      using replaced = store.enter(present);
      futimesSync(replaced.fd, nowMs / 1_000, nowMs / 1_000);
    });
  pointTo(store, version);
}

function linkOf({ name: publication }: Order, name: string): string {
  return `${storeName(publication)}/${currentName}/${name}`;
}

/** One rename: whoever looks finds the old version or the new one. */
function pointTo(store: HeldDirectory, version: string): void {
  if (targetOf(store, currentName) === version) return;
  const temporary = `${unfinished}${currentName}`;
  symlinkSync(version, store.at(temporary));
  try {
    renameSync(store.at(temporary), store.at(currentName));
  } catch (error) {
    attempt(() => unlinkSync(store.at(temporary)));
    throw error;
  }
  store.sync();
  if (targetOf(store, currentName) !== version) throw swapped(currentName);
}

/** null where there is no link. */
function targetOf(directory: HeldDirectory, name: string): string | null {
  return lookAt(directory, name)?.isSymbolicLink() === true
    ? readlinkSync(directory.at(name))
    : null;
}

function swapped(name: string): PlaceError {
  return new PlaceError(
    `${name} was changed by somebody else at the same time`,
    "see who else writes there, then livecert retry",
  );
}

function readVersion(
  store: HeldDirectory,
  version: string,
  { files }: Order,
): Contents {
  using directory = store.enter(version);
  return new Map(files.map(({ name }) => [name, readWhole(directory, name)]));
}

/** All is written before the first name changes; then the names change one directly after the other. */
function replaceFiles(
  directory: HeldDirectory,
  contents: Contents,
  order: Order,
): void {
  const prefix = temporaryPrefix(order.name);
  const temporaries = order.files.map((file) => ({
    file,
    temporary: `${prefix}${file.name}`,
  }));
  try {
    for (const { file, temporary } of temporaries)
      writeNew(
        directory,
        temporary,
        file,
        contentOf(contents, file.name),
        order,
      );
    const inodes = temporaries.map(({ temporary }) =>
      String(lookAt(directory, temporary)?.ino),
    );
    renameAll(directory, temporaries, prefix);
    directory.sync();
    for (const [index, { file }] of temporaries.entries())
      if (String(lookAt(directory, file.name)?.ino) !== inodes[index])
        throw swapped(file.name);
  } catch (error) {
    for (const { temporary } of temporaries)
      attempt(() => unlinkSync(directory.at(temporary)));
    throw error;
  }
}

/** All of them or, where one cannot be replaced (it is immutable, or a directory), none. */
function renameAll(
  directory: HeldDirectory,
  files: readonly { readonly file: OrderedFile; readonly temporary: string }[],
  prefix: string,
): void {
  const old = (name: string): string => directory.at(`${prefix}old-${name}`);
  const undo: (() => void)[] = [];
  try {
    for (const { file } of files)
      attempt(() => linkSync(directory.at(file.name), old(file.name)));
    for (const { file, temporary } of files) {
      const place = directory.at(file.name);
      const isNew = lookAt(directory, file.name) === null;
      renameSync(directory.at(temporary), place);
      undo.push(() =>
        isNew ? unlinkSync(place) : renameSync(old(file.name), place),
      );
    }
  } catch (error) {
    for (const takeBack of undo.reverse()) attempt(takeBack);
    throw error;
  } finally {
    for (const { file } of files) attempt(() => unlinkSync(old(file.name)));
  }
}

const overwrite = constants.O_WRONLY | constants.O_NOFOLLOW;

/** For files that are mounted singly: the same inode gets the new bytes, and a reader may meet half of them. */
function rewriteFiles(
  directory: HeldDirectory,
  contents: Contents,
  order: Order,
): void {
  const undo: (() => void)[] = [];
  try {
    for (const file of order.files) {
      const content = contentOf(contents, file.name);
      if (lookAt(directory, file.name) === null) {
        writeNew(directory, file.name, file, content, order);
        undo.push(() => unlinkSync(directory.at(file.name)));
        continue;
      }
      const before = readWhole(directory, file.name);
      rewrite(directory, file, { before, content }, order);
      const back = { before: content, content: before };
      undo.push(() => rewrite(directory, file, back, order));
    }
  } catch (error) {
    for (const takeBack of undo.reverse()) attempt(takeBack);
    throw error;
  }
}

function rewrite(
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

/** By age, which their names begin with. */
function prune(store: HeldDirectory, order: Order): void {
  const versions = store.names().filter((name) => /^\d{8}T/.test(name));
  const beyond = versions.slice(0, Math.max(0, versions.length - order.keep));
  for (const name of beyond)
    attempt(() => {
      if (!mayBeInUse(store, name, order)) removeVersion(store, name);
    });
}

/** Who opened a version while it was the present one may have its files still to open. */
const readersLimitMs = 10 * 60_000;

function mayBeInUse(
  store: HeldDirectory,
  name: string,
  { version, nowMs }: Order,
): boolean {
  if (name === version) return true;
  const { mtimeMs } = lstatSync(store.at(name));
  // A clock that was set back must not keep it for ever.
  return Math.abs(nowMs - mtimeMs) < readersLimitMs;
}

const readOnly =
  constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** No PEM file of a certificate, chain or key comes near it. */
const maxBytes = 1024 * 1024;

/** A regular file, not through a link. */
function readWhole(directory: HeldDirectory, name: string): Uint8Array {
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
function lookAt(directory: HeldDirectory, name: string): Stats | null {
  return lstatSync(directory.at(name), { throwIfNoEntry: false }) ?? null;
}

/** For what is only tidied up. */
function attempt(tidyUp: () => void): void {
  try {
    tidyUp();
  } catch {
    // The next publication sweeps it, or the first error says more.
  }
}

function codeOf(error: unknown): string | null {
  return (error as NodeJS.ErrnoException).code ?? null;
}
