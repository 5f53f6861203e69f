import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  optionKeys,
  options,
  type OptionRow,
} from "../../../src/core/settings/options.ts";
import { formatValue } from "../../../src/core/settings/value.ts";

/** The rows of all tables in docs/configuration.md, without their headings. */
function documentedRows(): readonly (readonly string[])[] {
  const page = readFileSync(
    new URL("../../../docs/configuration.md", import.meta.url),
    "utf8",
  );
  return page
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

describe("docs/configuration.md", () => {
  it("has one row for each option, with its default and meaning", () => {
    const expected = optionKeys.map((key) => {
      const row: OptionRow = options[key];
      const value = formatValue(row, row.default);
      return [`\`${key}\``, value === null ? "none" : `\`${value}\``, row.text];
    });
    expect(documentedRows()).toEqual(expected);
  });
});
