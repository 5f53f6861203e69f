import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { splitDump } from "../../../src/core/nginx/dump.ts";
import { dumpOf, fixtureFiles } from "./fixture.ts";

const main = "/etc/nginx/nginx.conf";

function split(dump: string): Record<string, string> {
  return Object.fromEntries(
    splitDump(dump).map(({ path, text }) => [path, text]),
  );
}

it("splits a dump of an Nginx whose prefix is relative", () => {
  const relative = {
    "./conf/nginx.conf": "include conf.d/*.conf;\ninclude one.inc;\n",
    "./conf/conf.d/a.conf": "x;\n# configuration file /etc/x.conf:\n",
    "./conf/one.inc": "y;\n",
  };
  expect(split(dumpOf(relative))).toEqual(relative);
});

describe("a dump of Nginx is split into the very files", () => {
  const a = "/etc/nginx/conf.d/a.conf";
  const b = "/etc/nginx/conf.d/b.conf";
  const globbed = { [main]: "include conf.d/*.conf;\n" };
  const imitated = (path: string) => `# configuration file ${path}:`;
  it.each<[string, Record<string, string>]>([
    ["one file", { [main]: "events {}\n" }],
    ["files without a line end", { ...globbed, [a]: "x;", [b]: "y;" }],
    ["empty files", { ...globbed, [a]: "", [b]: "" }],
    [
      "a path with a colon",
      { [main]: 'include "x: y";\n', "/etc/nginx/x: y": "z;\n" },
    ],
    [
      "a comment that names its own file",
      { [main]: `${imitated(main)}\nx;\n` },
    ],
    [
      "a comment that names no included file",
      { ...globbed, [a]: `x;\n${imitated("/etc/other.conf")}\ny;\n` },
    ],
    [
      "a comment that names a file opened before",
      { ...globbed, [a]: "x;\n", [b]: `${imitated(a)}\ny;\n` },
    ],
    [
      "a comment that names a file that would have come before",
      { ...globbed, [b]: `x;\n${imitated(a)}\ny;\n` },
    ],
    [
      "a comment that names no absolute path",
      { ...globbed, [a]: `x;\n${imitated("conf.d/b.conf")}\ny;\n` },
    ],
    [
      "a comment inside a block",
      { ...globbed, [a]: `x {\n${imitated(b)}\n}\n` },
    ],
    [
      "a comment inside a directive",
      { ...globbed, [a]: `x\n${imitated(b)}\ny;\n` },
    ],
    [
      "a line inside a string",
      { ...globbed, [a]: `x "\n${imitated(b)}\n";\n` },
    ],
    [
      "a line inside Lua",
      { ...globbed, [a]: `x_by_lua_block {\n--[[\n${imitated(b)}\n]]\n}\n` },
    ],
    [
      "an include that must come first",
      {
        [main]: `include conf.d/b.conf;\n${imitated("/etc/nginx/conf.d/c.conf")}\ninclude conf.d/c.conf;\n`,
        [b]: "x;\n",
        "/etc/nginx/conf.d/c.conf": "y;\n",
      },
    ],
    [
      "files within files",
      {
        [main]: "http { include conf.d/*.conf; include z; }\n",
        [a]: "include snippets/s;\n",
        "/etc/nginx/snippets/s": "x;\n",
        [b]: "include snippets/s;\n",
        "/etc/nginx/z": "y;\n",
      },
    ],
    [
      "a pattern with doubled slashes",
      {
        [main]: "include /etc/nginx//conf.d/*;\n",
        "/etc/nginx//conf.d/x": "x;\n",
      },
    ],
    ["imitations of all kinds", fixtureFiles("comments-imitating-markers")],
  ])("%s", (_, files) => {
    expect(split(dumpOf(files))).toEqual(files);
  });
});

test("the first line of each file is known", () => {
  const dump = `nginx: test is successful\n${dumpOf({
    [main]: "\ninclude b;\n",
    "/etc/nginx/b": "x;\n",
  })}`;
  expect(splitDump(dump).map(({ firstLine }) => firstLine)).toEqual([3, 7]);
});

test("a text without a marker holds no file", () => {
  expect(splitDump("http { server { listen 443 ssl; } }\n")).toEqual([]);
  expect(splitDump("")).toEqual([]);
});

test("a dump with the line ends of another system is split as well", () => {
  const dump = dumpOf({ [main]: "include b;\n", "/etc/nginx/b": "x;\n" });
  expect(Object.keys(split(dump.replaceAll("\n", "\r\n")))).toEqual([
    main,
    "/etc/nginx/b",
  ]);
});

describe("where the rules of Nginx are broken, they are given up one by one", () => {
  it.each<[string, Record<string, string>]>([
    [
      "another order",
      {
        [main]: "include a; include b;\n",
        "/etc/nginx/b": "x;\n",
        "/etc/nginx/a": "include c;\n",
        "/etc/nginx/c": "y;\n",
      },
    ],
    [
      "a block left open",
      {
        [main]: "http { include *.conf;\n",
        "/etc/nginx/a.conf": "x {\n",
        "/etc/nginx/b.conf": "y;\n",
      },
    ],
    [
      "a brace too many",
      { [main]: "include *.conf; }\n", "/etc/nginx/a.conf": "x;\n" },
    ],
    [
      "a quote left open",
      {
        [main]: "include *.conf;\n",
        "/etc/nginx/a.conf": 'x "y;\n',
        "/etc/nginx/b.conf": "z;\n",
      },
    ],
  ])("%s", (_, files) => {
    expect(split(dumpOf(files))).toEqual(files);
  });
});

test("never throws, and loses no text behind the first marker", () => {
  const piece = fc.constantFrom(
    ...["# configuration file /etc/nginx/nginx.conf:\n", "include b;\n", "\n"],
    ...["# configuration file /etc/nginx/b:\n", "include *;", "}", "{", '"'],
    ...["# configuration file c:\n", "x;", "#", "x_by_lua_block {"],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const marker = (path: string) => `# configuration file ${path}:\n`;
      const text = marker(main) + pieces.join("");
      const files = splitDump(text);
      const rejoined = files
        .map((file) => `${marker(file.path)}${file.text}\n`)
        .join("");
      expect(rejoined.length).toBeGreaterThanOrEqual(text.length);
      expect(new Set(files.map(({ path }) => path)).size).toBe(files.length);
    }),
  );
});
