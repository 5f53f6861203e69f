import { readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { RunDocument } from "../../src/core/report/document.ts";
import { HostBed } from "../support/host.ts";
import { serverBlock } from "../support/nginx.ts";
import { createChance, type Chance } from "../support/random.ts";
import type { RunningProgram } from "../support/run.ts";

const name = "killed.example.test";
const kills = 100;
/** Machines on which runs are killed at the same time. */
const machines = 2;
/** The steps of a run at which it is surely killed; the configuration test is a part of `discover`. */
const steps = ["discover", "reload", "verify", "record"] as const;
const aims = [...steps, "any moment"] as const;
type Aim = (typeof aims)[number];

/** One run that was killed. */
interface Kill {
  readonly command: string;
  /** The last one that it told of; null: none yet. */
  readonly step: string | null;
}

async function servedMachine(): Promise<{
  readonly bed: HostBed;
  readonly address: string;
}> {
  const bed = await HostBed.create();
  await bed.renew(name);
  const address = await bed.nginx.address();
  await bed.nginx.configure({
    http: serverBlock({
      listen: [`${address} ssl`],
      names: [name],
      pairs: [bed.pair(name)],
    }),
  });
  await bed.nginx.start();
  return { bed, address };
}

/** Everything that deploys the lineage, `retry` once it is queued. */
const commands: readonly (readonly string[])[] = [
  ["hook"],
  ["deploy"],
  ["deploy", name],
];

function environment(bed: HostBed): NodeJS.ProcessEnv {
  return {
    ...process.env,
    RENEWED_LINEAGE: bed.certbot.live(name),
    RENEWED_DOMAINS: name,
  };
}

/** The steps that a run has told of, in their order. */
function stepsIn(log: string): readonly string[] {
  return [...log.matchAll(/"step":"(\w+)"/g)].map(([, step = ""]) => step);
}

/** One to three runs in a row; only the first is sure to have something to do. */
async function killRuns(
  bed: HostBed,
  first: Aim,
  chance: Chance,
): Promise<readonly Kill[]> {
  let aim = first;
  const killed: (Kill | null)[] = [];
  for (let left = 1 + chance.below(3); left > 0; left--) {
    killed.push(await killRun(bed, aim, chance));
    aim = chance.oneOf(["discover", "record", "any moment"]);
  }
  return killed.filter((kill) => kill !== null);
}

/** null: the run had ended before the signal came. */
async function killRun(
  bed: HostBed,
  aim: Aim,
  chance: Chance,
): Promise<Kill | null> {
  const command = chance.oneOf(commands);
  const running = await bed.livecert.start(
    [...command, "--log-level", "debug"],
    { environment: environment(bed) },
  );
  let hasEnded = false;
  const ended = running.ended.finally(() => (hasEnded = true));
  await momentOf(aim, running, chance, () => hasEnded);
  running.signal("SIGKILL");
  const { stderr, signal } = await ended;
  return signal === null
    ? null
    : { command: command.join(" "), step: stepsIn(stderr).at(-1) ?? null };
}

/** Returns when the run is to be killed, or has ended. The shortest steps take some ten milliseconds. */
async function momentOf(
  aim: Aim,
  running: RunningProgram,
  chance: Chance,
  hasEnded: () => boolean,
): Promise<void> {
  if (aim === "any moment") return sleep(chance.below(400));
  while (!hasEnded() && !stepsIn(running.stderr()).includes(aim))
    await sleep(1);
  await sleep(chance.below(aim === "reload" ? 100 : 5));
}

/** The next run, by whatever command; `retry` knows of what was queued. */
async function nextRun(bed: HostBed, chance: Chance): Promise<RunDocument> {
  const queue = await names(join(bed.livecert.stateDirectory, "v1", "queue"));
  const command =
    queue.length > 0 && chance.below(2) === 0
      ? ["retry"]
      : chance.oneOf(commands);
  return bed.livecert.document(command, { environment: environment(bed) });
}

function names(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch(() => []);
}

/** Names that a killed run left in the state: nothing that was begun and not finished. */
async function unfinished(bed: HostBed): Promise<readonly string[]> {
  const state = await readdir(bed.livecert.stateDirectory, { recursive: true });
  return state.filter((path) => /\.(?:tmp|taken|corrupt)$/.test(path));
}

/** As if an hour had passed since whatever lies in the run directory was left there. */
async function ageLeftovers(bed: HostBed): Promise<void> {
  const { runDirectory } = bed.livecert;
  const left = (await readdir(runDirectory)).filter((file) => file !== "lock");
  const then = new Date(Date.now() - 3_600_000);
  for (const file of left) await utimes(join(runDirectory, file), then, then);
}

function countBy(values: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

/** Kills runs and lets the next one go on, until so many were killed. */
async function killAndGoOn(
  count: number,
  chance: Chance,
): Promise<readonly Kill[]> {
  const { bed: made, address } = await servedMachine();
  await using bed = made;
  const done: Kill[] = [];
  let reloads = 0;
  let rounds = 0;
  while (done.length < count) {
    await bed.renew(name);
    const aim = aims[rounds++ % aims.length] ?? "any moment";
    const round = await killRuns(bed, aim, chance);
    done.push(...round);

    const document = await nextRun(bed, chance);

    const told = JSON.stringify({ seed: chance.seed, round, document });
    expect(["deployed", "live"], told).toContain(document.outcome);
    expect(await bed.isLive(name, address), told).toBe(true);
    const now = await bed.nginx.reconfigurations();
    expect(now - reloads, told).toBeLessThanOrEqual(2);
    reloads = now;
    expect(await unfinished(bed), told).toEqual([]);
  }
  await bed.renew(name);
  await ageLeftovers(bed);
  await nextRun(bed, chance);
  const kept = [
    "certificates.json",
    "deploy.code",
    "hook.code",
    "lock",
    "nginx-defaults.json",
  ];
  const files = await readdir(bed.livecert.runDirectory);
  expect(files.filter((file) => !kept.includes(file))).toEqual([]);
  return done;
}

describe("kill -9", () => {
  it(
    `at ${kills} moments: the next run makes the certificate live, with two reloads at most`,
    { timeout: 300_000 },
    async () => {
      const { seed } = createChance();
      const lanes = Array.from({ length: machines }, (_, lane) =>
        killAndGoOn(kills / machines, createChance(seed + lane)),
      );
      const done = (await Promise.all(lanes)).flat();

      const reached = countBy(done.map(({ step }) => step ?? "start"));
      console.log(`seed ${seed}: ${done.length} runs killed at`, reached);
      for (const step of steps)
        expect(reached[step] ?? 0, step).toBeGreaterThanOrEqual(3);
    },
  );
});
