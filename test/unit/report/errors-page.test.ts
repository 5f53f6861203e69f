import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { outcomes } from "../../../src/core/decision/outcome.ts";
import { errorCodes } from "../../../src/errors.ts";

interface Section {
  readonly title: string;
  readonly text: string;
}

/** The sections of one part of docs/errors.md, in their order. */
function sectionsOf(part: string): readonly Section[] {
  const page = readFileSync(
    new URL("../../../docs/errors.md", import.meta.url),
    "utf8",
  );
  const [, text = ""] = page.split(`\n## ${part}\n`);
  const [own = ""] = text.split(/\n## /);
  return own
    .split("\n### ")
    .slice(1)
    .map((section) => ({
      title: /^`(.*)`/.exec(section)?.[1] ?? section,
      text: section,
    }));
}

describe.each([
  {
    part: "Outcomes",
    register: outcomes,
    paragraphs: [
      "What it means",
      "What visitors see",
      "Usual cause",
      "What to do",
    ],
  },
  {
    part: "Errors",
    register: errorCodes,
    paragraphs: ["What it means", "Usual cause", "What to do"],
  },
])("docs/errors.md, $part", ({ part, register, paragraphs }) => {
  const sections = sectionsOf(part);
  const entries: Readonly<
    Record<string, { readonly exitCode: number; readonly meaning: string }>
  > = register;

  it("has one section for each entry of the register, in its order", () => {
    expect(sections.map(({ title }) => title)).toEqual(Object.keys(entries));
  });

  it.each(sections)("says of $title what the register says", (section) => {
    const { exitCode, meaning } = entries[section.title] ?? {};
    expect(section.text.split("\n")[2]).toBe(`exit ${exitCode}: ${meaning}`);
  });

  it.each(sections)("has every paragraph about $title", ({ text }) => {
    const found = [...text.matchAll(/^\*\*(.*)\.\*\* \S/gm)].map(
      ([, title]) => title,
    );
    expect(found).toEqual(paragraphs);
  });
});
