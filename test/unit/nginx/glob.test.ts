import { expect, it } from "vitest";
import { globToRegExp, isGlob } from "../../../src/core/nginx/glob.ts";

it.each([
  ["/e/*.conf", "/e/a.conf", true],
  ["/e/*.conf", "/e/.conf", false],
  ["/e/*.conf", "/e/.a.conf", false],
  ["/e/.*", "/e/.a", true],
  ["/e/*", "/e/a/b", false],
  ["/e/*/b", "/e/a/b", true],
  ["/e/*/b", "/e/.a/b", false],
  ["/e/?.conf", "/e/a.conf", true],
  ["/e/?.conf", "/e/ab.conf", false],
  ["/e/?.conf", "/e/..conf", false],
  ["/e/[ab]c", "/e/bc", true],
  ["/e/[!ab]c", "/e/bc", false],
  ["/e/[^ab]c", "/e/cc", true],
  ["/e/[a-c]", "/e/b", true],
  ["/e/[c-a]", "/e/b", false],
  ["/e/[]x]", "/e/]", true],
  ["/e/[!]x]", "/e/]", false],
  ["/e/[!a]", "/e/.", false],
  ["/e/[a", "/e/[a", true],
  ["/e/[[:digit:]]*.conf", "/e/1a.conf", true],
  ["/e/[[:digit:]]*.conf", "/e/a1.conf", false],
  ["/e/[![:digit:]_]a", "/e/xa", true],
  ["/e/[![:digit:]_]a", "/e/_a", false],
  ["/e/[[:punct:]]", "/e/]", true],
  ["/e/[[:nonsense:]]", "/e/n", false],
  ["/e/\\*", "/e/*", true],
  ["/e/\\*", "/e/a", false],
  ["/e/{a,b}", "/e/a", false],
  ["/e/{a,b}", "/e/{a,b}", true],
  ["/e/**", "/e/a/b", false],
  ["/e/(a|b)+.x", "/e/(a|b)+.x", true],
  ["/e/a.x", "/e/aax", false],
])("%s against %s: %s", (pattern, path, matches) => {
  expect(globToRegExp(pattern).test(path)).toBe(matches);
});

it.each([
  ["/e/a.conf", false],
  ["/e/{a}", false],
  ["/e/*.conf", true],
  ["/e/a?", true],
  ["/e/[a", true],
])("%s is a pattern: %s", (path, expected) => {
  expect(isGlob(path)).toBe(expected);
});
