/**
 * How long starting something takes, as a multiple of starting Node.js for nothing. Measured in the environment as it is
 * found, and in a bare one besides where that makes a difference.
 */
import {
  inWords,
  interleave,
  preferred,
  sample,
  type Sample,
} from "./measure.ts";
import type { Measurement } from "./row.ts";

export interface Start {
  /** What follows `node`. */
  readonly args: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
}

/** The first of `starts` is what the figure is about. */
export async function compareWithNothing(
  starts: Readonly<Record<string, Start>>,
  rounds: number,
): Promise<Measurement> {
  const weights = ["NODE_EXTRA_CA_CERTS", "NODE_OPTIONS"].filter(
    (name) => (process.env[name] ?? "") !== "",
  );
  const found = await multiples(starts, process.env, rounds);
  const details = [`as found: ${found.words}`];
  if (weights.length > 0) {
    const bare = await multiples(starts, bareEnvironment(), rounds);
    details.push(
      `${weights.join(" and ")} make every start of Node.js longer here; in a bare environment: ${bare.words}`,
    );
  }
  return { figure: found.figure, details };
}

/** As cron gives it to Certbot, and Certbot to its hooks. */
function bareEnvironment(): NodeJS.ProcessEnv {
  const { HOME } = process.env;
  return { HOME, PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin" };
}

async function multiples(
  starts: Readonly<Record<string, Start>>,
  base: NodeJS.ProcessEnv,
  rounds: number,
): Promise<{ readonly figure: number; readonly words: string }> {
  const through = await preferred();
  const sampler =
    ({ args, environment }: Start) =>
    () =>
      sample({
        program: process.execPath,
        args,
        environment: { ...base, ...environment },
        through,
      });
  const [nothing, ...others] = Object.entries(
    await interleave(
      Object.fromEntries(
        Object.entries({ "node -e 0": { args: ["-e", "0"] }, ...starts }).map(
          ([name, start]) => [name, sampler(start)],
        ),
      ),
      rounds,
    ),
  );
  if (nothing === undefined) throw new Error("nothing was measured");
  const multiple = (one: Sample): number => one.wallMs / nothing[1].wallMs;
  const words = others.map(
    ([name, one]) => `${name} ${inWords(one)}, ${multiple(one).toFixed(2)} ×`,
  );
  return {
    figure: others[0] === undefined ? NaN : multiple(others[0][1]),
    words: [`${nothing[0]} ${inWords(nothing[1])}`, ...words].join("; "),
  };
}
