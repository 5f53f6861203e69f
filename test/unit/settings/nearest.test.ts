import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nearest } from "../../../src/core/settings/nearest.ts";

const commands = ["deploy", "doctor", "check", "config", "status", "uses"];

describe("nearest", () => {
  it.each([
    ["delpoy", ["deploy"]],
    ["Deploy", ["deploy"]],
    ["chekc", ["check"]],
    ["user", ["uses"]],
    ["stauts", ["status"]],
    ["restart", []],
    ["", []],
  ])("finds for %j %j", (word, expected) => {
    expect(nearest(word, commands)).toEqual(expected);
  });

  it("puts the nearest first", () => {
    expect(nearest("example.org", ["exampel.com", "exampl.org"])).toEqual([
      "exampl.org",
    ]);
    expect(
      nearest("www.example.org", ["ww.exampl.org", "www.example.or"]),
    ).toEqual(["www.example.or", "ww.exampl.org"]);
  });

  it("finds every word itself, and each once", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (word) => {
        expect(nearest(word, [word, word])).toEqual([word]);
      }),
    );
  });
});
