import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  lex,
  type LexicalProblem,
  type Token,
} from "../../../src/core/nginx/lexer.ts";

/** To the end of the text. */
function lexAll(text: string): {
  readonly tokens: readonly Token[];
  readonly problems: readonly LexicalProblem[];
} {
  const problems: LexicalProblem[] = [];
  return { tokens: [...lex(text, problems)], problems };
}

/** Words as they are, `;` `{` `}` for themselves, comments left out. */
function shorten(text: string): readonly string[] {
  const marks = { end: ";", open: "{", close: "}" };
  return lexAll(text)
    .tokens.filter(({ kind }) => kind !== "comment")
    .map((token) =>
      token.kind === "word" || token.kind === "comment"
        ? token.text
        : marks[token.kind],
    );
}

describe("words", () => {
  it.each([
    ["a b\tc\r\nd;", ["a", "b", "c", "d", ";"]],
    ["a;b{c}", ["a", ";", "b", "{", "c}"]],
    ["a { } b", ["a", "{", "}", "b"]],
    ["a'b c\"d;", ["a'b", 'c"d', ";"]],
    [`'a b' "c;d" '{}';`, ["a b", "c;d", "{}", ";"]],
    [`"";`, ["", ";"]],
    [`a "two\nlines";`, ["a", "two\nlines", ";"]],
    ["a#b #c;\nd;", ["a#b", "d", ";"]],
    ["${a}b $c{d}", ["${a}b", "$c", "{", "d}"]],
    ["a${b}c;", ["a${b}c", ";"]],
    ["$a {", ["$a", "{"]],
    ["a\\;b\\ c\\{d;", ["a\\;b\\ c\\{d", ";"]],
    [`\\"a\\" '\\'' "\\\\";`, ['"a"', "'", "\\", ";"]],
    [`"\\t\\r\\n" \\d+\\.x;`, ["\t\r\n", "\\d+\\.x", ";"]],
    [`if ($a = "b") {`, ["if", "($a", "=", "b", ")", "{"]],
    ["é ü;", ["é", "ü", ";"]],
  ])("reads %j as Nginx does", (text, words) => {
    expect(shorten(text)).toEqual(words);
    expect(lexAll(text).problems).toEqual([]);
  });

  test("carry the line and the offset of their first character", () => {
    const { tokens } = lexAll('a\n  "b\n\nc" \\\nd # e\nf;');
    expect(tokens.map(({ line, offset }) => [line, offset])).toEqual([
      [1, 0],
      [2, 4],
      [4, 11],
      [5, 15],
      [6, 19],
      [6, 20],
    ]);
  });
});

describe("Lua blocks", () => {
  it.each([
    ["x_by_lua_block { a = '}' } b;", ["x_by_lua_block", "{", "}", "b", ";"]],
    [
      'x_by_lua_block { a = "\\"}" } b;',
      ["x_by_lua_block", "{", "}", "b", ";"],
    ],
    ["x_by_lua_block { -- }\n } b;", ["x_by_lua_block", "{", "}", "b", ";"]],
    [
      "x_by_lua_block { --[[ }\n ]] } b;",
      ["x_by_lua_block", "{", "}", "b", ";"],
    ],
    [
      "x_by_lua_block { [==[ ]] } ]==] {} } b;",
      ["x_by_lua_block", "{", "}", "b", ";"],
    ],
    [
      "set_by_lua_block $v { return '{' }",
      ["set_by_lua_block", "$v", "{", "}"],
    ],
    ["a x_by_lua_block { b; }", ["a", "x_by_lua_block", "{", "b", ";", "}"]],
    ["x_by_lua_block { ' }", ["x_by_lua_block", "{"]],
  ])("are passed over: %j", (text, words) => {
    expect(shorten(text)).toEqual(words);
  });

  test("count for the lines after them", () => {
    const last = lexAll("x_by_lua_block {\n\n}\nb;").tokens.at(-2);
    expect(last).toMatchObject({ text: "b", line: 4 });
  });
});

describe("what Nginx refuses", () => {
  it.each([
    ['a "b', 1, "a quote is never closed"],
    ["a;\n'b\n;", 2, "a quote is never closed"],
    [
      '\n"a"b;',
      2,
      "a closing quote is followed by something else than a space or the directive's end",
    ],
  ])("is reported with its line: %j", (text, line, message) => {
    expect(lexAll(text).problems).toEqual([{ line, message }]);
  });
});

/** Pieces that mean something to the lexer, and anything else. */
const nastyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...["{", "}", ";", '"', "'", "\\", "#", "$", "${", "\n", " ", "("],
        ...["a", "x_by_lua_block", "--", "[[", "]]", "[=[", "include", "\0"],
      ),
      fc.string({ unit: "binary" }),
    ),
    { maxLength: 60 },
  )
  .map((pieces) => pieces.join(""));

test("never throws or hangs, and goes through the text in order", () => {
  fc.assert(
    fc.property(nastyText, (text) => {
      const { tokens, problems } = lexAll(text);
      for (const [index, { offset, line }] of tokens.entries()) {
        const before = tokens[index - 1];
        expect(offset).toBeGreaterThan(before?.offset ?? -1);
        expect(offset).toBeLessThan(text.length);
        expect(line).toBe(text.slice(0, offset).split("\n").length);
      }
      expect(problems.length).toBeLessThanOrEqual(tokens.length);
    }),
    { numRuns: 1000 },
  );
});

test("reads back every list of words that is written in quotes", () => {
  const quoted = (word: string) => `"${word.replace(/["\\]/g, "\\$&")}"`;
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), (words) => {
      expect(shorten(`${words.map(quoted).join(" ")} ;`)).toEqual([
        ...words,
        ";",
      ]);
    }),
  );
});
