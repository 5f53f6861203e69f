/**
 * `npm run bench [ROW…]`: how fast livecert is, as ratios taken in one run on one machine, since no figure in milliseconds
 * means anything on another one. Prints a table, and writes it to bench/results.md when all rows were measured. Fails only
 * where something could not be measured.
 */
import { writeFile } from "node:fs/promises";
import { arch, cpus, type } from "node:os";
import { join } from "node:path";
import { format } from "prettier";
import type { Measurement, Row } from "./row.ts";
import { hookRow } from "./rows/hook.ts";
import { loadRow } from "./rows/load.ts";
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
  if (results.length === rows.length)
    await writeFile(join(import.meta.dirname, "results.md"), text);
}

function chosen(asked: readonly string[]): readonly Row[] {
  const unknown = asked.find((id) => rows.every((row) => row.id !== id));
  if (unknown !== undefined)
    throw new Error(
      `no such row: ${unknown}; there are ${rows.map(({ id }) => id).join(", ")}`,
    );
  return rows.filter(({ id }) => asked.length === 0 || asked.includes(id));
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
  const digits = unit === "" ? 0 : unit === "%" ? 3 : 2;
  const isMet = figure <= bound;
  return `| ${what} | ${figure.toFixed(digits)} ${unit} | ≤ ${bound} ${unit} | ${isMet ? "met" : "**not met**"} |`;
}

await bench(process.argv.slice(2));
