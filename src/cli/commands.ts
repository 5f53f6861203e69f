import { LivecertError } from "../errors.ts";
import type {
  CheckArguments,
  CompletionArguments,
  ConfigArguments,
  DeployArguments,
  HistoryArguments,
  HookArguments,
  Invocation,
  NoArguments,
  StatusArguments,
  NotifyArguments,
  RollbackArguments,
  UsesArguments,
} from "./invocation.ts";
import type { ParsedLine } from "./parsed-line.ts";

/**
 * Every command as data: yargs, the completion scripts and the hook's own parser read the same table. A module is loaded
 * when its command is called.
 */
export interface Command {
  readonly text: string;
  /** What may follow beside options; null: nothing. */
  readonly words: Words | null;
  readonly options: Readonly<Record<string, OwnOption>>;
  /** @throws LivecertError usage */
  readonly call: (
    line: ParsedLine,
    surroundings: Surroundings,
  ) => Promise<number>;
}

/** An invocation before the command's arguments are read. */
export type Surroundings = Omit<Invocation<unknown>, "arguments">;

export interface Words {
  readonly name: string;
  readonly number: "one" | "optional" | "many";
  readonly text: string;
  readonly completion: Completion;
}

export type Completion =
  | { readonly kind: "lineages" }
  | { readonly kind: "lineages-and-files" }
  | { readonly kind: "files" }
  | { readonly kind: "choices"; readonly choices: readonly string[] }
  | { readonly kind: "nothing" };

export interface OwnOption {
  readonly type: "switch" | "text" | "texts";
  /** One letter. */
  readonly short?: string;
  readonly text: string;
  /** What a value is called; none for a switch. */
  readonly value?: string;
  readonly completion?: Completion;
}

const configActions = ["show", "check", "schema"] as const;
const shells = ["bash", "zsh", "fish"] as const;

export const commands: Readonly<Record<string, Command>> = {
  hook: declare<HookArguments>({
    text: "what Certbot runs for each renewed certificate, and once at the end",
    words: null,
    options: {
      defer: {
        type: "switch",
        text: "validate and queue, for the one reload at the end of this Certbot run",
      },
      flush: {
        type: "switch",
        text: "deploy what this Certbot run has queued",
      },
    },
    read: (line) => ({ mode: hookMode(line) }),
    load: () => import("./commands/hook.ts"),
  }),
  deploy: declare<DeployArguments>({
    text: "make the certificates on disk the ones that are live",
    words: {
      name: "lineage",
      number: "many",
      text: "a lineage's name or path; none: all certificates that Nginx loads",
      completion: { kind: "lineages" },
    },
    options: {
      force: {
        type: "switch",
        text: "deploy in spite of what clients would refuse, and of earlier reloads that did not help",
      },
      "dry-run": {
        type: "switch",
        text: "look and tell what would be done, and do nothing",
      },
    },
    read: (line) => ({
      lineages: line.words,
      force: line.own.get("force") === true,
      dryRun: line.own.get("dry-run") === true,
    }),
    load: () => import("./commands/deploy.ts"),
  }),
  retry: declare<NoArguments>({
    text: "take up again everything that is pending or queued",
    words: null,
    options: {},
    read: () => ({}),
    load: () => import("./commands/retry.ts"),
  }),
  rollback: declare<RollbackArguments>({
    text: "publish again what was published before",
    words: {
      name: "publication",
      number: "one",
      text: "the name of an entry of publish in the configuration",
      completion: { kind: "nothing" },
    },
    options: {},
    read: (line) => ({ publication: wordOf(line) }),
    load: () => import("./commands/rollback.ts"),
  }),
  watch: declare<NoArguments>({
    text: "the service: finds what no hook told, and puts it right",
    words: null,
    options: {},
    read: () => ({}),
    load: () => import("./commands/watch.ts"),
  }),
  check: declare<CheckArguments>({
    text: "validate lineages, directories or bundles; needs no Nginx",
    words: {
      name: "subject",
      number: "many",
      text: "a lineage's name, a directory like live/NAME, or a file that is a bundle alone; none: all lineages",
      completion: { kind: "lineages-and-files" },
    },
    options: {
      name: {
        type: "texts",
        value: "HOST",
        text: "a name that each certificate must cover; may be repeated",
      },
    },
    read: (line) => ({ subjects: line.words, names: textsOf(line, "name") }),
    load: () => import("./commands/check.ts"),
  }),
  uses: declare<UsesArguments>({
    text: "which server blocks and listeners use which certificate files",
    words: null,
    options: {
      dump: {
        type: "text",
        value: "FILE",
        text: "read saved output of nginx -T instead of asking Nginx; - for standard input",
        completion: { kind: "files" },
      },
    },
    read: (line) => ({ dump: textOf(line, "dump") }),
    load: () => import("./commands/uses.ts"),
  }),
  status: declare<StatusArguments>({
    text: "is every certificate live?",
    words: null,
    options: {
      nagios: {
        type: "switch",
        text: "print one line and exit with 0 to 3, as Nagios, Icinga and Zabbix expect of a plug-in",
      },
    },
    read: (line) => ({ nagios: line.own.get("nagios") === true }),
    load: () => import("./commands/status.ts"),
  }),
  history: declare<HistoryArguments>({
    text: "what was done, newest last",
    words: {
      name: "lineage",
      number: "optional",
      text: "only of this lineage",
      completion: { kind: "lineages" },
    },
    options: {
      number: {
        type: "text",
        short: "n",
        value: "N",
        text: "at most this many entries, the newest; 20 unless given",
      },
    },
    read: (line) => ({
      lineage: line.words[0] ?? null,
      newest: countOf(line, "number", 20),
    }),
    load: () => import("./commands/history.ts"),
  }),
  notify: declare<NotifyArguments>({
    text: "send the messages that wait to be sent",
    words: null,
    options: {
      test: {
        type: "switch",
        text: "send a test through every channel, and tell which took it",
      },
    },
    read: (line) => ({ isTest: line.own.get("test") === true }),
    load: () => import("./commands/notify.ts"),
  }),
  doctor: declare<NoArguments>({
    text: "is everything in place? each check with what mends it",
    words: null,
    options: {},
    read: () => ({}),
    load: () => import("./commands/doctor.ts"),
  }),
  config: declare<ConfigArguments>({
    text: "the effective configuration and where each value came from",
    words: {
      name: "action",
      number: "one",
      text: "show every value, check all of them, or print the file's JSON schema",
      completion: { kind: "choices", choices: configActions },
    },
    options: {},
    read: (line) => ({ action: choiceOf(line, configActions) }),
    load: () => import("./commands/config.ts"),
  }),
  completion: declare<CompletionArguments>({
    text: "print a script that lets a shell complete livecert's command lines",
    words: {
      name: "shell",
      number: "one",
      text: "the shell that reads it",
      completion: { kind: "choices", choices: shells },
    },
    options: {},
    read: (line) => ({ shell: choiceOf(line, shells) }),
    load: () => import("./commands/completion.ts"),
  }),
};

/** Ties the arguments that a command reads to those that its module expects. */
function declare<Arguments>(declaration: {
  readonly text: string;
  readonly words: Words | null;
  readonly options: Readonly<Record<string, OwnOption>>;
  readonly read: (line: ParsedLine) => Arguments;
  readonly load: () => Promise<{
    readonly run: (invocation: Invocation<Arguments>) => Promise<number>;
  }>;
}): Command {
  const { text, words, options, read, load } = declaration;
  return {
    text,
    words,
    options,
    call: async (line, surroundings) => {
      const invocation = { ...surroundings, arguments: read(line) };
      const { run } = await load();
      return run(invocation);
    },
  };
}

function hookMode(line: ParsedLine): HookArguments["mode"] {
  const defer = line.own.get("defer") === true;
  const flush = line.own.get("flush") === true;
  if (defer && flush)
    throw new LivecertError("usage", "--defer and --flush exclude each other");
  if (defer) return "defer";
  return flush ? "flush" : "deploy";
}

function wordOf(line: ParsedLine): string {
  const [word] = line.words;
  if (word === undefined)
    throw new LivecertError(
      "usage",
      `${line.command} must be followed by a name`,
      { remedy: `livecert ${line.command} --help` },
    );
  return word;
}

function textOf(line: ParsedLine, option: string): string | null {
  return textsOf(line, option).at(-1) ?? null;
}

function textsOf(line: ParsedLine, option: string): readonly string[] {
  const given = line.own.get(option);
  const values: readonly unknown[] = Array.isArray(given) ? given : [given];
  return values.filter((value) => typeof value === "string");
}

function countOf(line: ParsedLine, option: string, otherwise: number): number {
  const text = textOf(line, option);
  if (text === null) return otherwise;
  if (!/^[1-9]\d{0,5}$/.test(text))
    throw new LivecertError(
      "usage",
      `--${option} must be a whole number from 1 to 999999`,
    );
  return Number(text);
}

function choiceOf<Choice extends string>(
  line: ParsedLine,
  choices: readonly Choice[],
): Choice {
  const [word] = line.words;
  const choice = choices.find((candidate) => candidate === word);
  if (choice === undefined)
    throw new LivecertError(
      "usage",
      `${line.command} must be followed by one of ${choices.join(", ")}`,
      { remedy: `livecert ${line.command} ${choices[0] ?? ""}` },
    );
  return choice;
}
