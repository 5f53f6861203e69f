/** How a version becomes what the service finds under the names that it knows: one way for each layout. */
import { linkSync, renameSync, symlinkSync, unlinkSync } from "node:fs";
import type { HeldDirectory } from "./directory.ts";
import {
  attempt,
  lookAt,
  readWhole,
  rewrite,
  swapped,
  targetOf,
  writeNew,
} from "./files.ts";
import {
  contentOf,
  type Contents,
  type Order,
  type OrderedFile,
} from "./order.ts";
import {
  currentName,
  makePresent,
  readVersion,
  storeName,
  temporaryPrefix,
} from "./versions.ts";

export function publish(
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

function linkOf({ name: publication }: Order, name: string): string {
  return `${storeName(publication)}/${currentName}/${name}`;
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
