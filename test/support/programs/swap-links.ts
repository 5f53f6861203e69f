/**
 * Swaps directories for links to another place and back in a tight loop, until it is told to end. Arguments: where
 * the links lead, then the directories. Says when it has begun, and at the end how often it swapped.
 */
import { renameSync, rmSync, symlinkSync, unlinkSync } from "node:fs";

const [target = "", ...directories] = process.argv.slice(2);
let swaps = 0;
let isOver = false;

process.on("SIGTERM", () => (isOver = true));
turn();
process.stdout.write("at work\n");

function turn(): void {
  for (let round = 0; round < 50; round += 1) directories.forEach(swap);
  if (!isOver) setImmediate(turn);
  else process.stdout.write(String(swaps));
}

/** Whatever somebody else does there at the same moment, the next round finds a directory again. */
function swap(directory: string): void {
  const aside = `${directory}.aside`;
  if (!attempt(() => renameSync(directory, aside))) return;
  if (attempt(() => symlinkSync(target, directory))) swaps += 1;
  attempt(() => unlinkSync(directory));
  if (!attempt(() => renameSync(aside, directory)))
    attempt(() => rmSync(aside, { recursive: true }));
}

function attempt(step: () => void): boolean {
  try {
    step();
    return true;
  } catch {
    return false;
  }
}
