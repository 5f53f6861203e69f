/**
 * `npm run bench [ROW…]`: how fast livecert is, as ratios taken in one run on one machine, since no figure in milliseconds
 * means anything on another one. Prints a table, and writes it to bench/results.md when all rows that have a bound to keep
 * were measured. `npm run bench many` looks at ten times what is promised. Fails only where something could not be measured.
 */
import { writeFile } from "node:fs/promises";
import { arch, cpus, type } from "node:os";
import { join } from "node:path";
import { format } from "prettier";
import type { Measurement, Row } from "./row.ts";
import { hookRow } from "./rows/hook.ts";
import { loadRow } from "./rows/load.ts";
import { manyRows } from "./rows/many.ts";
import { oneReloadRow } from "./rows/one-reload.ts";
import { renewalRow } from "./rows/renewal.ts";
import { unchangedRow } from "./rows/unchanged.ts";
import { versionRow } from "./rows/version.ts";
import { watcherCpuRow, watcherMemoryRow } from "./rows/watcher.ts";

const rows: readonly Row[] = [
  versionRow,
  hookRow,
  renewalRow,
  oneReloadRow,
  unchangedRow,
  watcherCpuRow,
  watcherMemoryRow,
  loadRow,
];

interface Result {
  readonly row: Row;
  readonly measurement: Measurement;
}

async function bench(asked: readonly string[]): Promise<void> {
  const results: Result[] = [];
  for (const row of chosen(asked)) {
    console.error(`${row.id}: ${row.what}`);
    const measurement = await row.measure((text) => console.error(`  ${text}`));
    results.push({ row, measurement });
  }
  const text = await format(page(results), { parser: "markdown" });
  process.stdout.write(text);
  if (asked.length === 0)
    await writeFile(join(import.meta.dirname, "results.md"), text);
}

function chosen(asked: readonly string[]): readonly Row[] {
  if (asked.length === 0) return rows;
  const all = [...rows, ...manyRows];
  const isAsked = ({ id }: Row, word: string) =>
    id === word || (word === "many" && id.startsWith("many-"));
  const unknown = asked.find((word) => !all.some((row) => isAsked(row, word)));
  if (unknown !== undefined)
    throw new Error(
      `no such row: ${unknown}; there are ${all.map(({ id }) => id).join(", ")}`,
    );
  return all.filter((row) => asked.some((word) => isAsked(row, word)));
}

function page(results: readonly Result[]): string {
  return [
    "# How fast livecert is",
    "",
    `Measured by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: ${type()} ${arch()}, ${cpus().length} CPUs, Node.js ${process.version}.`,
    "Wall clock unless said otherwise; medians of samples taken in turn.",
    "",
    "| what | figure | bound | |",
    "| --- | --- | --- | --- |",
    ...results.map(tableLine),
    "",
    ...results.flatMap(({ row, measurement }) => [
      `## ${row.what}`,
      "",
      ...measurement.details.map((detail) => `- ${detail}`),
      "",
    ]),
  ].join("\n");
}

function tableLine({ row, measurement: { figure } }: Result): string {
  const { what, bound, unit } = row;
  const digits = unit === "" || unit === "MiB" ? 0 : unit === "%" ? 3 : 2;
  const isMet = figure <= bound;
  return `| ${what} | ${figure.toFixed(digits)} ${unit} | ≤ ${bound} ${unit} | ${isMet ? "met" : "**not met**"} |`;
}

await bench(process.argv.slice(2));
