import { endOfLuaBlock } from "./lua.ts";

/**
 * Splits configuration text into tokens exactly as Nginx does (`ngx_conf_read_token`, nginx 1.22.1
 * src/core/ngx_conf_file.c): quotes and `#` count only where a token starts, a backslash protects the next character,
 * `${` opens no block, `}` does not end a word. It goes on after what Nginx would refuse, and says so; it never throws.
 */
export interface Token {
  readonly kind: "word" | "end" | "open" | "close" | "comment";
  /** A word without its quotes and with its escapes translated, a comment with its `#`; otherwise empty. */
  readonly text: string;
  /** Of its first character; the first line of the text is 1. */
  readonly line: number;
  /** Of its first character in the text, quote included. */
  readonly offset: number;
}

/** Where Nginx would have stopped. */
export interface LexicalProblem {
  readonly line: number;
  readonly message: string;
}

interface Cursor {
  readonly text: string;
  readonly problems: LexicalProblem[];
  position: number;
  line: number;
}

const tab = 9;
const lineFeed = 10;
const carriageReturn = 13;
const space = 32;
const doubleQuote = 34;
const sharp = 35;
const dollar = 36;
const singleQuote = 39;
const closingParenthesis = 41;
const semicolon = 59;
const backslash = 92;
const openingBrace = 123;
const closingBrace = 125;

/**
 * One token after the other, since a dump with tables of addresses has millions of them.
 *
 * @param problems takes what is found on the way
 */
export function* lex(
  text: string,
  problems: LexicalProblem[],
): Generator<Token, undefined> {
  const cursor: Cursor = { text, problems, position: 0, line: 1 };
  let directive: string | null = null;

  skipBlanks(cursor);
  while (cursor.position < text.length) {
    const token = readToken(cursor);
    yield token;
    if (token.kind === "word") {
      directive ??= token.text;
    } else if (token.kind !== "comment") {
      if (token.kind === "open" && isLuaBlock(directive)) {
        skipTo(cursor, endOfLuaBlock(text, cursor.position));
      }
      directive = null;
    }
    skipBlanks(cursor);
  }
}

function isLuaBlock(directive: string | null): boolean {
  return directive?.endsWith("_by_lua_block") === true;
}

function readToken(cursor: Cursor): Token {
  const { position: offset, line } = cursor;
  const code = cursor.text.charCodeAt(offset);
  if (code === sharp) {
    return { kind: "comment", text: readComment(cursor), line, offset };
  }
  const kind = kindOf(code);
  if (kind === "word") {
    return { kind, text: unescape(readWord(cursor, code)), line, offset };
  }
  cursor.position += 1;
  return { kind, text: "", line, offset };
}

function kindOf(code: number): Exclude<Token["kind"], "comment"> {
  switch (code) {
    case semicolon:
      return "end";
    case openingBrace:
      return "open";
    case closingBrace:
      return "close";
    default:
      return "word";
  }
}

function isBlank(code: number): boolean {
  return (
    code === space ||
    code === lineFeed ||
    code === tab ||
    code === carriageReturn
  );
}

function skipBlanks(cursor: Cursor): void {
  const { text } = cursor;
  while (cursor.position < text.length) {
    const code = text.charCodeAt(cursor.position);
    if (!isBlank(code)) {
      return;
    }
    if (code === lineFeed) {
      cursor.line += 1;
    }
    cursor.position += 1;
  }
}

/** Moves on and counts the lines passed. */
function skipTo(cursor: Cursor, position: number): void {
  const { text } = cursor;
  for (let passed = cursor.position; passed < position; passed += 1) {
    if (text.charCodeAt(passed) === lineFeed) {
      cursor.line += 1;
    }
  }
  cursor.position = position;
}

function readComment(cursor: Cursor): string {
  const start = cursor.position;
  const lineEnd = cursor.text.indexOf("\n", start);
  cursor.position = lineEnd === -1 ? cursor.text.length : lineEnd;
  return cursor.text.slice(start, cursor.position);
}

/** The word as it stands there, without quotes. */
function readWord(cursor: Cursor, code: number): string {
  return code === doubleQuote || code === singleQuote
    ? readQuoted(cursor, code)
    : readPlain(cursor);
}

function readQuoted(cursor: Cursor, quote: number): string {
  const { text, line, problems } = cursor;
  const start = cursor.position + 1;
  let end = start;
  while (end < text.length && text.charCodeAt(end) !== quote) {
    end += text.charCodeAt(end) === backslash ? 2 : 1;
  }
  if (end >= text.length) {
    problems.push({ line, message: "a quote is never closed" });
    skipTo(cursor, text.length);
    return text.slice(start);
  }
  if (!mayFollowQuote(text.charCodeAt(end + 1))) {
    problems.push({
      line,
      message:
        "a closing quote is followed by something else than a space or the directive's end",
    });
  }
  skipTo(cursor, end + 1);
  return text.slice(start, end);
}

/** `NaN` is the end of the text. */
function mayFollowQuote(code: number): boolean {
  return (
    isBlank(code) ||
    code === semicolon ||
    code === openingBrace ||
    code === closingParenthesis ||
    Number.isNaN(code)
  );
}

function readPlain(cursor: Cursor): string {
  const { text } = cursor;
  const start = cursor.position;
  let end = start;
  let afterDollar = false;
  while (end < text.length) {
    const code = text.charCodeAt(end);
    if (code === openingBrace && afterDollar) {
      end += 1;
      continue;
    }
    if (isBlank(code) || code === semicolon || code === openingBrace) {
      break;
    }
    afterDollar = code === dollar;
    end += code === backslash ? 2 : 1;
  }
  skipTo(cursor, Math.min(end, text.length));
  return text.slice(start, cursor.position);
}

const translated: Readonly<Record<string, string>> = {
  t: "\t",
  r: "\r",
  n: "\n",
};

/** Any other escape keeps its backslash. */
function unescape(raw: string): string {
  return raw.includes("\\")
    ? raw.replace(
        /\\(["'\\trn])/g,
        (_, letter: string) => translated[letter] ?? letter,
      )
    : raw;
}
