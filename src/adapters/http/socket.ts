/** The file of a unix socket that we listen at. */
import { chmodSync, closeSync, constants, fstatSync, openSync } from "node:fs";
import { lstat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { codeOf } from "../store/files.ts";

/** Opens a name without opening what it names (open(2)); Node.js has no constant for it. */
const pathOnly = 0o10000000;

/**
 * 0660. The directory may be somebody else's, who could put a link to any file in the socket's place: so it is held first
 * and looked at.
 */
export function openToGroup(path: string): void {
  const fd = openSync(path, pathOnly | constants.O_NOFOLLOW);
  try {
    if (fstatSync(fd).isSocket())
      chmodSync(`/proc/self/fd/${String(fd)}`, 0o660);
  } finally {
    closeSync(fd);
  }
}

/** A killed server leaves its socket behind, and nobody could listen there again. */
export async function removeLeftover(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => null);
  if (stats?.isSocket() !== true) return;
  const isAnswered = await new Promise<boolean>((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => resolve(codeOf(error) !== "ECONNREFUSED"));
  });
  if (!isAnswered) await unlink(path);
}
