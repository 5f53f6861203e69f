import { inspect } from "node:util";
import { createColors } from "picocolors";
import { printable } from "../../core/report/text.ts";
import type { LineLevel, LogLine } from "./log.ts";

/** `12:00:05 warn  message  lineage=example.org generation=3`, the time in UTC; a stack follows on lines of its own. */
export function renderLine(
  line: LogLine,
  options: { readonly colours: boolean },
): string {
  const colours = createColors(options.colours);
  const paint: Readonly<Record<LineLevel, (text: string) => string>> = {
    trace: colours.dim,
    debug: colours.dim,
    info: colours.cyan,
    warn: colours.yellow,
    error: colours.red,
  };
  const time = line.at.toISOString().slice(11, 19);
  const { error, ...fields } = line.fields;
  const words = Object.entries(fields).map(
    ([name, value]) => `${colours.dim(`${name}=`)}${renderValue(value)}`,
  );
  const head = [
    colours.dim(time),
    paint[line.level](line.level.padEnd(5)),
    printable(line.message),
    ...words,
  ].join(" ");
  return error === undefined
    ? `${head}\n`
    : `${head}\n${printable(typeof error === "string" ? error : inspect(error))}\n`;
}

/** A word as it is, everything else as Node shows it, on one line. */
function renderValue(value: unknown): string {
  const isWord = typeof value === "string" && /^[^\s"=]+$/.test(value);
  return printable(
    isWord ? value : inspect(value, { breakLength: Infinity, depth: 4 }),
  );
}
