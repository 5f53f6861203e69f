/**
 * Opens a certificate and its key in a tight loop until it is told to end: the directory once, and both files in it, as
 * openat(2) does. Says when it has begun, and at the end how often they were of one publication and how often not.
 * Arguments: the directory, and the names of the two files. Both hold the number of their publication.
 */
import { closeSync, constants, openSync, readFileSync } from "node:fs";

const [directory = "", certificate = "", key = ""] = process.argv.slice(2);
let whole = 0;
let mixed = 0;
let isOver = false;

process.on("SIGTERM", () => (isOver = true));
turn();
process.stdout.write("at work\n");

function turn(): void {
  for (let round = 0; round < 200; round += 1) read();
  if (!isOver) setImmediate(turn);
  else process.stdout.write(JSON.stringify({ whole, mixed }));
}

function read(): void {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  compare(`/proc/self/fd/${String(fd)}`);
  closeSync(fd);
}

function compare(place: string): void {
  const one = readFileSync(`${place}/${certificate}`, "utf8");
  const other = readFileSync(`${place}/${key}`, "utf8");
  if (one === other) whole += 1;
  else mixed += 1;
}
