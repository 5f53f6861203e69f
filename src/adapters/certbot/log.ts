/** The end of Certbot's own log, for those who want to know why it has not renewed. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { redact } from "../../core/report/redact.ts";
import { printable } from "../../core/report/text.ts";

const tailBytes = 64 * 1024;
const lineLength = 300;

/** The newest lines, oldest first, without secrets; none where there is no log or it cannot be read. */
export function lastLogLines(
  directory: string,
  number: number,
): readonly string[] {
  try {
    const text = redact(readTail(join(directory, "letsencrypt.log")));
    return text
      .split("\n")
      .filter((line) => line.trim() !== "")
      .slice(-number)
      .map((line) => printable(line).slice(0, lineLength));
  } catch {
    return [];
  }
}

/** From the beginning of a line on. */
function readTail(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) return "";
    const start = Math.max(0, stats.size - tailBytes);
    const buffer = Buffer.alloc(Math.min(stats.size, tailBytes));
    const length = readSync(file, buffer, 0, buffer.length, start);
    const text = buffer.toString("utf8", 0, length);
    return start === 0 ? text : text.slice(text.indexOf("\n") + 1);
  } finally {
    closeSync(file);
  }
}
