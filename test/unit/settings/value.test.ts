import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { OptionRow } from "../../../src/core/settings/options.ts";
import {
  absolutePath,
  formatDuration,
  parseValue,
} from "../../../src/core/settings/value.ts";

const rows = {
  path: { type: "path", default: null, text: "" },
  paths: { type: "paths", default: [], text: "" },
  text: { type: "text", default: "", text: "" },
  switch: { type: "switch", default: false, text: "" },
  count: { type: "count", default: 1, text: "" },
  duration: { type: "duration", default: 1, text: "" },
  wait: { type: "duration", default: 1, leastMs: 0, text: "" },
  choice: { type: "choice", choices: ["a", "b"], default: "a", text: "" },
} as const satisfies Record<string, OptionRow>;

describe("parseValue", () => {
  it.each([
    ["path", "/etc/x", "/etc/x"],
    ["path", "x/../y", "/base/y"],
    ["paths", ["/a", "b"], ["/a", "/base/b"]],
    ["paths", "/a:b", ["/a", "/base/b"]],
    ["text", "unix:/run/x", "unix:/run/x"],
    ["switch", true, true],
    ["switch", "yes", true],
    ["switch", "0", false],
    ["switch", "OFF", false],
    ["count", 16, 16],
    ["count", "16", 16],
    ["duration", "500ms", 500],
    ["duration", "1.5s", 1_500],
    ["duration", "15m", 900_000],
    ["duration", "24h", 86_400_000],
    ["duration", "2d", 172_800_000],
    ["wait", "0s", 0],
    ["choice", "b", "b"],
  ] as const)("reads %s from %j", (row, raw, value) => {
    expect(parseValue(rows[row], raw, "/base")).toEqual({ kind: "ok", value });
  });

  it.each([
    ["path", ""],
    ["path", 5],
    ["path", "/etc/x\n/etc/y"],
    ["path", undefined],
    ["paths", ["/a", ""]],
    ["paths", [["/a"]]],
    ["paths", { a: 1 }],
    ["text", true],
    ["switch", "maybe"],
    ["switch", 1],
    ["count", 0],
    ["count", -1],
    ["count", 1.5],
    ["count", "1e3"],
    ["duration", "0s"],
    ["duration", 3],
    ["duration", "3"],
    ["duration", "3 s"],
    ["duration", "-3s"],
    ["duration", "25d"],
    ["duration", "1e9s"],
    ["choice", "c"],
    ["choice", "toString"],
  ] as const)("refuses %s from %j", (row, raw) => {
    expect(parseValue(rows[row], raw, "/base").kind).toBe("invalid");
  });

  it("never throws, whatever was given", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(rows)),
        fc.anything(),
        (row, raw) => {
          expect(["ok", "invalid"]).toContain(
            parseValue(row, raw, "/base").kind,
          );
        },
      ),
    );
  });
});

describe("formatDuration", () => {
  it("writes what parseValue reads", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_000_000_000 }), (ms) => {
        expect(parseValue(rows.duration, formatDuration(ms), "/")).toEqual({
          kind: "ok",
          value: ms,
        });
      }),
    );
  });

  it.each([
    [0, "0s"],
    [10, "10ms"],
    [1_000, "1s"],
    [90_000, "90s"],
    [900_000, "15m"],
    [86_400_000, "24h"],
    [172_800_000, "2d"],
  ])("writes %d ms as %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe("absolutePath", () => {
  it.each([
    ["/base", "x", "/base/x"],
    ["/base", "./x//y/", "/base/x/y"],
    ["/base", "../../..", "/"],
    ["/base", "/a/./b", "/a/b"],
  ])("of %s and %s is %s", (base, path, expected) => {
    expect(absolutePath(base, path)).toBe(expected);
  });
});
