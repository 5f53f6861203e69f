import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseCommandLine } from "../../../src/cli/cli.ts";
import { parsePlainLine } from "../../../src/cli/plain-line.ts";
import type { ParsedLine } from "../../../src/cli/parsed-line.ts";
import {
  flagOf,
  optionKeys,
  options,
} from "../../../src/core/settings/options.ts";
import { LivecertError } from "../../../src/errors.ts";

async function parse(words: readonly string[]): Promise<ParsedLine> {
  const understood = await parseCommandLine(words, 80);
  if (understood.kind !== "call") throw new Error(understood.text);
  return understood.line;
}

async function mistakeIn(words: readonly string[]): Promise<LivecertError> {
  const error: unknown = await parse(words).catch((thrown: unknown) => thrown);
  if (!(error instanceof LivecertError)) throw error;
  return error;
}

describe("parseCommandLine", () => {
  it("tells the command, its words, its own options and those for all commands", async () => {
    const line = await parse([
      "--json",
      "deploy",
      "example.org",
      "--force",
      "012",
      "--state-dir=/s",
    ]);
    expect(line).toEqual({
      command: "deploy",
      words: ["example.org", "012"],
      own: new Map([["force", true]]),
      flags: new Map<string, unknown>([
        ["state-dir", "/s"],
        ["json", true],
      ]),
      config: null,
    });
  });

  it("takes what follows -- as words, whatever they look like", async () => {
    expect((await parse(["deploy", "a", "--", "--force"])).words).toEqual([
      "a",
      "--force",
    ]);
  });

  it("lets the last of several values count, and keeps all of a list", async () => {
    const line = await parse([
      "check",
      "x",
      ...["--name", "a", "--name", "b", "--roots", "r", "--roots", "s"],
      ...["--log-level", "warn", "--log-level", "debug", "--config", "c"],
      ...["--config", "d", "--alerts-floors", "9d", "--alerts-floors", "1d"],
    ]);
    expect(line.words).toEqual(["x"]);
    expect(line.own).toEqual(new Map([["name", ["a", "b"]]]));
    expect(line.flags).toEqual(
      new Map<string, unknown>([
        ["log-level", "debug"],
        ["roots", ["r", "s"]],
        ["alerts.floors", ["9d", "1d"]],
      ]),
    );
    expect(line.config).toBe("d");
  });

  it("takes a lone dash for an option's value", async () => {
    expect((await parse(["uses", "--dump", "-"])).own).toEqual(
      new Map([["dump", "-"]]),
    );
  });

  it("knows the short form of an option", async () => {
    expect((await parse(["history", "-n", "5"])).own).toEqual(
      new Map([["number", "5"]]),
    );
  });

  it.each([
    { words: [], message: "a command is missing", remedy: "livecert --help" },
    {
      words: ["delpoy"],
      message: "there is no command delpoy",
      remedy: "did you mean deploy?",
    },
    {
      words: ["help", "delpoy"],
      message: "there is no command delpoy",
      remedy: "did you mean deploy?",
    },
    {
      words: ["toString"],
      message: "there is no command toString",
      remedy: "livecert --help",
    },
    {
      words: ["deploy", "--focre"],
      message: "there is no option --focre",
      remedy: "did you mean --force?",
    },
    {
      words: ["status", "--state-dri", "/x"],
      message: "there is no option --state-dri",
      remedy: "did you mean --state-dir?",
    },
    {
      words: ["status", "-q"],
      message: "there is no option -q",
      remedy: "livecert --help",
    },
    {
      words: ["retry", "example.org"],
      message: 'retry does not take "example.org"',
      remedy: "livecert retry --help",
    },
    {
      words: ["history", "a", "b"],
      message: 'history does not take "b"',
      remedy: "livecert history --help",
    },
    {
      words: ["retry", "--config"],
      message: "--config needs a value",
      remedy: "livecert --help",
    },
    {
      words: ["retry", "--state-dir", "--json"],
      message: "--state-dir needs a value",
      remedy: "livecert --help",
    },
    {
      words: ["config"],
      message: "config needs the action",
      remedy: "livecert config --help",
    },
    {
      words: ["deploy", "-"],
      message: '"-" stands for nothing here',
      remedy: "livecert --help",
    },
    {
      words: ["check", "--json", "x", "-"],
      message: '"-" stands for nothing here',
      remedy: "livecert --help",
    },
    {
      words: ["deploy", "--dry-run=yes"],
      message: "--dry-run must be true or false",
      remedy: "--dry-run alone means true",
    },
    {
      words: ["status", "--json=1"],
      message: "--json must be true or false",
      remedy: "--json alone means true",
    },
  ])("says of $words: $message", async ({ words, message, remedy }) => {
    expect(await mistakeIn(words)).toMatchObject({
      code: "usage",
      message,
      remedy,
    });
  });

  it.each([["--help"], ["deploy", "--help"], ["-h"]])(
    "answers %s %s with help",
    async (...words) => {
      const understood = await parseCommandLine(words, 80);
      expect(understood).toMatchObject({
        kind: "help",
        text: expect.stringContaining("--certbot-dir") as unknown,
      });
    },
  );

  it.each([
    { words: ["help"], meant: ["--help"] },
    { words: ["help", "deploy"], meant: ["deploy", "--help"] },
    { words: ["help", "--json"], meant: ["--json", "--help"] },
  ])("takes $words for $meant", async ({ words, meant }) => {
    const understood = await parseCommandLine(words, 80);
    expect(understood).toMatchObject({ kind: "help" });
    expect(understood).toEqual(await parseCommandLine(meant, 80));
  });

  it("never throws anything but a usage error, whatever was typed", async () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom("deploy", "hook", "help", "--", "--json", "-n", "--="),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 6 }), async (words) => {
        const error: unknown = await parseCommandLine(words, 80).then(
          () => null,
          (thrown: unknown) => thrown,
        );
        if (error !== null) expect(error).toBeInstanceOf(LivecertError);
      }),
      { numRuns: 60 },
    );
  });
});

describe("parsePlainLine", () => {
  const valued = optionKeys
    .filter((key) => !["switch", "paths"].includes(options[key].type))
    .map(flagOf);

  it.each([
    [["hook"]],
    [["hook", "--defer"]],
    [["hook", "--flush", "--json"]],
    [["hook", "--defer", "--flush"]],
    [["hook", "--config", "/c"]],
    [["hook", "--config=/c", "--log-level", "debug"]],
    [["hook", "--state-dir", "/a b", "--state-dir=/c=d"]],
    [["hook", "--limits-hook=3s"]],
    [["watch"]],
    [["watch", "--state-dir", "/a", "--http=off"]],
  ])("understands %j as yargs does", async (words) => {
    expect(parsePlainLine(words)).toEqual(await parse(words));
  });

  it("understands whatever it understands as yargs does", async () => {
    const word = fc.oneof(
      fc.constantFrom("--defer", "--flush", "--json", "--config", ...valued),
      fc.constantFrom("--defer=true", "--no-json", "--", "-h", "--roots", "x"),
      fc.constantFrom("/a", "1e3", "01", "", "a=b", "-", "'a'", "a b", "=c"),
      fc
        .tuple(
          fc.constantFrom("--config", ...valued),
          fc.constantFrom("/a", "", "=", "1", "-x", "true"),
        )
        .map((pair) => pair.join("=")),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("hook", "watch"),
        fc.array(word, { maxLength: 4 }),
        async (command, words) => {
          const own = parsePlainLine([command, ...words]);
          if (own !== null)
            expect(own).toEqual(await parse([command, ...words]));
        },
      ),
      { numRuns: 200 },
    );
  });

  it.each([
    [["deploy"]],
    [["hook", "--help"]],
    [["hook", "--focre"]],
    [["watch", "--defer"]],
    [["hook", "example.org"]],
    [["hook", "--config"]],
    [["hook", "--config", "--json"]],
  ])("leaves %j to yargs", (words) => {
    expect(parsePlainLine(words)).toBeNull();
  });
});
