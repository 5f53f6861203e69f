/** Replacing a small file of ours at once, that nobody misses after a power loss. */
import { chmodSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { temporaryName } from "../store/files.ts";

const privateFile = 0o600;

/** Readers find the old content or the new one; 0600 whatever the umask. Throws what the system throws. */
export function replaceFile(path: string, content: string | Uint8Array): void {
  const temporary = temporaryName(path);
  try {
    writeFileSync(temporary, content, { mode: privateFile, flag: "wx" });
    chmodSync(temporary, privateFile);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
