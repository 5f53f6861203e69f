import { createColors } from "picocolors";
import { printable } from "../../core/report/text.ts";
import type { Output } from "../invocation.ts";

export type TableStyle = Pick<Output, "terminal" | "colours">;

export type Cell =
  string | { readonly text: string; readonly paint: (text: string) => string };

/**
 * On a terminal columns with a heading, otherwise one line per row with tabs between the cells and no heading, as `cut` and
 * `awk` like it.
 */
export function renderTable(
  heading: readonly string[],
  rows: readonly (readonly Cell[])[],
  style: TableStyle,
): string {
  const lines = style.terminal
    ? aligned(heading, rows, style)
    : rows.map((row) => row.map(textOf).join("\t"));
  return lines.map((line) => `${line}\n`).join("");
}

function aligned(
  heading: readonly string[],
  rows: readonly (readonly Cell[])[],
  style: TableStyle,
): readonly string[] {
  const { bold } = createColors(style.colours);
  const title = heading.map((text) => ({ text, paint: bold }));
  const all = [title, ...rows];
  const widths = heading.map((_, column) =>
    Math.max(...all.map((row) => width(row[column] ?? ""))),
  );
  return all.map((row) =>
    row
      .map((cell, column) => fill(cell, (widths[column] ?? 0) - width(cell)))
      .join("  ")
      .trimEnd(),
  );
}

/** Colour goes on after the width is known, and round the text only. */
function fill(cell: Cell, missing: number): string {
  const text = textOf(cell);
  const painted = typeof cell === "string" ? text : cell.paint(text);
  return painted + " ".repeat(missing);
}

/** One line without tabs, whatever it holds. */
function textOf(cell: Cell): string {
  const text = typeof cell === "string" ? cell : cell.text;
  return printable(text).replaceAll(/[\t\n]+/g, " ");
}

/** In characters. */
function width(cell: Cell): number {
  return Array.from(textOf(cell)).length;
}
