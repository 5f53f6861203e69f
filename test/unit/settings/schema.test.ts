import { describe, expect, it } from "vitest";
import { optionKeys } from "../../../src/core/settings/options.ts";
import { configurationSchema } from "../../../src/core/settings/schema.ts";

interface ObjectSchema {
  readonly additionalProperties?: boolean;
  readonly properties?: Readonly<Record<string, ObjectSchema>>;
}

function keysOf(schema: ObjectSchema, prefix = ""): readonly string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, value]) =>
    value.properties === undefined
      ? [prefix + name]
      : keysOf(value, `${prefix}${name}.`),
  );
}

describe("configurationSchema", () => {
  it("has a property for every option and allows no other", () => {
    const schema = configurationSchema() as ObjectSchema;
    expect(new Set(keysOf(schema))).toEqual(new Set(optionKeys));
    expect(schema.additionalProperties).toBe(false);
    expect(schema.properties?.["nginx"]?.additionalProperties).toBe(false);
  });

  it("describes each kind of value as the file has it", () => {
    expect(configurationSchema()).toMatchObject({
      properties: {
        json: { type: "boolean", default: false },
        roots: { type: "array", items: { type: "string" } },
        holdback: { type: "string", default: "24h" },
        "log-level": { enum: expect.arrayContaining(["info"]) as unknown },
        limits: { properties: { "probes-at-once": { type: "integer" } } },
      },
    });
  });
});
