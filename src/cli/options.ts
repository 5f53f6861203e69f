import type { Options } from "yargs";
import {
  flagOf,
  isList,
  isRarelyNeeded,
  type OptionKey,
  optionKeys,
  type OptionRow,
  options,
  variableOf,
} from "../core/settings/options.ts";
import { formatValue } from "../core/settings/value.ts";
import type { OwnOption } from "./commands.ts";

/** The flag's name as yargs knows it: without dashes in front. */
export function flagName(key: OptionKey): string {
  return flagOf(key).slice(2);
}

const commonGroup = "Options for all commands:";

/** The option table and `--config` in yargs' words. */
export function commonOptions(): Readonly<Record<string, Options>> {
  const rows = optionKeys.map((key) => [flagName(key), commonOption(key)]);
  return {
    config: {
      group: commonGroup,
      type: "string",
      requiresArg: true,
      describe:
        "the configuration file, /etc/livecert/livecert.yaml unless given (LIVECERT_CONFIG)",
    },
    ...(Object.fromEntries(rows) as Record<string, Options>),
  };
}

function commonOption(key: OptionKey): Options {
  const row: OptionRow = options[key];
  const value = row.type === "switch" ? null : formatValue(row, row.default);
  const isSet = value !== null && value !== "[]";
  return {
    group: commonGroup,
    hidden: isRarelyNeeded(key),
    describe: `${row.text} (${variableOf(key)})`,
    ...(isSet ? { defaultDescription: value } : {}),
    ...(row.type === "switch"
      ? { type: "boolean" }
      : { type: "string", requiresArg: true }),
    // yargs also uses the list of choices for its help; the values are checked with all the others.
    ...(isList(row) ? { type: "array", string: true } : {}),
  };
}

export function ownOption(option: OwnOption): Options {
  const described = {
    describe: option.text,
    ...(option.short === undefined ? {} : { alias: option.short }),
  };
  switch (option.type) {
    case "switch":
      return { ...described, type: "boolean" };
    case "text":
      return { ...described, type: "string", requiresArg: true };
    case "texts":
      return { ...described, type: "array", string: true, requiresArg: true };
  }
}
