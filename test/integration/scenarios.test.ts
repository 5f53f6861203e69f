import { describe, expect, it } from "vitest";
import { ruleIds } from "../../src/core/validation/catalogue.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import { scenarios } from "../scenarios/scenarios.ts";

/** Judged only where a person names a host or a file: `livecert check --name`, `livecert check FILE`. */
const notForDeploy = ["names/mismatch", "chain/unjudged"];

describe("the scenarios", () => {
  it("have titles of their own", () => {
    const titles = scenarios.map(({ rule, name }) => `${rule}: ${name}`);
    expect(new Set(titles).size).toBe(titles.length);
  });

  it("hold a fault and a near miss for each rule that a deployment can find", () => {
    const rulesOf = (some: readonly Scenario[]) =>
      [...new Set(some.map(({ rule }) => rule))].sort();
    const expected = ruleIds
      .filter((rule) => !notForDeploy.includes(rule))
      .sort();
    expect(
      rulesOf(scenarios.filter(({ severity }) => severity !== null)),
    ).toEqual(expected);
    expect(
      rulesOf(scenarios.filter(({ severity }) => severity === null)),
    ).toEqual(expected);
  });
});
