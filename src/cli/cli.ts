import yargs, { type Argv, type Options } from "yargs";
import { nearest } from "../core/settings/nearest.ts";
import {
  isList,
  type OptionKey,
  optionKeys,
  options,
} from "../core/settings/options.ts";
import { LivecertError } from "../errors.ts";
import { commands, type Command, type Words } from "./commands.ts";
import { commonOptions, flagName, ownOption } from "./options.ts";
import type { ParsedLine } from "./parsed-line.ts";

export type UnderstoodLine =
  | { readonly kind: "call"; readonly line: ParsedLine }
  | { readonly kind: "help"; readonly text: string };

/**
 * Understands a command line by the table of commands and the table of options.
 *
 * @throws LivecertError usage, with the nearest command or option where something is misspelt
 */
export async function parseCommandLine(
  given: readonly string[],
  columns: number,
): Promise<UnderstoodLine> {
  const words = withHelpAsOption(given);
  const isHelpDue = mayAskForHelp(words);
  const parser = declareAll(
    isHelpDue,
    yargs()
      .scriptName("livecert")
      .usage(
        "$0 COMMAND\n\nMakes the certificate on disk the certificate that is live.",
      )
      .parserConfiguration({
        "camel-case-expansion": false,
        "dot-notation": false,
        "greedy-arrays": false,
        "parse-numbers": false,
        "parse-positional-numbers": false,
      })
      .version(false)
      .help("help", "show this help")
      .alias("help", "h")
      .options(shown(isHelpDue, commonOptions()))
      .exitProcess(false)
      .wrap(Math.min(columns, 100)),
  );
  refuseWhatYargsMistakes(words);
  const { error, output, parsed } = await parse(parser, words);
  if (error !== null) throw asUsageError(error, words);
  if (output !== "") return { kind: "help", text: `${output}\n` };
  return { kind: "call", line: toParsedLine(parsed) };
}

/**
 * `help` and `help COMMAND`, as many programs understand them.
 *
 * @throws LivecertError usage
 */
function withHelpAsOption(words: readonly string[]): readonly string[] {
  const [first, name, ...rest] = words;
  if (first !== "help") return words;
  if (name === undefined || name.startsWith("-"))
    return ["--help", ...words.slice(1)];
  if (!Object.hasOwn(commands, name))
    throw unknown("command", name, Object.keys(commands), (word) => word);
  return [name, "--help", ...rest];
}

type Parsed = Readonly<Record<string, unknown>> & {
  readonly _: readonly (string | number)[];
};

/** yargs lays its help out before every command, which takes a fifth of a brief one's time; it leaves out what is hidden. */
function mayAskForHelp(words: readonly string[]): boolean {
  return words.some((word) => /^--?[^-=]*h/.test(word));
}

function shown(
  isShown: boolean,
  declared: Readonly<Record<string, Options>>,
): Readonly<Record<string, Options>> {
  if (isShown) return declared;
  const hidden = Object.entries(declared).map(
    ([name, option]) => [name, { ...option, hidden: true }] as const,
  );
  return Object.fromEntries(hidden);
}

function declareAll(isHelpDue: boolean, parser: Argv): Argv {
  for (const [name, command] of Object.entries(commands)) {
    parser.command({
      command: signature(name, command.words),
      describe: isHelpDue ? command.text : false,
      builder: (own) => declareOwn(own, isHelpDue, command),
      handler: () => undefined,
    });
  }
  return parser.check((parsed) => {
    if (parsed["help"] !== true) refuseMistakes(parsed);
    return true;
  });
}

function declareOwn(parser: Argv, isHelpDue: boolean, command: Command): Argv {
  const own = Object.entries(command.options).map(
    ([name, option]) => [name, ownOption(option)] as const,
  );
  parser.options(shown(isHelpDue, Object.fromEntries(own)));
  return command.words === null
    ? parser
    : parser.positional(command.words.name, {
        describe: command.words.text,
        type: "string",
      });
}

/** In yargs' words: `deploy [lineage..]`. */
function signature(name: string, words: Words | null): string {
  if (words === null) return name;
  const forms = {
    one: `<${words.name}>`,
    optional: `[${words.name}]`,
    many: `[${words.name}..]`,
  };
  return `${name} ${forms[words.number]}`;
}

interface ParserAnswer {
  readonly error: Error | null;
  /** What yargs would print: its help, where that was asked for. */
  readonly output: string;
  readonly parsed: Parsed;
}

async function parse(
  parser: Argv,
  words: readonly string[],
): Promise<ParserAnswer> {
  let answer: Omit<ParserAnswer, "parsed"> = { error: null, output: "" };
  const parsed = await parser.parseAsync(words, {}, (error, _, output) => {
    answer = { error: error ?? null, output };
  });
  return { ...answer, parsed };
}

/** yargs drops a lone dash, and takes every value of a switch but `true` for false: `--dry-run=yes` would deploy. */
function refuseWhatYargsMistakes(words: readonly string[]): void {
  const end = words.indexOf("--");
  const understood = end === -1 ? words : words.slice(0, end);
  for (const [index, word] of understood.entries()) {
    const [, name = "", value = ""] = /^--([^=]+)=(.*)$/s.exec(word) ?? [];
    if (switches.has(name) && value !== "true" && value !== "false")
      throw new LivecertError("usage", `--${name} must be true or false`, {
        remedy: `--${name} alone means true`,
      });
    if (word === "-" && !takesNextWord(understood[index - 1] ?? ""))
      throw new LivecertError("usage", '"-" stands for nothing here', {
        remedy: "livecert --help",
      });
  }
}

const switches: ReadonlySet<string> = new Set([
  "help",
  ...optionKeys.filter((key) => options[key].type === "switch").map(flagName),
  ...Object.values(commands)
    .flatMap((command) => Object.entries(command.options))
    .flatMap(([name, { type }]) => (type === "switch" ? [name] : [])),
]);

function takesNextWord(word: string): boolean {
  const name = /^--([^=]+)$/s.exec(word)?.[1];
  return name === undefined ? /^-[^-]$/.test(word) : !switches.has(name);
}

/** yargs' own complaints, of which two need other words. */
function asUsageError(error: Error, words: readonly string[]): LivecertError {
  if (error instanceof LivecertError) return error;
  if (error.message.startsWith("Not enough non-option arguments"))
    return missingWord(words);
  const flag = /^Not enough arguments following: (.*)$/.exec(
    error.message,
  )?.[1];
  const message =
    flag === undefined
      ? error.message.charAt(0).toLowerCase() + error.message.slice(1)
      : `${dashed(flag)} needs a value`;
  return new LivecertError("usage", message, { remedy: "livecert --help" });
}

function missingWord(words: readonly string[]): LivecertError {
  const name = words.find((word) => Object.hasOwn(commands, word)) ?? "";
  const expected = commands[name]?.words?.name ?? "word";
  return new LivecertError("usage", `${name} needs the ${expected}`, {
    remedy: `livecert ${name} --help`,
  });
}

function refuseMistakes(parsed: Parsed): void {
  const [name] = parsed._.map(String);
  if (name === undefined)
    throw new LivecertError("usage", "a command is missing", {
      remedy: "livecert --help",
    });
  const command = commands[name];
  if (command === undefined || !Object.hasOwn(commands, name))
    throw unknown("command", name, Object.keys(commands), (word) => word);
  const words = wordsOf(parsed, command);
  const limit = command.words === null ? 0 : wordLimits[command.words.number];
  if (words.length > limit)
    throw new LivecertError(
      "usage",
      `${name} does not take ${JSON.stringify(words[limit])}`,
      { remedy: `livecert ${name} --help` },
    );
  refuseUnknownOption(parsed, command);
}

const wordLimits = { one: 1, optional: 1, many: Infinity } as const;

/** Those that yargs found a place for, then those after `--` and those too many. */
function wordsOf(parsed: Parsed, command: Command): readonly string[] {
  const placed: unknown =
    command.words === null ? undefined : parsed[command.words.name];
  const words: readonly unknown[] = Array.isArray(placed) ? placed : [placed];
  return [...words, ...parsed._.slice(1)]
    .filter((word) => word !== undefined)
    .map(String);
}

function refuseUnknownOption(parsed: Parsed, command: Command): void {
  const flags = [
    "help",
    "config",
    ...optionKeys.map(flagName),
    ...Object.keys(command.options),
  ];
  const shorts = Object.values(command.options).map(({ short }) => short);
  const known = new Set([
    ...flags,
    ...shorts,
    "h",
    "_",
    "$0",
    command.words?.name,
  ]);
  const mistaken = Object.keys(parsed).find((key) => !known.has(key));
  if (mistaken !== undefined) throw unknown("option", mistaken, flags, dashed);
}

function unknown(
  what: "command" | "option",
  word: string,
  candidates: readonly string[],
  write: (word: string) => string,
): LivecertError {
  const [first] = nearest(word, candidates);
  return new LivecertError("usage", `there is no ${what} ${write(word)}`, {
    remedy:
      first === undefined ? "livecert --help" : `did you mean ${write(first)}?`,
  });
}

function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

function toParsedLine(parsed: Parsed): ParsedLine {
  const name = String(parsed._[0]);
  const command = commands[name];
  if (command === undefined) throw new Error(`undeclared command: ${name}`);
  const ownRows = Object.entries(command.options);
  const config = lastOf(parsed["config"]);
  return {
    command: name,
    words: wordsOf(parsed, command),
    own: given(
      ownRows.map(([option, { type }]) => [
        option,
        type === "texts" ? parsed[option] : lastOf(parsed[option]),
      ]),
    ),
    flags: given(
      optionKeys.map((key) => [key, flagValue(key, parsed[flagName(key)])]),
    ),
    config: typeof config === "string" ? config : null,
  };
}

function flagValue(key: OptionKey, value: unknown): unknown {
  return isList(options[key]) ? value : lastOf(value);
}

/** An option given twice comes as a list: the last one counts. */
function lastOf(value: unknown): unknown {
  return Array.isArray(value) ? value.at(-1) : value;
}

function given<Key>(
  values: readonly (readonly [Key, unknown])[],
): ReadonlyMap<Key, unknown> {
  return new Map(values.filter(([, value]) => value !== undefined));
}
