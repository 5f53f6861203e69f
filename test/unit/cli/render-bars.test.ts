import { describe, expect, it } from "vitest";
import { renderBars } from "../../../src/cli/render/bars.ts";
import type { LineageReport } from "../../../src/core/report/document.ts";

const now = new Date("2026-11-24T00:00:00Z");
const day = 86_400_000;
const inDays = (days: number) =>
  new Date(now.getTime() + days * day).toISOString();

function certificate(name: string, age: number, left: number): LineageReport {
  const notBefore = inDays(-age);
  const notAfter = inDays(left);
  return {
    name,
    path: `/live/${name}`,
    outcome: "live",
    last: null,
    reason: null,
    remedy: null,
    leaf: null,
    served: [{ fingerprint256: "AA", notBefore, notAfter }],
    renewalDue: inDays(left - (age + left) / 3),
    valid: true,
    findings: [],
    probes: [],
  };
}

const style = { colours: false, columns: 62, unicode: false, now };

describe("the bars of livecert status", () => {
  it("show what has gone by, what is left until the renewal is due, and the present", () => {
    const text = renderBars(
      [certificate("a.example", 30, 60), certificate("b.example", 80, 10)],
      style,
    );
    const [, first = "", second = ""] = text.split("\n");
    expect(first).toMatch(/^a\.example {2} +-+\|=+~+$/);
    expect(second).toMatch(/^b\.example {2}-+\|~+$/);
    expect(first.indexOf("|")).toBe(second.indexOf("|"));
    expect(text).toMatch(/^ +.*now/);
  });

  it("stay within the terminal, whatever a name holds", () => {
    const text = renderBars([certificate("\u202ex".repeat(99), 1, 5)], style);
    for (const line of text.split("\n").slice(0, 2))
      expect(Array.from(line).length).toBeLessThanOrEqual(62);
    expect(text).not.toContain("\u202e");
  });

  it.each([80, 62, 40])("stay within %i columns, legend and all", (columns) => {
    const name = "a.rather.long.name.example.org";
    const text = renderBars([certificate(name, 30, 60)], { ...style, columns });
    const lines = text.trimEnd().split("\n");
    expect(lines[1]).toMatch(/^a\.rather\.lo.* -+\|=+~+$/);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
    expect(text).toContain("overdue until it expires");
  });

  it("are left out where there is no room, or nothing to show", () => {
    const one = certificate("a.example", 1, 5);
    expect(renderBars([one], { ...style, columns: 24 })).toBe("");
    expect(renderBars([{ ...one, served: [] }], style)).toBe("");
  });
});
