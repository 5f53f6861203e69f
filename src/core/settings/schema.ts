import { assertNever } from "../assert-never.ts";
import { optionKeys, options, type OptionRow } from "./options.ts";
import { formatDuration } from "./value.ts";

type Schema = Readonly<Record<string, unknown>>;

/** The JSON schema (draft 2020-12) of the configuration file, for editors. */
export function configurationSchema(): Schema {
  const properties: Record<string, Schema> = {};
  const groups: Record<string, Record<string, Schema>> = {};
  for (const key of optionKeys) {
    const [first = key, second] = key.split(".");
    if (second === undefined) properties[first] = schemaOf(options[key]);
    else (groups[first] ??= {})[second] = schemaOf(options[key]);
  }
  for (const [name, group] of Object.entries(groups))
    properties[name] = objectOf(group);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "livecert.yaml",
    ...objectOf(properties),
  };
}

function objectOf(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: "object", additionalProperties: false, properties };
}

const durationPattern = String.raw`^\d+(\.\d+)?(ms|s|m|h|d)$`;

function schemaOf(row: OptionRow): Schema {
  const description = row.text;
  switch (row.type) {
    case "path":
    case "text":
    case "endpoint":
      return withDefault(
        { type: "string", minLength: 1, description },
        row.default,
      );
    case "paths":
      return {
        type: "array",
        items: { type: "string", minLength: 1 },
        description,
        default: row.default,
      };
    case "durations":
      return {
        type: "array",
        items: { type: "string", pattern: durationPattern },
        description,
        default: row.default,
      };
    case "entries":
      return { type: "array", items: row.entry.schema, description };
    case "switch":
      return { type: "boolean", description, default: row.default };
    case "count":
      return {
        type: "integer",
        minimum: 1,
        description,
        default: row.default,
      };
    case "duration":
      return {
        type: "string",
        pattern: durationPattern,
        description,
        default: formatDuration(row.default),
      };
    case "choice":
      return { enum: row.choices, description, default: row.default };
    default:
      return assertNever(row);
  }
}

function withDefault(schema: Schema, value: string | null): Schema {
  return value === null ? schema : { ...schema, default: value };
}
