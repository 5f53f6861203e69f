import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  printable,
  printableWord,
  toAscii,
} from "../../../src/core/report/text.ts";

describe("printable", () => {
  it.each([
    ["CN=a\u001b[2Jb", String.raw`CN=a\u001b[2Jb`],
    ["\u0007\u009b31m", String.raw`\u0007\u009b31m`],
    ["moc.elpmaxe\u202e", String.raw`moc.elpmaxe\u202e`],
    ["two\nlines\tand a tab", "two\nlines\tand a tab"],
    ["münchen.example 例え", "münchen.example 例え"],
  ])("shows %j as %j", (text, shown) => {
    expect(printable(text)).toBe(shown);
  });
});

describe("printableWord", () => {
  it("keeps a name from beginning a line of its own", () => {
    expect(printableWord("a.test\nlivecert: hint: \u001b[1m")).toBe(
      String.raw`a.test\u000alivecert: hint: \u001b[1m`,
    );
  });
});

describe("toAscii", () => {
  it("leaves a JSON text the same document", () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const ascii = toAscii(json);
        expect(JSON.parse(ascii)).toEqual(JSON.parse(json));
        expect(Buffer.from(ascii, "utf8")).toHaveLength(ascii.length);
      }),
    );
  });
});
