/**
 * Options that are a list of records, such as `targets`: each entry is checked by its own table of fields, and what is
 * wrong is told with the entry's place in the list.
 */
import { nearest } from "./nearest.ts";
import { Concealed, type Secret } from "./secret.ts";
import { absolutePath, type ParsedValue } from "./value.ts";

export type EntryReading<Entry> =
  | { readonly kind: "ok"; readonly value: Entry }
  /** A sentence without its subject, which is the entry: `has no field nmae`. */
  | { readonly kind: "invalid"; readonly problem: string };

/** How the entries of one option are read, and their JSON schema. */
export interface EntryType<Entry> {
  /** @param base the absolute directory that a relative path is relative to */
  readonly read: (raw: RawEntry, base: string) => EntryReading<Entry>;
  /** What is wrong with the entries together, to follow "a list of entries;"; null: nothing. */
  refuse?(entries: readonly Entry[]): string | null;
  readonly schema: Readonly<Record<string, unknown>>;
}

export type RawEntry = Readonly<Record<string, unknown>>;

/** A list as the file has it; as a variable or flag it is JSON. */
export function parseEntries(
  entry: EntryType<object>,
  raw: unknown,
  base: string,
): ParsedValue {
  const list = typeof raw === "string" ? fromJson(raw) : raw;
  if (!Array.isArray(list)) return expected("a list of entries");
  const entries: object[] = [];
  for (const [index, one] of list.entries()) {
    const place = `a list of entries; number ${String(index + 1)}`;
    if (!isRecord(one)) return expected(`${place} is none`);
    const reading = entry.read(one, base);
    if (reading.kind === "invalid")
      return expected(`${place} ${reading.problem}`);
    entries.push(reading.value);
  }
  const problem = entry.refuse?.(entries) ?? null;
  return problem === null
    ? { kind: "ok", value: entries }
    : expected(`a list of entries; ${problem}`);
}

function expected(what: string): ParsedValue {
  return { kind: "invalid", expected: what };
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a field of an entry may hold. */
export type FieldType =
  "text" | "texts" | "path" | "words" | "texts-by-text" | "secret";

export type Fields = Readonly<Record<string, FieldType>>;

export type FieldValues<Table extends Fields> = {
  readonly [Name in keyof Table]: FieldValue<Table[Name]> | null;
};

type FieldValue<Type extends FieldType> = {
  readonly text: string;
  readonly texts: readonly string[];
  readonly path: string;
  readonly words: readonly string[];
  readonly "texts-by-text": Readonly<Record<string, string>>;
  readonly secret: Secret;
}[Type];

/** Every field of the table, null where it was not given. */
export function readFields<const Table extends Fields>(
  raw: RawEntry,
  table: Table,
  base: string,
): EntryReading<FieldValues<Table>> {
  const values: Record<string, unknown> = {};
  for (const name of Object.keys(table)) values[name] = null;
  for (const [name, given] of Object.entries(raw)) {
    const type = Object.hasOwn(table, name) ? table[name] : undefined;
    if (type === undefined) return unknownField(name, Object.keys(table));
    if (given === null || given === undefined) continue;
    const value = readField(type, given, base);
    if (value === null)
      return invalid(`has a ${name} that is not ${fieldWords[type]}`);
    values[name] = value;
  }
  return { kind: "ok", value: values as FieldValues<Table> };
}

export function invalid(problem: string): EntryReading<never> {
  return { kind: "invalid", problem };
}

const fieldWords: Readonly<Record<FieldType, string>> = {
  text: "a text",
  texts: "a text or a list of texts",
  path: "a path",
  words: "a list of words, the first an absolute path",
  "texts-by-text": "a map of texts",
  secret: "a text, { file: PATH } or { credential: NAME }",
};

function unknownField(
  name: string,
  known: readonly string[],
): EntryReading<never> {
  const [first] = nearest(name, known);
  const suggestion = first === undefined ? "" : `, did you mean ${first}?`;
  return invalid(`has an unknown field ${name}${suggestion}`);
}

function readField(type: FieldType, given: unknown, base: string): unknown {
  switch (type) {
    case "text":
      return readText(given);
    case "texts":
      return readList(Array.isArray(given) ? given : [given]);
    case "path": {
      const text = readText(given);
      return text === null ? null : absolutePath(base, text);
    }
    case "words":
      return readWords(given);
    case "texts-by-text":
      return readTexts(given);
    case "secret":
      return readSecret(given, base);
  }
}

/** Numbers too: a port is one. Nothing that could end a line or an argument early. */
function readText(given: unknown): string | null {
  const text = typeof given === "number" ? String(given) : given;
  return typeof text === "string" &&
    text !== "" &&
    !/[\u0000-\u001f]/.test(text)
    ? text
    : null;
}

function readWords(given: unknown): readonly string[] | null {
  const words = readList(Array.isArray(given) ? given : []);
  return words?.[0]?.startsWith("/") === true ? words : null;
}

/** null: there is none, or one of them is no text. */
function readList(given: readonly unknown[]): readonly string[] | null {
  const texts = given.map(readText).filter((text) => text !== null);
  return texts.length === given.length && texts.length > 0 ? texts : null;
}

function readSecret(given: unknown, base: string): Secret | null {
  const text = readText(given);
  if (text !== null) return { kind: "given", value: new Concealed(text) };
  if (!isRecord(given)) return null;
  const [[place, value] = [], ...others] = Object.entries(given);
  const word = readText(value);
  if (word === null || others.length > 0) return null;
  if (place === "file") return { kind: "file", path: absolutePath(base, word) };
  const isName = place === "credential" && !/[/]|^[.]{1,2}$/.test(word);
  return isName ? { kind: "credential", name: word } : null;
}

function readTexts(given: unknown): Readonly<Record<string, string>> | null {
  if (!isRecord(given)) return null;
  const texts = Object.entries(given).map(
    ([name, value]) => [name, readText(value)] as const,
  );
  return texts.every(([, value]) => value !== null)
    ? (Object.fromEntries(texts) as Record<string, string>)
    : null;
}

export function isRecord(raw: unknown): raw is RawEntry {
  return typeof raw === "object" && raw !== null && !Array.isArray(raw);
}

/** The JSON schema of the fields of one kind of entry. */
export function fieldsSchema(
  kind: string,
  table: Fields,
  required: readonly string[],
): Readonly<Record<string, unknown>> {
  const fields = Object.entries(table).filter(([name]) => name !== "kind");
  return {
    type: "object",
    additionalProperties: false,
    required: ["kind", ...required],
    properties: {
      kind: { const: kind },
      ...Object.fromEntries(
        fields.map(([name, type]) => [name, fieldSchemas[type]]),
      ),
    },
  };
}

const fieldSchemas: Readonly<Record<FieldType, object>> = {
  text: { type: ["string", "integer"] },
  texts: {
    anyOf: [
      { type: "string" },
      { type: "array", items: { type: "string" }, minItems: 1 },
    ],
  },
  path: { type: "string", minLength: 1 },
  words: { type: "array", items: { type: "string" }, minItems: 1 },
  "texts-by-text": {
    type: "object",
    additionalProperties: { type: ["string", "integer"] },
  },
  secret: {
    oneOf: [
      { type: "string", minLength: 1 },
      ...["file", "credential"].map((place) => ({
        type: "object",
        additionalProperties: false,
        required: [place],
        properties: { [place]: { type: "string", minLength: 1 } },
      })),
    ],
  },
};

/** For `refuse`: where each entry needs a name of its own. */
export function sharedName(names: readonly string[]): string | null {
  const shared = names.find((name, index) => names.indexOf(name) < index);
  return shared === undefined
    ? null
    : `two of them are called ${shared}: give each a name of its own`;
}
