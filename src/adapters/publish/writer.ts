/**
 * Puts one set of files where a service looks for it, inside one open directory:
 *
 *     .livecert-NAME/VERSION/FILE    every version that is kept, each complete before it gets its name
 *     .livecert-NAME/current         a link to the one that is published
 *     FILE                           `versioned`: a link through `current`; otherwise a file of its own
 *
 * Runs within the process, or in a child that has become the directory's owner (child.ts), so it and what it imports know
 * nothing but Node's own modules.
 */
import type { HeldDirectory } from "./directory.ts";
import { attempt, lookAt, readWhole, targetOf } from "./files.ts";
import { publish } from "./layouts.ts";
import type { Contents, Done, Order } from "./order.ts";
import {
  currentName,
  openStore,
  prune,
  removeVersion,
  requireVersion,
  sweep,
  writeVersion,
} from "./versions.ts";

/** Throws PlaceError or what the system throws; a set that was published before is whole then (see docs/publishing.md). */
export function carryOutOrder(
  directory: HeldDirectory,
  order: Order,
  contents: Contents,
): Done {
  using store = openStore(directory, order);
  sweep(directory, store, order);
  const adopted = adopt(directory, store, order);
  if (order.isNew) {
    publishNew(directory, store, order, contents);
    prune(store, order);
  } else {
    requireVersion(store, order.version, order);
    publish(directory, store, order.version, order);
  }
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

/** The set that was there before the first publication; only a whole one can be gone back to. */
function adopt(
  directory: HeldDirectory,
  store: HeldDirectory,
  order: Order,
): Done["adopted"] {
  if (order.adopt === null) return null;
  if (lookAt(store, currentName) !== null)
    return lookAt(store, order.adopt) === null ? null : "before";
  const contents = new Map<string, Uint8Array>();
  for (const { name } of order.files) {
    if (lookAt(directory, name)?.isFile() !== true) return null;
    contents.set(name, readWhole(directory, name));
  }
  writeVersion(store, order.adopt, order, contents);
  if (order.layout === "versioned")
    publish(directory, store, order.adopt, order);
  return "now";
}
