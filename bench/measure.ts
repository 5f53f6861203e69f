/**
 * How long programs take and how much CPU time they use, their children included. What is compared runs in turn, round by
 * round, and medians are taken, so that the bad moments of a shared machine hit all alike.
 */
import { mustRun, run } from "../test/support/run.ts";

export interface Sample {
  readonly wallMs: number;
  /** User and system time of the program and of all its children. */
  readonly cpuMs: number;
}

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** Words before everything, e.g. those of `preferred`. */
  readonly through?: readonly string[];
}

/** The shell's own `time` knows of children what Node.js does not tell; it writes its line when all output is done. */
const timed = 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null';

/** Runs a program that must succeed. */
export async function sample(command: Command): Promise<Sample> {
  const { program, args, environment, through = [] } = command;
  const { stderr } = await mustRun(
    "bash",
    ["-c", timed, "bash", program, ...args],
    {
      environment: { ...environment, LC_ALL: "C" },
      through,
      limitMs: 3_600_000,
    },
  );
  const [wall = NaN, user = NaN, system = NaN] =
    stderr.trimEnd().split("\n").at(-1)?.split(" ").map(Number) ?? [];
  return { wallMs: wall * 1000, cpuMs: (user + system) * 1000 };
}

/** Words that keep other programs from getting in the way, where we may use them: real-time priority. */
export async function preferred(): Promise<readonly string[]> {
  const words = ["chrt", "--rr", "1"];
  const attempt = await run("true", [], { through: words }).catch(() => null);
  return attempt?.exitCode === 0 ? words : [];
}

/** The medians of `rounds` rounds, after one that does not count, since it fills the caches. */
export async function interleave<Name extends string>(
  samplers: Readonly<Record<Name, () => Promise<Sample>>>,
  rounds: number,
): Promise<Readonly<Record<Name, Sample>>> {
  const names = Object.keys(samplers) as Name[];
  const taken = Object.fromEntries(
    names.map((name) => [name, [] as Sample[]]),
  ) as Record<Name, Sample[]>;
  for (let round = 0; round <= rounds; round++)
    for (const name of names) {
      const one = await samplers[name]();
      if (round > 0) taken[name].push(one);
    }
  return Object.fromEntries(
    names.map((name) => [name, middle(taken[name])]),
  ) as Record<Name, Sample>;
}

function middle(samples: readonly Sample[]): Sample {
  return {
    wallMs: median(samples.map(({ wallMs }) => wallMs)),
    cpuMs: median(samples.map(({ cpuMs }) => cpuMs)),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const half = sorted.length >> 1;
  const [low = NaN, high = NaN] = [
    sorted[sorted.length % 2 === 0 ? half - 1 : half],
    sorted[half],
  ];
  return (low + high) / 2;
}

/** `45 ms (CPU 47 ms)`. */
export function inWords({ wallMs, cpuMs }: Sample): string {
  return `${wallMs.toFixed(0)} ms (CPU ${cpuMs.toFixed(0)} ms)`;
}
