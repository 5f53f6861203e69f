import { describe, expect, it, test } from "vitest";
import {
  canBeSent,
  readServerName,
  readSni,
} from "../../../src/core/nginx/names.ts";
import { readRegex } from "../../../src/core/nginx/regex.ts";

describe("server names", () => {
  it.each([
    ["Example.ORG", { kind: "exact", name: "example.org" }],
    ["", { kind: "exact", name: "" }],
    ["_", { kind: "exact", name: "_" }],
    ["$HostName", { kind: "exact", name: "machine.example" }],
    ["*.Example.org", { kind: "leading", suffix: "example.org", bare: false }],
    [".example.org", { kind: "leading", suffix: "example.org", bare: true }],
    ["www.example.*", { kind: "trailing", prefix: "www.example" }],
    ["w*.example.org", null],
    ["*.example.*", null],
    ["a..b", null],
    ["ÄÖ.example", { kind: "exact", name: "ÄÖ.example" }],
  ])("%s", (written, expected) => {
    expect(readServerName(written, "Machine.Example")).toEqual(expected);
  });

  test("a regular expression keeps its case", () => {
    const name = readServerName("~^A\\.test$", "");
    expect(name).toEqual({ kind: "regex", pattern: /^A\.test$/i });
  });
});

describe("regular expressions", () => {
  it.each([
    ["^www\\.a\\.test$", "www.a.test", true],
    ["^www[.]a", "www.a.test", true],
    ["^(?<name>.+)\\.a$", "x.a", true],
    ["^(?P<name>.+)\\.a$", "x.a", true],
    ["^(?'name'.+)\\.a$", "x.a", true],
    ["^(?<a>x)(?<a>y)$", "xy", true],
    ["^(?<a>.)\\1$", "xx", true],
    ["^(?!www\\.).+", "www.a", false],
    ["(?<=a)b", "ab", true],
    ["^[a-z]{2,3}$", "abc", true],
    ["^A$", "a", true],
    ["(?i)^a$", "a", true],
    ["^\\D$", "a", true],
    ["\\x61", "a", true],
  ])("%s against %s: %s", (source, name, matches) => {
    expect(readRegex(source)?.test(name)).toBe(matches);
  });

  it.each([
    ["", "empty"],
    ["a++", "possessive"],
    ["(?>a)b", "atomic group"],
    ["a(?i)b", "flag inside"],
    ["[[:alpha:]]+", "POSIX class"],
    ["[]a]", "bracket first"],
    ["\\Aa\\z", "anchors of PCRE"],
    ["\\h", "class of PCRE"],
    ["\\Qa.b\\E", "quoting"],
    ["(?P=name)", "named reference"],
    ["(*UTF8)a", "verb"],
    ["(a", "syntax error"],
  ])("is not read as JavaScript's: %s (%s)", (source) => {
    expect(readRegex(source)).toBeNull();
  });
});

describe("what a client sends", () => {
  it.each([
    [null, null],
    ["", null],
    [".", null],
    ["A.Test.", "a.test"],
    ["a..test", null],
    ["a/b", null],
  ])("%j selects by %j", (sent, expected) => {
    expect(readSni(sent)).toBe(expected);
  });

  it.each([
    ["a.test", true],
    ["xn--bcher-kva.example", true],
    ["a_b.test", true],
    ["", false],
    ["192.0.2.1", false],
    ["bücher.example", false],
    ["a.test.", false],
    ["*.a.test", false],
    [`${"a".repeat(64)}.test`, false],
    [`${"a.".repeat(126)}bc`, false],
  ])("%s can be sent: %s", (name, expected) => {
    expect(canBeSent(name)).toBe(expected);
  });
});
