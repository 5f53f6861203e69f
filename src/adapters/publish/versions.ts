/** The versions of a publication, each complete before it gets its name, and the link that tells which one is present. */
import {
  fchmodSync,
  fstatSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  type Stats,
} from "node:fs";
import { PlaceError, type HeldDirectory } from "./directory.ts";
import {
  attempt,
  codeOf,
  lookAt,
  readWhole,
  swapped,
  targetOf,
  writeNew,
} from "./files.ts";
import { contentOf, type Contents, type Order } from "./order.ts";

/** Whoever may read a file must be able to come by; keys have modes of their own. */
const directoryMode = 0o755;

export const currentName = "current";

const unfinished = ".tmp-";

export function storeName(name: string): string {
  return `.livecert-${name}`;
}

export function openStore(
  directory: HeldDirectory,
  order: Order,
): HeldDirectory {
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

function openToReaders({ fd }: HeldDirectory): void {
  if ((fstatSync(fd).mode & 0o7777) !== directoryMode)
    fchmodSync(fd, directoryMode);
}

export function temporaryPrefix(name: string): string {
  return `${storeName(name)}.tmp-`;
}

/** What a killed run has left; the lock is ours, so nobody is at it any more. */
export function sweep(
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

/** Gets its name when all of it is on disk. */
export function writeVersion(
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

export function readVersion(
  store: HeldDirectory,
  version: string,
  { files }: Order,
): Contents {
  using directory = store.enter(version);
  return new Map(files.map(({ name }) => [name, readWhole(directory, name)]));
}

/** Whole, before any link leads to it. The volume may be another one by now, or the set of files. */
export function requireVersion(
  store: HeldDirectory,
  version: string,
  { files }: Order,
): void {
  if (lookAt(store, version)?.isDirectory() !== true)
    throw new PlaceError(`the version ${version} is not kept there any more`);
  using directory = store.enter(version);
  for (const { name } of files)
    if (lookAt(directory, name)?.isFile() !== true)
      throw new PlaceError(`the version ${version} has no ${name}`);
}

/** Loses its name first, so that what has a version's name is always whole. */
export function removeVersion(store: HeldDirectory, name: string): void {
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

/** The version that is replaced bears the time of it, which a crash in between makes too early at most. */
export function makePresent(
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

/** By age, which their names begin with. */
export function prune(store: HeldDirectory, order: Order): void {
  const versions = store.names().filter((name) => /^\d{8}T/.test(name));
  const beyond = versions
    .slice(0, Math.max(0, versions.length - order.keep))
    .filter((name) => !order.kept.includes(name));
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
