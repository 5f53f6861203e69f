import { expect, it } from "vitest";
import { fuzz } from "../fuzz/fuzz.ts";
import { subjects } from "../fuzz/subjects.ts";

/** `npm run fuzz` tries for a minute each, from another seed each time. */
it.each(subjects.map((one) => [one.id, one] as const))(
  "%s: whatever is written there, the answer is a value or an error of livecert's own",
  async (_, subject) => {
    const runs = subject.isSlow === true ? 40 : 400;
    expect(await fuzz(subject, { seed: 20_261_124, runs })).toBe(runs);
  },
);
