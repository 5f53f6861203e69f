import {
  flagOf,
  isList,
  type OptionKey,
  optionKeys,
  options,
} from "../core/settings/options.ts";
import { commands } from "./commands.ts";
import type { ParsedLine } from "./parsed-line.ts";

/**
 * Understands the lines that Certbot's hooks are made of and that start the service, by the same tables as yargs and with
 * the same result, but without the time and the memory that yargs takes. null for everything else, mistakes included:
 * yargs finds the words for them.
 */
export function parsePlainLine(words: readonly string[]): ParsedLine | null {
  const [command] = words;
  if (command !== "hook" && command !== "watch") return null;
  const places = placesFor(command);
  const own = new Map<string, unknown>();
  const flags = new Map<OptionKey, unknown>();
  let config: string | null = null;
  const rest = words.slice(1);
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [, flag = "", equals, text = ""] =
      /^([^=]*)(=?)(.*)$/s.exec(word) ?? [];
    const place = places.get(flag);
    if (place === undefined || (place.isSwitch && equals !== "")) return null;
    const value = place.isSwitch || (equals === "" ? rest.shift() : text);
    if (value === undefined || !isPlainValue(value)) return null;
    if (place.kind === "own") own.set(place.name, value);
    else if (place.kind === "common") flags.set(place.key, value);
    else config = String(value);
  }
  return { command, words: [], own, flags, config };
}

/** Where a flag's value belongs. */
type Place = { readonly isSwitch: boolean } & (
  | { readonly kind: "own"; readonly name: string }
  | { readonly kind: "common"; readonly key: OptionKey }
  | { readonly kind: "config" }
);

function placesFor(command: string): ReadonlyMap<string, Place> {
  return new Map([
    ["--config", { kind: "config", isSwitch: false } as const],
    ...optionKeys
      .filter((key) => !isList(options[key]))
      .map((key) => [flagOf(key), commonPlace(key)] as const),
    ...Object.entries(commands[command]?.options ?? {}).map(
      ([name, { type }]) =>
        [
          `--${name}`,
          { kind: "own", name, isSwitch: type === "switch" },
        ] as const,
    ),
  ]);
}

function commonPlace(key: OptionKey): Place {
  return { kind: "common", key, isSwitch: options[key].type === "switch" };
}

/** What looks like a flag, and quotes, are understood by yargs in ways of its own. */
function isPlainValue(value: string | true): boolean {
  return value === true || /^[^-"'][^"']*$/.test(value);
}
