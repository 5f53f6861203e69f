import type { ChildProcess } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";

/**
 * Starts a child by execa. Where no descriptor is left for its pipes, Node.js hands out a child without streams, which execa
 * (9.6.1) stumbles over, and reports the failure a moment later to whoever listens: to nobody, and that would end us.
 *
 * @returns null where no descriptor was left
 */
export function unlessOutOfDescriptors<Child>(
  start: () => Child,
): Child | null {
  subscribe("child_process", expectFailure);
  try {
    return start();
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  } finally {
    unsubscribe("child_process", expectFailure);
  }
}

export const outOfDescriptors = "too many open files";

/** Every child is announced here before it is started. */
function expectFailure(message: unknown): void {
  const { process: child } = message as { readonly process: ChildProcess };
  child.once("error", () => undefined);
}
