import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { parseFile } from "../../../src/core/nginx/parser.ts";
import type { Directive } from "../../../src/core/nginx/parser.ts";

const file = "/etc/nginx/nginx.conf";

/** `name args` for a directive, with its block as a list behind it. */
function outline(directives: readonly Directive[]): readonly unknown[] {
  return directives.flatMap(({ name, args, block }) => {
    const words = [name, ...args].join(" ");
    return block === null ? [words] : [words, outline(block)];
  });
}

test("directives and blocks become a tree with file and line", () => {
  const { directives, problems } = parseFile(
    file,
    "user\n  www-data;\n\nhttp {\n  server {\n    listen 80; }\n}\n",
  );
  expect(directives).toEqual([
    { name: "user", args: ["www-data"], file, line: 1, block: null },
    {
      name: "http",
      args: [],
      file,
      line: 4,
      block: [
        {
          name: "server",
          args: [],
          file,
          line: 5,
          block: [{ name: "listen", args: ["80"], file, line: 6, block: null }],
        },
      ],
    },
  ]);
  expect(problems).toEqual([]);
});

describe("a broken file is read as far as it can be", () => {
  it.each([
    ["a; b {", ["a", "b", []], [[1, "a block is never closed"]]],
    ["a;\n}\nb;", ["a", "b"], [[2, "a closing brace has no opening one"]]],
    ["a {\nb }", ["a", []], [[2, "a directive does not end with a semicolon"]]],
    ["a;\nb", ["a"], [[2, "a directive does not end with a semicolon"]]],
    [";a;", ["a"], [[1, "a directive has no name"]]],
    ["{ a; } b;", ["b"], [[1, "a directive has no name"]]],
  ])("%j", (text, tree, problems) => {
    const parsed = parseFile(file, text);
    expect(outline(parsed.directives)).toEqual(tree);
    expect(parsed.problems.map(({ line, message }) => [line, message])).toEqual(
      problems,
    );
  });
});

test("never throws, however deep or broken the text is", () => {
  const piece = fc.constantFrom("a", " ", "{", "}", ";", "\n", "'", "a{", "}}");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 200 }), (pieces) => {
      const text = pieces.join("");
      const { directives } = parseFile(file, text);
      expect(JSON.stringify(directives).length).toBeLessThan(
        100 * text.length + 100,
      );
    }),
  );
  expect(parseFile(file, "a{".repeat(100_000)).problems).toHaveLength(1);
});

describe("key material never reaches the tree", () => {
  const pem =
    "-----BEGIN PRIVATE KEY-----\nQ0FOQVJZ\n-----END PRIVATE KEY-----";
  it.each([
    [`ssl_certificate_key "data:${pem}";`, ["data:[hidden]"]],
    ["ssl_certificate_key data:Q0FOQVJZ;", ["data:[hidden]"]],
    [
      `server_name a.test\n ssl_certificate_key "data:${pem}";`,
      ["a.test", "ssl_certificate_key", "data:[hidden]"],
    ],
    [
      `server_name ${pem} b.test;`,
      [...Array<string>(5).fill("[hidden]"), "PRIVATE", "KEY-----", "b.test"],
    ],
    [`return 200 "x ${pem}";`, ["200", "[hidden]"]],
    [
      "ssl_certificate_key engine:e:id?pin=Q0FOQVJZ;",
      ["engine:e:id?pin=[hidden]"],
    ],
  ])("%j", (text, args) => {
    const { directives, problems } = parseFile(file, text);
    expect(directives[0]?.args).toEqual(args);
    expect(JSON.stringify({ directives, problems })).not.toContain("Q0FOQVJZ");
  });

  it.each([
    ["a data:$pem data:${pem};", ["data:$pem", "data:${pem}"]],
    ["a store:file:/etc/ssl/$name.key;", ["store:file:/etc/ssl/$name.key"]],
    ["a database data;", ["database", "data"]],
  ])("other words stay as they are: %j", (text, args) => {
    expect(parseFile(file, text).directives[0]?.args).toEqual(args);
  });
});
