import { describe, expect, it } from "vitest";
import { renderTable } from "../../../src/cli/render/table.ts";

const heading = ["name", "state"];
const red = (text: string) => `<red>${text}</red>`;
const rows = [
  ["example.org", { text: "stale", paint: red }],
  ["ü.example", "live"],
];

describe("renderTable", () => {
  it("aligns columns below a heading on a terminal", () => {
    expect(renderTable(heading, rows, { terminal: true, colours: false })).toBe(
      [
        "name         state",
        "example.org  <red>stale</red>",
        "ü.example    live",
        "",
      ].join("\n"),
    );
  });

  it("gives a program one line per row, tabs between, and no heading or colour", () => {
    expect(renderTable(heading, rows, { terminal: false, colours: true })).toBe(
      "example.org\tstale\nü.example\tlive\n",
    );
  });

  it.each([true, false])(
    "keeps a cell on one line, whatever it holds (terminal: %s)",
    (terminal) => {
      const text = renderTable(["a"], [["x\ny\tz\u001b[31m"]], {
        terminal,
        colours: false,
      });
      expect(text.split("\n").at(-2)).toBe(String.raw`x y z\u001b[31m`);
    },
  );
});
