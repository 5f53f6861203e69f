import { describe, expect, it } from "vitest";
import {
  createOutput,
  wantsColours,
  type Alphabet,
} from "../../../src/cli/output.ts";

function written(text: string, alphabet: Alphabet): string {
  const chunks: string[] = [];
  const stream = { write: (chunk: string) => chunks.push(chunk) };
  createOutput(stream, {}, alphabet).write(text);
  return chunks.join("");
}

describe("createOutput", () => {
  it("lets no private key through", () => {
    expect(
      written("-----BEGIN PRIVATE KEY-----\nMIIB\n\n", "unicode"),
    ).not.toContain("MIIB");
  });

  it("writes ASCII where Certbot reads it, and every character elsewhere", () => {
    expect(written("münchen\n", "ascii")).toBe("m\\u00fcnchen\n");
    expect(written("münchen\n", "unicode")).toBe("münchen\n");
  });

  it("takes a stream that is no terminal for 80 columns wide", () => {
    const output = createOutput({ write: () => true }, {}, "unicode");
    expect(output).toMatchObject({
      terminal: false,
      colours: false,
      columns: 80,
    });
  });
});

describe("wantsColours", () => {
  it.each([
    [true, {}, true],
    [false, {}, false],
    [true, { TERM: "dumb" }, false],
    [true, { NO_COLOR: "1" }, false],
    [true, { NO_COLOR: "" }, true],
    [false, { FORCE_COLOR: "1" }, true],
    [true, { FORCE_COLOR: "0" }, false],
    [true, { NO_COLOR: "1", FORCE_COLOR: "1" }, false],
  ])("on a terminal: %j, with %j: %j", (terminal, environment, expected) => {
    expect(wantsColours(terminal, environment)).toBe(expected);
  });
});
