/** The reload that was decided, written down before and after, and the look at what came of it. */
import {
  continuedGenerations,
  withEffect,
  withSignal,
  type ReloadState,
} from "../core/decision/generations.ts";
import type { TargetRecord } from "../core/decision/record.ts";
import { warningsOf } from "../adapters/store/failure.ts";
import type { Discovery } from "./discover.ts";
import { observe, type ObservedPoint } from "./observe.ts";
import type { Case, Plan } from "./plan.ts";
import { reload, type Reloaded } from "./reload.ts";
import { reloadStateOf } from "./situation.ts";
import type { TargetRun } from "./target-run.ts";
import type { World } from "./world.ts";

export interface Carried {
  readonly reloaded: Reloaded;
  readonly record: TargetRecord;
  readonly after: ReadonlyMap<Case, readonly ObservedPoint[]>;
  readonly warnings: readonly string[];
}

export interface CasesOfReload {
  /** On whose account it is made. */
  readonly reloading: readonly Case[];
  /** What it brings live besides. */
  readonly alongside: readonly Case[];
}

/** The reload, written down before and after, and the look at what came of it. */
export async function carryOut(
  run: TargetRun,
  { discovery }: Plan,
  { reloading, alongside }: CasesOfReload,
): Promise<Carried> {
  const { world, target } = run;
  const { state, model } = discovery;
  if (state.kind !== "running" || model === null)
    throw new Error("only a running Nginx is reloaded");
  const states = reloading.flatMap(
    ({ assessment }) => reloadStateOf(discovery, assessment) ?? [],
  );
  const signalled = recordOf(
    discovery,
    world.now(),
    withSignal(discovery.known.target?.attempts ?? [], states),
  );
  const unwritten = await world.store.targets.put(target.name, signalled);
  const { limits } = world.settings;
  const { stopwatch, signal } = world;
  const before = state.generation;
  const reloaded = await stopwatch.time("reload", () =>
    stopwatch.sample("reload", () =>
      reload({ target, model, before, limits, signal }),
    ),
  );
  tellReload(world, target.name, reloaded);
  const record = afterReload(signalled, discovery, reloaded, states);
  const warnings = warningsOf([
    unwritten,
    await world.store.targets.put(target.name, record),
  ]);
  const after = await world.stopwatch.time("verify", () =>
    lookAgain(world, reloaded, [...reloading, ...alongside]),
  );
  return { reloaded, record, after, warnings };
}

/** Certbot shows whatever a hook logs as an error, so where all is well the result on stdout says it alone. */
function tellReload(
  { log, certbot }: World,
  target: string,
  { effect, reason }: Reloaded,
): void {
  const isUsual = effect.kind === "new-generation" && certbot !== null;
  log[isUsual ? "debug" : "info"]("Nginx was told to reload", {
    target,
    effect: effect.kind,
    ...(reason === null ? {} : { reason }),
  });
}

/** A new generation's workers may have been joined by old ones for a moment: three looks at each point. */
const looksAfterReload = 3;

async function lookAgain(
  world: World,
  { effect }: Reloaded,
  cases: readonly Case[],
): Promise<ReadonlyMap<Case, readonly ObservedPoint[]>> {
  if (effect.kind !== "new-generation") return new Map();
  const plans = cases.flatMap((one) =>
    one.assessment.plan === null ? [] : [{ one, plan: one.assessment.plan }],
  );
  const loaded = plans.map(({ plan }) => ({
    ...plan,
    notLoaded: new Set<string>(),
    supposedNotLoaded: new Set<string>(),
  }));
  const points = await observe(world, loaded, { times: looksAfterReload });
  return new Map(plans.map(({ one }, index) => [one, points[index] ?? []]));
}

function recordOf(
  discovery: Discovery,
  at: Date,
  attempts: TargetRecord["attempts"],
): TargetRecord {
  const { target, state, known, loadedDigest } = discovery;
  if (state.kind !== "running")
    throw new Error("only a running Nginx has a record");
  return {
    schema: 1,
    target: target.name,
    at: at.toISOString(),
    generations: continuedGenerations(known.target, state.generation),
    loadedDigest,
    attempts,
  };
}

/** How many generations a source may lie behind and still be known to be served. */
const rememberedGenerations = 20;

function afterReload(
  record: TargetRecord,
  { digest }: Discovery,
  { effect, generation, counted }: Reloaded,
  states: readonly ReloadState[],
): TargetRecord {
  const sources = new Set(states.map(({ source }) => source));
  const attempts = withEffect(record.attempts, sources, counted);
  if (effect.kind !== "new-generation") return { ...record, attempts };
  const generations = [...record.generations, generation].slice(
    -rememberedGenerations,
  );
  return { ...record, attempts, generations, loadedDigest: digest };
}
