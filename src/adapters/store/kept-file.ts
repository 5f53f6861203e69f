/**
 * Files of the run directory that only make the next run faster. They are believed only where nobody else could have written
 * them, and never missed: what cannot be kept is found out again.
 */
import { dirname } from "node:path";
import { readNow } from "../files/read-file.ts";
import { lookAtOwnership } from "../process/trust.ts";
import { writeBriefly } from "./files.ts";

/** Ten times what the largest of them takes for ten thousand lineages. */
const maxBytes = 64 * 1024 * 1024;

/** null where there is none that can be believed. */
export function readKept(path: string): Buffer | null {
  if (lookAtOwnership(path).kind !== "trusted") return null;
  return readNow(path, { maxBytes });
}

/** Never throws. @param content made only where it can be kept */
export async function writeKept(
  path: string,
  content: () => string | Uint8Array,
): Promise<void> {
  try {
    if (lookAtOwnership(dirname(path)).kind !== "trusted") return;
    await writeBriefly(path, content());
  } catch {
    // No run directory yet, a full disk, or not root.
  }
}
