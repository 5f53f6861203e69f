import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { groups } from "../../../src/doctor/check.ts";
import { checks } from "../../../src/doctor/checks.ts";

const text = readFileSync(
  new URL("../../../docs/doctor.md", import.meta.url),
  "utf8",
);
const sections = text
  .split(/^## /m)
  .slice(1)
  .map((section) => {
    const [heading = "", ...lines] = section.split("\n");
    return { heading, prose: lines.join(" ").replaceAll(/\s+/g, " ").trim() };
  });

describe("the register of checks and docs/doctor.md", () => {
  it("have the same checks in the same order", () => {
    expect(sections.map(({ heading }) => heading)).toEqual(
      checks.map(({ group, name }) => `${group}/${name}`),
    );
  });

  it.each(checks)("agree on what $group/$name looks at", (check) => {
    const section = sections.find(
      ({ heading }) => heading === `${check.group}/${check.name}`,
    );
    expect(section?.prose).toMatch(/\. .{20}/);
    expect(section?.prose.startsWith(`Looks at ${check.looksAt}.`)).toBe(true);
  });

  it("keep the checks of a group together, in the order of the groups", () => {
    const order = checks.map(({ group }) => groups.indexOf(group));
    expect(order).toEqual(order.toSorted((one, other) => one - other));
  });
});
