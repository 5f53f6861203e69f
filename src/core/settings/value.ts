import { assertNever } from "../assert-never.ts";
import { parseEndpoint } from "./endpoint.ts";
import type { OptionRow } from "./options.ts";

export type ParsedValue =
  | { readonly kind: "ok"; readonly value: OptionValue }
  /** `expected` completes the sentence "must be …". */
  | { readonly kind: "invalid"; readonly expected: string };

export type OptionValue =
  | string
  | number
  | boolean
  | readonly string[]
  /** Of `durations`. */
  | readonly number[]
  /** Of `entries`. */
  | readonly object[]
  | null;

/**
 * Checks what a file, variable or flag gave against its row. Numbers and booleans may come as words, as variables are.
 *
 * @param base the absolute directory that a relative path is relative to
 */
export function parseValue(
  row: Exclude<OptionRow, { readonly type: "entries" }>,
  raw: unknown,
  base: string,
): ParsedValue {
  switch (row.type) {
    case "path":
      return isWord(raw) ? ok(absolutePath(base, raw)) : expected("a path");
    case "paths":
      return parsePaths(raw, base);
    case "text":
      return isWord(raw) ? ok(raw) : expected("a text");
    case "endpoint":
      return isWord(raw) && parseEndpoint(raw) !== null
        ? ok(raw)
        : expected("unix:PATH, ADDRESS:PORT or off");
    case "switch":
      return parseSwitch(raw);
    case "count":
      return parseCount(raw);
    case "duration":
      return parseDuration(raw, row.leastMs ?? 1);
    case "durations":
      return parseDurations(raw);
    case "choice":
      return typeof raw === "string" && row.choices.includes(raw)
        ? ok(raw)
        : expected(`one of ${row.choices.join(", ")}`);
    default:
      return assertNever(row);
  }
}

function ok(value: OptionValue): ParsedValue {
  return { kind: "ok", value };
}

function expected(what: string): ParsedValue {
  return { kind: "invalid", expected: what };
}

/** Not empty, and nothing that could end a line or an argument early. */
function isWord(raw: unknown): raw is string {
  return typeof raw === "string" && raw !== "" && !/[\u0000-\u001f]/.test(raw);
}

/** A list, or one text with colons between its paths as PATH has them. */
function parsePaths(raw: unknown, base: string): ParsedValue {
  const words: readonly unknown[] =
    typeof raw === "string" ? raw.split(":") : Array.isArray(raw) ? raw : [raw];
  return words.every(isWord)
    ? ok(words.map((word) => absolutePath(base, word)))
    : expected("a list of paths");
}

const switchWords = new Map([
  ["true", true],
  ["yes", true],
  ["on", true],
  ["1", true],
  ["false", false],
  ["no", false],
  ["off", false],
  ["0", false],
]);

/** In any case; null for what is no such word. */
export function readSwitch(word: string): boolean | null {
  return switchWords.get(word.toLowerCase()) ?? null;
}

function parseSwitch(raw: unknown): ParsedValue {
  const value =
    typeof raw === "boolean"
      ? raw
      : typeof raw === "string"
        ? readSwitch(raw)
        : null;
  return value === null ? expected("true or false") : ok(value);
}

function parseCount(raw: unknown): ParsedValue {
  const text = typeof raw === "number" ? String(raw) : raw;
  return typeof text === "string" && /^[1-9]\d{0,8}$/.test(text)
    ? ok(Number(text))
    : expected("a whole number of at least 1");
}

const unitsMs = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
} as const;

/** setTimeout's own limit, 24.8 days. */
const longestMs = 2 ** 31 - 1;

function parseDuration(raw: unknown, leastMs: number): ParsedValue {
  const milliseconds = readDuration(raw);
  return milliseconds >= leastMs && milliseconds <= longestMs
    ? ok(milliseconds)
    : expected(
        `a duration with its unit, such as 500ms, 3s, 15m, 24h or 2d, from ${formatDuration(leastMs)} to 24d`,
      );
}

/** A list, or texts with commas between their durations; none of them is waited for, so that they may be long. */
function parseDurations(raw: unknown): ParsedValue {
  const given: readonly unknown[] = Array.isArray(raw) ? raw : [raw];
  const words = given.flatMap((one) =>
    typeof one === "string" ? one.split(",") : [one],
  );
  const durations = words.map(readDuration);
  return durations.every((one) => one >= 1)
    ? ok(durations)
    : expected("a list of durations with their units, such as [21d, 36h]");
}

/** In ms; NaN for what is none. */
function readDuration(raw: unknown): number {
  const match =
    typeof raw === "string"
      ? /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)$/.exec(raw)
      : null;
  return match === null
    ? NaN
    : Math.round(Number(match[1]) * unitsMs[match[2] as keyof typeof unitsMs]);
}

/** In the largest unit that gives a whole number: `90s`, `24h`, `10ms`; days only from two on. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return "0s";
  const unit = (["d", "h", "m", "s"] as const).find(
    (candidate) =>
      milliseconds % unitsMs[candidate] === 0 &&
      (candidate !== "d" || milliseconds >= 2 * unitsMs.d),
  );
  return unit === undefined
    ? `${milliseconds}ms`
    : `${milliseconds / unitsMs[unit]}${unit}`;
}

/** A value as people would write it in the configuration file; null where there is none. */
export function formatValue(row: OptionRow, value: OptionValue): string | null {
  if (value === null) return null;
  if (row.type === "duration" && typeof value === "number")
    return formatDuration(value);
  if (typeof value !== "object") return String(value);
  const words = value.map((one) => {
    if (typeof one === "number") return formatDuration(one);
    return typeof one === "string" ? one : JSON.stringify(one);
  });
  return `[${words.join(", ")}]`;
}

/** POSIX, without looking at the disk: `.` and `..` are resolved as text. */
export function absolutePath(base: string, path: string): string {
  const segments: string[] = [];
  const whole = path.startsWith("/") ? path : `${base}/${path}`;
  for (const segment of whole.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  return `/${segments.join("/")}`;
}
