import { fuzz } from "../../fuzz/fuzz.ts";
import { subjects } from "../../fuzz/subjects.ts";
import type { Claim } from "../claim.ts";

/** For each of what reads what others wrote. */
const limitMs = { short: 1_500, whole: 60_000 } as const;
const mostRuns = 10_000_000;

export const inputsClaim: Claim = {
  id: "inputs",
  what: "P6, P9: whatever is written in certificates, keys, Nginx's configuration, the state, YAML and the hook's environment, the answer is a value or a clear error, in bounded time",
  prove: async ({ extent, seed, progress }) => {
    const failures: string[] = [];
    const counts: string[] = [];
    let tried = 0;
    for (const subject of subjects) {
      progress(subject.id);
      try {
        const options = { seed, runs: mostRuns, limitMs: limitMs[extent] };
        const runs = await fuzz(subject, options);
        tried += runs;
        counts.push(`${subject.id} ${runs}`);
      } catch (error) {
        failures.push(`${subject.id}: ${String(error)}`);
      }
    }
    return { tried, failures, details: [`seed ${seed}: ${counts.join(", ")}`] };
  },
};
