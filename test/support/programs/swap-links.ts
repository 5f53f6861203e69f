/**
 * Swaps directories for links to another place and back in a tight loop, until it is told to end. Arguments: where
 * the links lead, then the directories.
 */
import { renameSync, rmSync, symlinkSync } from "node:fs";

const [target = "", ...directories] = process.argv.slice(2);
let swaps = 0;
let isOver = false;

process.on("SIGTERM", () => (isOver = true));
turn();

function turn(): void {
  for (let round = 0; round < 50; round += 1) directories.forEach(swap);
  if (!isOver) setImmediate(turn);
  else process.stdout.write(String(swaps));
}

function swap(directory: string): void {
  const aside = `${directory}.aside`;
  try {
    renameSync(directory, aside);
    symlinkSync(target, directory);
    swaps += 1;
    rmSync(directory);
    renameSync(aside, directory);
  } catch {
    // Somebody was quicker: what lies in the way goes, and the next round goes on.
    try {
      rmSync(aside, { recursive: true, force: true });
    } catch {
      return;
    }
  }
}
