import { afterAll, beforeAll, expect, it } from "vitest";
import { Differential } from "../proof/differential.ts";

/** `npm run proof` judges thousands. */
const count = 120;
/** Any will do; a fixed one keeps the suite the same. */
const firstSeed = 1;

let differential: Differential;
beforeAll(async () => {
  differential = await Differential.create();
});
afterAll(async () => {
  await differential[Symbol.asyncDispose]();
});

it(`${count} bundles with one fault or none are judged as openssl verify judges them`, async () => {
  const seeds = Array.from({ length: count }, (_, index) => firstSeed + index);
  const comparisons = await Promise.all(
    [0, 1, 2].map(async (lane) => {
      const own = [];
      for (const seed of seeds.filter((one) => one % 3 === lane))
        own.push(await differential.compare(seed));
      return own;
    }),
  );
  const all = comparisons.flat();
  expect(all.flatMap(({ difference }) => difference ?? [])).toEqual([]);
  expect(all.filter(({ isAccepted }) => isAccepted).length).toBeGreaterThan(20);
  expect(all.filter(({ isAccepted }) => !isAccepted).length).toBeGreaterThan(
    50,
  );
});
