/** Chance that can be repeated: the same seed gives the same numbers. */
export interface Chance {
  readonly seed: number;
  /** From 0 to below `limit`. */
  readonly below: (limit: number) => number;
  /** @throws where there is none. */
  readonly oneOf: <Value>(values: readonly Value[]) => Value;
}

/** The seed is LIVECERT_TEST_SEED where that is set; a test prints it, so that a failure can be seen again. */
export function createChance(
  seed = Number(process.env["LIVECERT_TEST_SEED"] ?? Date.now() % 1_000_000),
): Chance {
  let state = seed;
  // Mixed as in MurmurHash3, so that neighbouring seeds do not give neighbouring numbers.
  const next = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    seed,
    below,
    oneOf: (values) => {
      const index = below(values.length);
      if (index in values) return values[index] as (typeof values)[number];
      throw new Error("one of none");
    },
  };
}
