import { chain } from "./chain.ts";
import { files } from "./files.ts";
import { leaf } from "./leaf.ts";
import { pair } from "./pair.ts";
import type { Scenario } from "./scenario.ts";

/** Every situation, faults and near misses: for each rule that `deploy` can find at least one of both. */
export const scenarios: readonly Scenario[] = [
  ...files,
  ...pair,
  ...chain,
  ...leaf,
];
