import { assertNever } from "../assert-never.ts";
import { parseEntries } from "./entry.ts";
import { nearest } from "./nearest.ts";
import {
  flagOf,
  optionKeys,
  options,
  variableOf,
  type OptionKey,
  type OptionRow,
  type OptionValues,
} from "./options.ts";
import { settingsFrom } from "./settings-from.ts";
import type { Settings } from "./settings.ts";
import { parseValue, type OptionValue } from "./value.ts";

export type Origin =
  | { readonly kind: "default" }
  | { readonly kind: "file"; readonly path: string; readonly line: number }
  | { readonly kind: "environment"; readonly variable: string }
  | { readonly kind: "flag"; readonly flag: string };

export type Origins = Readonly<Record<OptionKey, Origin>>;

/** One value as it was given, not yet checked. */
export interface GivenValue {
  readonly key: string;
  readonly value: unknown;
  readonly origin: Origin;
  /** The absolute directory that a relative path is relative to. */
  readonly base: string;
}

export type MergedSettings =
  | {
      readonly kind: "ok";
      readonly settings: Settings;
      readonly values: OptionValues;
      readonly origins: Origins;
    }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/**
 * The last value given for an option applies: hand the file's values first, then the environment's, then the flags'.
 * Every value is checked, also one that a later one hides; all problems are told at once.
 */
export function mergeSettings(given: readonly GivenValue[]): MergedSettings {
  const values: Record<string, OptionValue> = {};
  const origins: Record<string, Origin> = {};
  for (const key of optionKeys) {
    values[key] = options[key].default;
    origins[key] = { kind: "default" };
  }
  const problems: string[] = [];
  for (const one of given) {
    const problem = takeOver(one, values, origins);
    if (problem !== null) problems.push(problem);
  }
  if (problems.length > 0) return { kind: "invalid", problems };
  const checked = values as OptionValues;
  return {
    kind: "ok",
    settings: settingsFrom(checked),
    values: checked,
    origins: origins as Origins,
  };
}

/** Writes the value and its origin, or says what is wrong. */
function takeOver(
  given: GivenValue,
  values: Record<string, OptionValue>,
  origins: Record<string, Origin>,
): string | null {
  const { key } = given;
  if (!isOptionKey(key))
    return `${describeOrigin(given.origin)}: ${describeUnknown(key)}`;
  const row: OptionRow = options[key];
  const parsed =
    row.type === "entries"
      ? parseEntries(row.entry, given.value, given.base)
      : parseValue(row, given.value, given.base);
  if (parsed.kind === "invalid")
    return `${describeOrigin(given.origin)}: ${key} must be ${parsed.expected}`;
  values[key] = parsed.value;
  origins[key] = given.origin;
  return null;
}

function describeUnknown(key: string): string {
  if (optionKeys.some((known) => known.startsWith(`${key}.`)))
    return `${key} must hold options below it`;
  const [first] = nearest(key, optionKeys);
  const suggestion = first === undefined ? "" : `, did you mean ${first}?`;
  return `there is no option ${key}${suggestion}`;
}

export function isOptionKey(key: string): key is OptionKey {
  return Object.hasOwn(options, key);
}

/** `/etc/livecert/livecert.yaml:3`, `LIVECERT_JSON`, `--json` or `default`. */
export function describeOrigin(origin: Origin): string {
  switch (origin.kind) {
    case "default":
      return "default";
    case "file":
      return `${origin.path}:${origin.line}`;
    case "environment":
      return origin.variable;
    case "flag":
      return origin.flag;
    default:
      return assertNever(origin);
  }
}

/** The options that the environment gives. An empty variable gives nothing, as one that is not set. */
export function givenByEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  workingDirectory: string,
): readonly GivenValue[] {
  return optionKeys.flatMap((key) => {
    const variable = variableOf(key);
    const value = environment[variable];
    return value === undefined || value === ""
      ? []
      : [
          {
            key,
            value,
            origin: { kind: "environment", variable },
            base: workingDirectory,
          },
        ];
  });
}

/** The options that the command line gives; `flags` by option key. */
export function givenByFlags(
  flags: ReadonlyMap<OptionKey, unknown>,
  workingDirectory: string,
): readonly GivenValue[] {
  return [...flags].map(([key, value]) => ({
    key,
    value,
    origin: { kind: "flag", flag: flagOf(key) },
    base: workingDirectory,
  }));
}

/** Read by something else than the table: where the file is, and by the hook scripts. */
const otherVariables = ["LIVECERT_CONFIG", "LIVECERT_FALLBACK"];

/** Variables that look like ours and mean nothing, each with what it may have meant. */
export function unknownVariables(
  environment: Readonly<Record<string, string | undefined>>,
): readonly { readonly variable: string; readonly nearest: string | null }[] {
  const known = [...optionKeys.map(variableOf), ...otherVariables];
  const knownNames = known.map(withoutPrefix);
  return Object.keys(environment)
    .filter((name) => name.startsWith(prefix) && !known.includes(name))
    .map((variable) => {
      const [first] = nearest(withoutPrefix(variable), knownNames);
      return {
        variable,
        nearest: first === undefined ? null : prefix + first,
      };
    });
}

const prefix = "LIVECERT_";

/** It would make every two variables look alike. */
function withoutPrefix(variable: string): string {
  return variable.slice(prefix.length);
}
