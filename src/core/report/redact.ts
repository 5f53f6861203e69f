/**
 * The one redactor (promise P6). It stands before every log line, result, state file and notification, because livecert
 * passes on words of other programs, and Nginx prints a whole `data:` key in an error message.
 *
 * Taken away is the body of every PEM block whose label says PRIVATE KEY, with its END, without it (Nginx cuts a message
 * at 2,048 bytes) or with its END alone; and every `data:` value. The line ends of a body may be real ones, escaped ones
 * (any number of times), spaces or nothing, and each line may be a string of its own in a list.
 *
 * - Hand it a text as a whole, before it is cut into lines: a line from the middle of a key tells nothing by itself.
 * - JSON stays JSON: neither a quote nor half an escape is ever taken away.
 * - Rather too much is taken than too little: a word of prose right after a key may go with it.
 */
export function redact(text: string): string {
  if (!/PRIVATE KEY|data:/i.test(text)) return text;
  let result = "";
  let position = 0;
  let open = false;
  for (;;) {
    const start = nextStart(text, position);
    const prose = text.slice(position, start?.index);
    result += redactProse(prose, open);
    if (start === null) return result;
    const secret = readSecret(text, start);
    result += secret.replacement;
    position = secret.position;
    open = secret.open;
  }
}

/**
 * For words of a program that quotes what it was given: a line of a key that somebody pasted into Nginx's configuration
 * has neither label nor `data:`, and stands in `unknown directive "…"`.
 */
export function redactQuotation(text: string): string {
  return redact(text).replaceAll(/[A-Za-z0-9+/]{24,}={0,2}/g, (word) =>
    isRandom(word) ? valuePlaceholder : word,
  );
}

/**
 * In base64 of a key more than half of the neighbours are of two kinds (capitals, small letters, digits), in a path few. One
 * line in 50,000 has no digit; in names without any, words joined by their capitals come near it.
 */
function isRandom(word: string): boolean {
  if (!/[A-Z]/.test(word) || !/[a-z]/.test(word)) return false;
  const hasDigit = /\d/.test(word);
  const changes = count(
    word,
    /[A-Z](?=[a-z\d])|[a-z](?=[A-Z\d])|\d(?=[A-Za-z])/g,
  );
  if (hasDigit && changes > word.length / 4) return true;
  // In a whole line what stands between two slashes or pluses tells enough, in less it may be one name by chance.
  const neighbours = count(word, /[A-Za-z\d](?=[A-Za-z\d])/g);
  return word.length >= 40 && changes > neighbours * (hasDigit ? 0.25 : 0.36);
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

const keyPlaceholder = "[private key redacted]";
const valuePlaceholder = "[redacted]";

const label = "[A-Z0-9 ]*PRIVATE KEY[A-Z ]*-{0,5}";
/** A value, that is: `data: 5` in prose is none, nor is a variable that holds one (`data:$name`). */
const dataStart = String.raw`(?<![A-Za-z0-9_])data:(?!\$(?:\w+|\{\w+\})(?:[\s"',;)\]}]|\\["nrt]|$))(?=[^\s"'\\]|(?:\s|\\+[nrt])*--)`;

interface Start {
  readonly index: number;
  readonly end: number;
  readonly kind: "key" | "data";
}

function nextStart(text: string, from: number): Start | null {
  const pattern = new RegExp(`-{2,5} ?BEGIN ${label}|${dataStart}`, "gi");
  pattern.lastIndex = from;
  const match = pattern.exec(text);
  if (match === null) return null;
  return {
    index: match.index,
    end: match.index + match[0].length,
    kind: match[0].startsWith("-") ? "key" : "data",
  };
}

/** What a secret consists of; each is tried at one position. */
const tokens = {
  gap: /(?:\s|\\+(?:[nrt]|u000[9ad]))+/iy,
  /** From one string of a list to the next. */
  boundary: /\\*["']\s*,\s*\\*["']/y,
  propertyName: /\\*["']\s*:/y,
  begin: /-{2,5} ?BEGIN [A-Z0-9 ]*-{0,5}/iy,
  keyBegin: new RegExp(`-{2,5} ?BEGIN ${label}`, "iy"),
  end: /-{2,5} ?END [A-Z0-9 ]*-{0,5}/iy,
  header: /Proc-Type:\s*\d,[A-Z]+|DEK-Info:\s*[A-Z0-9-]+(?:,[0-9A-F]*)?/iy,
  word: /[A-Za-z0-9+/=]+/y,
  /** The first word of a `data:` value may hold anything. */
  anything: /[^\s"'\\;]+/y,
} as const;

/** No word of prose is as long; bodies have lines of 64 or 76. */
const longWord = 16;

/** A secret while it is read. */
interface Reading {
  readonly text: string;
  readonly start: Start;
  replacement: string;
  /** Index of the first character after what was taken. */
  position: number;
  /** A key's END was not seen, so that more of its body may follow somewhere. */
  open: boolean;
  previousWordLength: number;
}

/** Reads on from a start marker to where the secret's text ends. */
function readSecret(text: string, start: Start): Reading {
  const reading = {
    text,
    start,
    replacement:
      start.kind === "key" ? keyPlaceholder : `data:${valuePlaceholder}`,
    position: start.end,
    open: start.kind === "key",
    previousWordLength: 0,
  };
  if (start.kind === "data") takeFirstOfValue(reading);
  while (takePart(reading));
  return reading;
}

function takeFirstOfValue(reading: Reading): void {
  const { text, position } = reading;
  if (lengthAt(tokens.begin, text, after(tokens.gap, text, position)) > 0)
    return;
  takeToken(reading, tokens.anything, position);
  reading.previousWordLength = reading.position - position;
}

/** Takes one more part of the secret with the gap before it; false where it has ended. */
function takePart(reading: Reading): boolean {
  const from = after(tokens.gap, reading.text, reading.position);
  if (takeToken(reading, tokens.end, from)) return continuesAfterEnd(reading);
  if (lengthAt(tokens.begin, reading.text, from) > 0)
    return takeBegin(reading, from);
  return (
    takeToken(reading, tokens.header, from) ||
    takeBoundary(reading, from) ||
    takeWord(reading, from)
  );
}

/** A value may go on with another block, a key may not. */
function continuesAfterEnd(reading: Reading): boolean {
  const { text, position, start } = reading;
  reading.open = false;
  const next = after(tokens.gap, text, position);
  return start.kind === "data" && lengthAt(tokens.begin, text, next) > 0;
}

/** Blocks follow each other in a value; after a key without END a new block is looked at anew. */
function takeBegin(reading: Reading, from: number): boolean {
  if (reading.start.kind === "key") return false;
  reading.open ||= lengthAt(tokens.keyBegin, reading.text, from) > 0;
  return takeToken(reading, tokens.begin, from);
}

function takeToken(reading: Reading, token: RegExp, from: number): boolean {
  const end = after(token, reading.text, from);
  if (end === from) return false;
  reading.position = end;
  return true;
}

/** The quotes and the comma stay. */
function takeBoundary(reading: Reading, from: number): boolean {
  const { text, start } = reading;
  const end = after(tokens.boundary, text, from);
  if (end === from || !isBodyString(text, end)) return false;
  const placeholder = start.kind === "key" ? keyPlaceholder : valuePlaceholder;
  reading.replacement += text.slice(from, end) + placeholder;
  reading.position = end;
  reading.previousWordLength = longWord;
  return true;
}

/** A whole string of a list that is one line of a block. */
function isBodyString(text: string, from: number): boolean {
  if (lengthAt(tokens.end, text, from) > 0) return true;
  if (lengthAt(tokens.header, text, from) > 0) return true;
  const end = after(tokens.word, text, from);
  const gapEnd = after(tokens.gap, text, end);
  if (end === from || !isClosing(text, gapEnd)) return false;
  if (lengthAt(tokens.propertyName, text, gapEnd) > 0) return false;
  const next = after(tokens.boundary, text, gapEnd);
  const isLast = next > gapEnd && lengthAt(tokens.end, text, next) > 0;
  return end - from >= longWord || isLast;
}

function takeWord(reading: Reading, from: number): boolean {
  const length = lengthAt(tokens.word, reading.text, from);
  if (length === 0 || !isBodyWord(reading, from, from + length)) return false;
  reading.position = from + length;
  reading.previousWordLength = length;
  return true;
}

/** Prose consists of short words; a body's are long, have a line for themselves, or are the short rest at its end. */
function isBodyWord(reading: Reading, from: number, end: number): boolean {
  const { text, start, position, previousWordLength } = reading;
  if (from === start.end || end - from >= longWord) return true;
  const gapEnd = after(tokens.gap, text, end);
  const isLast =
    gapEnd === text.length ||
    isClosing(text, gapEnd) ||
    lengthAt(tokens.end, text, gapEnd) > 0;
  if (isLast && previousWordLength >= longWord) return true;
  return (
    hasLineEnd(text, position, from) &&
    (isLast || hasLineEnd(text, end, gapEnd))
  );
}

function isClosing(text: string, index: number): boolean {
  return /["'\\]/.test(text.charAt(index));
}

function hasLineEnd(text: string, from: number, to: number): boolean {
  return /[\r\n\\]/.test(text.slice(from, to));
}

function after(token: RegExp, text: string, from: number): number {
  return from + lengthAt(token, text, from);
}

function lengthAt(token: RegExp, text: string, from: number): number {
  token.lastIndex = from;
  return token.exec(text)?.[0].length ?? 0;
}

/** Between two secrets: the end of a key whose beginning is lost, and what else may belong to one without END. */
function redactProse(prose: string, open: boolean): string {
  const end = lastEnd(prose);
  if (end === null) return open ? redactStrayWords(prose) : prose;
  const start = startOfTail(prose, end.index);
  return (
    redactStrayWords(prose.slice(0, start)) +
    keyPlaceholder +
    prose.slice(end.index + end.length)
  );
}

function lastEnd(
  prose: string,
): { readonly index: number; readonly length: number } | null {
  const match = [
    ...prose.matchAll(new RegExp(`-{2,5} ?END ${label}`, "gi")),
  ].at(-1);
  return match === undefined
    ? null
    : { index: match.index, length: match[0].length };
}

/** Goes back over everything that a body can consist of. */
function startOfTail(prose: string, end: number): number {
  let start = end;
  while (start > 0 && /[A-Za-z0-9+/=\s\\]/.test(prose.charAt(start - 1)))
    start--;
  return start;
}

/** Words that can hardly be anything but base64. */
function redactStrayWords(prose: string): string {
  return prose.replaceAll(/[A-Za-z0-9+/]{32,}={0,2}/g, (word) =>
    /[A-Z]/.test(word) && /[a-z]/.test(word) && /\d/.test(word)
      ? valuePlaceholder
      : word,
  );
}
