/**
 * `npm run proof [-- [CLAIM…] [--short] [--seed N]]`: puts each promise to the test and prints one table, with the bounds of
 * speed and size in it as `npm run bench` has measured them last. Exit 1 where something did not survive.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { format } from "prettier";
import type { Claim, Evidence } from "./claim.ts";
import { chainClaim } from "./claims/chain.ts";
import { clockClaim } from "./claims/clock.ts";
import { faultsClaim } from "./claims/faults.ts";
import { inputsClaim } from "./claims/inputs.ts";
import { killedClaim } from "./claims/killed.ts";
import { loadClaim } from "./claims/load.ts";
import { selectionClaim } from "./claims/selection.ts";

const claims: readonly Claim[] = [
  killedClaim,
  faultsClaim,
  clockClaim,
  chainClaim,
  selectionClaim,
  inputsClaim,
  loadClaim,
];

const shownFailures = 20;

async function prove(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      short: { type: "boolean", default: false },
      seed: { type: "string", default: "1" },
    },
  });
  const lines: string[] = [];
  for (const claim of chosen(positionals)) {
    console.error(`${claim.id}: ${claim.what}`);
    const evidence = await claim.prove({
      extent: values.short ? "short" : "whole",
      seed: Number(values.seed),
      progress: (text) => console.error(`  ${text}`),
    });
    tellDetails(evidence);
    if (evidence.failures.length > 0) process.exitCode = 1;
    lines.push(tableLine(claim, evidence));
  }
  const bounds = positionals.length === 0 ? await measuredBounds() : [];
  const table = [
    "| what | figure | bound | |",
    "| --- | --- | --- | --- |",
    ...lines,
    ...bounds,
  ].join("\n");
  process.stdout.write(await format(table, { parser: "markdown" }));
}

function chosen(asked: readonly string[]): readonly Claim[] {
  const unknown = asked.find((id) => claims.every((claim) => claim.id !== id));
  if (unknown !== undefined)
    throw new Error(
      `no such claim: ${unknown}; there are ${claims.map(({ id }) => id).join(", ")}`,
    );
  return claims.filter(({ id }) => asked.length === 0 || asked.includes(id));
}

function tellDetails({ details, failures }: Evidence): void {
  for (const detail of details) console.error(`  ${detail}`);
  for (const failure of failures.slice(0, shownFailures))
    console.error(`  DID NOT SURVIVE ${failure}`);
}

function tableLine({ what }: Claim, { tried, failures }: Evidence): string {
  const isMet = failures.length === 0;
  return `| ${what} | ${tried} tried, ${failures.length} failed | 0 failed | ${isMet ? "met" : "**not met**"} |`;
}

/** The rows of the bench's own table. */
async function measuredBounds(): Promise<readonly string[]> {
  const file = join(import.meta.dirname, "../../bench/results.md");
  const rows = (await readFile(file, "utf8"))
    .split("\n")
    .filter((line) => line.startsWith("|"));
  return rows.slice(2);
}

await prove();
