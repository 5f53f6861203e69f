/**
 * `npm run fuzz [-- [SUBJECT…] [--seconds N] [--seed N]]`: a minute for each subject, from a new seed each time; with the
 * printed seed the same inputs come again. Exit 1 where something broke.
 */
import { parseArgs } from "node:util";
import { fuzz } from "./fuzz.ts";
import { subjects } from "./subjects.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
  },
});
const seed = Number(values.seed);
const unknown = positionals.find((id) =>
  subjects.every((one) => one.id !== id),
);
if (unknown !== undefined)
  throw new Error(
    `no such subject: ${unknown}; there are ${subjects.map(({ id }) => id).join(", ")}`,
  );
for (const subject of subjects) {
  if (positionals.length > 0 && !positionals.includes(subject.id)) continue;
  const limitMs = Number(values.seconds) * 1000;
  try {
    const runs = await fuzz(subject, { seed, limitMs, runs: 10_000_000 });
    console.log(`${subject.id}: ${runs} inputs survived, seed ${seed}`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`${subject.id}: ${String(error)}`);
  }
}
