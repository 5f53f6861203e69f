import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import {
  ruleFinding,
  ruleIds,
  rules,
} from "../../../src/core/validation/catalogue.ts";

const documentation = await readFile(
  new URL("../../../docs/rules.md", import.meta.url),
  "utf8",
);

/** Sections by rule id, in the page's order. */
const sections = new Map(
  documentation
    .split(/^## /m)
    .slice(1)
    .map((text) => [/^`(.*)`\n/.exec(text)?.[1] ?? text, text]),
);

describe("docs/rules.md", () => {
  it("has one section for each rule of the catalogue, in its order, and no other", () => {
    expect([...sections.keys()]).toEqual(ruleIds);
  });

  it.each(ruleIds)(
    "tells of %s its severity and title, what it means, what visitors see, the usual cause and what to do",
    (rule) => {
      const { severity, title } = rules[rule];
      const paragraphs = (sections.get(rule) ?? "").trim().split("\n\n");
      expect(paragraphs.slice(0, 2)).toEqual([
        `\`${rule}\``,
        `${severity}: ${title}`,
      ]);
      expect(
        paragraphs
          .slice(2)
          .map((text) => /^\*\*(.*?)\.\*\* \S/.exec(text)?.[1]),
      ).toEqual([
        "What it means",
        "What visitors see",
        "Usual cause",
        "What to do",
      ]);
    },
  );
});

describe("the catalogue", () => {
  it.each(ruleIds)("%s is named by its subject and its fault", (rule) => {
    expect(rule).toMatch(
      /^(?:files|pair|chain|dates|strength|names|source)\/[a-z]+(?:-[a-z]+)*$/,
    );
  });

  it("cuts a message that names of any length have made long", () => {
    const message = `CN = ${"long ".repeat(10_000)}`;
    const finding = ruleFinding("chain/invalid", { message, hint: "h" });
    expect(finding.message).toBe(`${message.slice(0, 1_000)}…`);
  });

  it("gives a finding the rule's severity and no subject unless told otherwise", () => {
    const words = { message: "m", hint: "h" };
    expect(ruleFinding("strength/weak-key", words)).toEqual({
      rule: "strength/weak-key",
      severity: "fatal",
      subject: null,
      ...words,
    });
    const other = { ...words, severity: "regression", subject: "s" } as const;
    expect(ruleFinding("strength/weak-key", other)).toMatchObject({
      severity: "regression",
      subject: "s",
    });
  });
});
