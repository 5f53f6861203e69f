/** Tries one numbered point after the other, on several machines at once. */
import { join } from "node:path";
import type { RunDocument } from "../../src/core/report/document.ts";
import { atCall, readReport, type Interference } from "../support/at-call.ts";
import type { RunResult } from "../support/run.ts";
import type { Evidence, Work } from "./claim.ts";
import { Machine } from "./machine.ts";

/** Two, as most machines have at least that many processors. */
const lanes = 2;

export interface Point {
  /** null: the run had ended before this point. */
  readonly acted: string | null;
  /** What did not survive. */
  readonly problems: readonly string[];
  /** By which points are counted in the details. */
  readonly kind: string;
}

export interface Sweep {
  readonly what: string;
  /** How many points there are, roughly: it differs by a few from run to run. */
  readonly count: (machine: Machine) => Promise<number>;
  readonly attempt: (machine: Machine, number: number) => Promise<Point>;
  /** In a short extent: how many points are tried. */
  readonly few: number;
}

/** How many runs in a row must have ended before their point until there is none beyond. */
const beyond = 4;

export async function sweep(
  { what, count, attempt, few }: Sweep,
  { extent, progress }: Work,
): Promise<Evidence> {
  const points: Point[] = [];
  let next = 0;
  let isOver = false;
  const walk = async (machine: Machine, step: number): Promise<void> => {
    let missed = 0;
    while (!isOver && missed < beyond) {
      const number = 1 + step * next++;
      const point = await attempt(machine, number);
      missed = point.acted === null ? missed + 1 : 0;
      if (point.acted !== null) points.push(point);
      for (const failure of failuresAt(what, point)) progress(failure);
      if (next % 100 === 0) progress(`${what}: ${next} points`);
    }
    isOver = true;
  };
  await using first = await Machine.start();
  const total = await count(first);
  const step = extent === "whole" ? 1 : Math.max(1, Math.floor(total / few));
  progress(`${what}: about ${Math.ceil(total / step)} of ${total} points`);
  const walks = [walk(first, step)];
  for (let lane = 1; lane < lanes; lane++) walks.push(walkOn(walk, step));
  await Promise.all(walks);
  const kinds = new Map<string, number>();
  for (const { kind } of points) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  return {
    tried: points.length,
    failures: points.flatMap((point) => failuresAt(what, point)),
    details: [
      `${what}: ${[...kinds].map(([kind, times]) => `${times} ${kind}`).join(", ")}`,
    ],
  };
}

function failuresAt(
  what: string,
  { problems, acted }: Point,
): readonly string[] {
  return problems.map((problem) => `${what}, at ${String(acted)}: ${problem}`);
}

async function walkOn(
  walk: (machine: Machine, step: number) => Promise<void>,
  step: number,
): Promise<void> {
  await using machine = await Machine.start();
  await walk(machine, step);
}

/** Sums up. */
export function together(parts: readonly Evidence[]): Evidence {
  return {
    tried: parts.reduce((sum, { tried }) => sum + tried, 0),
    failures: parts.flatMap(({ failures }) => failures),
    details: parts.flatMap(({ details }) => details),
  };
}

/** A hook that is interfered with, to its end. */
export async function interferedHook(
  machine: Machine,
  interference: Interference,
  environment: NodeJS.ProcessEnv = machine.environment,
): Promise<{
  readonly result: RunResult;
  readonly report: Awaited<ReturnType<typeof readReport>>;
}> {
  const file = join(machine.bed.directory, "interference.json");
  const result = await machine.hook({
    through: atCall(file, interference),
    environment,
  });
  return { result, report: await readReport(file) };
}

/** How many calls a hook makes that deploys a renewal. */
export async function countCalls(
  machine: Machine,
  interference: Pick<Interference, "calls" | "from">,
): Promise<number> {
  await machine.renew();
  const { report } = await interferedHook(machine, {
    ...interference,
    number: 0,
    action: { kind: "kill" },
  });
  return report.calls;
}

/** What is wrong after another run, with which nobody interferes. */
export async function problemsAfterNextRun(
  machine: Machine,
): Promise<readonly string[]> {
  const { livecert } = machine.bed;
  const document = await livecert.document(["deploy"]);
  const problems: string[] = [];
  if (!["deployed", "live"].includes(String(document.outcome)))
    problems.push(`the next run ended as ${inShort(document)}`);
  if (!(await machine.isLive()))
    problems.push("after the next run the old certificate was served");
  const left = await machine.unfinished();
  if (left.length > 0) problems.push(`left behind: ${left.join(", ")}`);
  return problems;
}

function inShort({ outcome, warnings, lineages }: RunDocument): string {
  const reasons = lineages.map(({ reason }) => reason);
  return JSON.stringify({ outcome, warnings, reasons });
}
