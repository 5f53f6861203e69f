/** Every certificate as a bar on a time axis: issued, renewal due, expiry, now. Only for terminals. */
import { createColors } from "picocolors";
import { isFailure } from "../../core/decision/outcome.ts";
import { spanOf, ticksOf, type Span } from "../../core/report/axis.ts";
import type { LineageReport } from "../../core/report/document.ts";
import { lineageLabel } from "./run.ts";

export interface BarStyle {
  readonly colours: boolean;
  readonly columns: number;
  /** Whether the terminal can show more than ASCII. */
  readonly unicode: boolean;
  readonly now: Date;
}

type Cell = "outside" | "elapsed" | "ahead" | "late" | "now";

const shapes: Readonly<Record<"unicode" | "ascii", Record<Cell, string>>> = {
  unicode: { outside: " ", elapsed: "─", ahead: "█", late: "▒", now: "│" },
  ascii: { outside: " ", elapsed: "-", ahead: "=", late: "~", now: "|" },
};

const widestLabel = 32;
const widestBar = 80;
/** A name gives way to the bar until it has this much. */
const usualBar = 24;
const narrowestLabel = 12;
const narrowestBar = 16;

/** Nothing where there is no room, or no certificate with dates. */
export function renderBars(
  lineages: readonly LineageReport[],
  style: BarStyle,
): string {
  const lives = lineages.flatMap((report) => lifeOf(report) ?? []);
  const labelWidth = Math.min(
    widestLabel,
    Math.max(narrowestLabel, style.columns - usualBar - 2),
    lives.reduce((most, { label }) => Math.max(most, widthOf(label)), 0),
  );
  const width = Math.min(style.columns - labelWidth - 2, widestBar);
  if (lives.length === 0 || width < narrowestBar) return "";
  const span = spanOf(lives, style.now.getTime());
  const rows = lives.map(
    (life) =>
      `${fitted(life.label, labelWidth)}  ${bar(life, span, width, style)}`,
  );
  const axis = `${" ".repeat(labelWidth + 2)}${axisLine(span, width, style)}`;
  return [axis, ...rows, ...legend(style)]
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

interface Life extends Span {
  readonly label: string;
  readonly due: number;
  readonly isWrong: boolean;
}

/** Of what clients are handed; of the file where nothing was seen. */
function lifeOf(report: LineageReport): Life | null {
  const { served, leaf, renewalDue, outcome } = report;
  const dates = served[0] ?? leaf;
  if (dates === null) return null;
  return {
    label: lineageLabel(report).replaceAll(/[\t\n]/g, " "),
    from: Date.parse(dates.notBefore),
    to: Date.parse(dates.notAfter),
    due: Date.parse(renewalDue ?? dates.notAfter),
    isWrong: outcome !== null && isFailure(outcome),
  };
}

function widthOf(label: string): number {
  return Array.from(label).length;
}

function fitted(label: string, width: number): string {
  const letters = Array.from(label);
  return letters.length <= width
    ? label + " ".repeat(width - letters.length)
    : `${letters.slice(0, width - 3).join("")}...`;
}

function bar(life: Life, span: Span, width: number, style: BarStyle): string {
  const colours = createColors(style.colours);
  const paint: Readonly<Record<Cell, (text: string) => string>> = {
    outside: (text) => text,
    elapsed: colours.dim,
    ahead: life.isWrong ? colours.red : colours.green,
    late: life.isWrong ? colours.red : colours.yellow,
    now: colours.bold,
  };
  const shape = shapes[style.unicode ? "unicode" : "ascii"];
  const cells = Array.from({ length: width }, (_, index) =>
    cellAt(index, life, { span, width, now: style.now.getTime() }),
  );
  return runsOf(cells)
    .map(({ cell, count }) => paint[cell](shape[cell].repeat(count)))
    .join("");
}

function cellAt(
  index: number,
  { from, to, due }: Life,
  about: { readonly span: Span; readonly width: number; readonly now: number },
): Cell {
  const { span, width, now } = about;
  if (index === placeOf(now, span, width)) return "now";
  const at = span.from + ((index + 0.5) / width) * (span.to - span.from);
  if (at < from || at >= to) return "outside";
  if (at < now) return "elapsed";
  return at < due ? "ahead" : "late";
}

/** The cell that an instant lies in. */
function placeOf(at: number, { from, to }: Span, width: number): number {
  const place = Math.floor(((at - from) / (to - from)) * width);
  return Math.min(width - 1, Math.max(0, place));
}

/** A colour once for cells that are alike. */
function runsOf(
  cells: readonly Cell[],
): readonly { readonly cell: Cell; readonly count: number }[] {
  const runs: { cell: Cell; count: number }[] = [];
  for (const cell of cells) {
    const last = runs.at(-1);
    if (last?.cell === cell) last.count += 1;
    else runs.push({ cell, count: 1 });
  }
  return runs;
}

const tickWidth = 10;

/** The present goes before every tick. */
function axisLine(span: Span, width: number, { now }: BarStyle): string {
  const line = Array.from({ length: width }, () => " ");
  const place = (label: string, at: number): void => {
    const middle = placeOf(at, span, width);
    const start = Math.min(
      Math.max(0, middle - Math.floor(label.length / 2)),
      width - label.length,
    );
    const room = line.slice(Math.max(0, start - 1), start + label.length + 1);
    if (room.some((letter) => letter !== " ")) return;
    Array.from(label).forEach((letter, index) => {
      line[start + index] = letter;
    });
  };
  place("now", now.getTime());
  for (const { at, label } of ticksOf(span, Math.floor(width / tickWidth)))
    place(label, at);
  return line.join("");
}

/** On one line where there is room. */
function legend({ colours, unicode, columns }: BarStyle): readonly string[] {
  const { elapsed, ahead, late } = shapes[unicode ? "unicode" : "ascii"];
  const { dim } = createColors(colours);
  const parts = [
    `${elapsed}${elapsed} elapsed`,
    `${ahead}${ahead} until the renewal is due`,
    `${late}${late} overdue until it expires`,
  ];
  const line = parts.join("  ");
  return (line.length <= columns ? [line] : parts).map((one) => dim(one));
}
