import { describe, expect, it } from "vitest";
import {
  isFailure,
  outcomes,
  worstOf,
  type Outcome,
} from "../../../src/core/decision/outcome.ts";

describe("worstOf", () => {
  it("is null for nothing", () => {
    expect(worstOf([])).toBeNull();
  });

  it("never prefers a lower exit code, for any two outcomes", () => {
    const all = Object.keys(outcomes) as Outcome[];
    for (const one of all) {
      for (const other of all) {
        const worst = worstOf([one, other]);
        const highest = Math.max(
          outcomes[one].exitCode,
          outcomes[other].exitCode,
        );
        expect(worst === null ? null : outcomes[worst].exitCode).toBe(highest);
      }
    }
  });

  it("tells what was done before what needed nothing", () => {
    expect(worstOf(["unused", "live", "deployed"])).toBe("deployed");
  });
});

describe("isFailure", () => {
  it("is false for what needs nobody", () => {
    const fine = (Object.keys(outcomes) as Outcome[]).filter(
      (outcome) => !isFailure(outcome),
    );
    expect(fine).toEqual([
      "live",
      "deployed",
      "published",
      "unverified",
      "unused",
      "deferred",
    ]);
  });
});
