import {
  flagOf,
  optionKeys,
  options,
  type OptionRow,
} from "../../core/settings/options.ts";
import type { Command, Completion } from "../commands.ts";
import type { CompletionArguments } from "../invocation.ts";

/** What a script completes, the same for every shell. */
interface Flag {
  /** With its dashes. */
  readonly name: string;
  readonly text: string;
  /** null: the flag takes no value. */
  readonly value: Completion | null;
}

type Commands = Readonly<Record<string, Command>>;

/** The script that makes a shell complete command lines by the tables of commands and options. */
export function renderCompletion(
  shell: CompletionArguments["shell"],
  commands: Commands,
): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](
    commands,
  );
}

const commonFlags: readonly Flag[] = [
  {
    name: "--config",
    text: "the configuration file",
    value: { kind: "files" },
  },
  ...optionKeys.map((key) => {
    const row: OptionRow = options[key];
    return { name: flagOf(key), text: row.text, value: valueCompletion(row) };
  }),
  { name: "--help", text: "show the help", value: null },
];

function valueCompletion(row: OptionRow): Completion | null {
  switch (row.type) {
    case "switch":
      return null;
    case "path":
    case "paths":
      return { kind: "files" };
    case "choice":
      return { kind: "choices", choices: row.choices };
    case "text":
    case "endpoint":
    case "count":
    case "duration":
    case "durations":
    case "entries":
      return { kind: "nothing" };
  }
}

function ownFlags(command: Command): readonly Flag[] {
  return Object.entries(command.options).map(([name, option]) => ({
    name: `--${name}`,
    text: option.text,
    value:
      option.type === "switch"
        ? null
        : (option.completion ?? { kind: "nothing" }),
  }));
}

const lineagesInShell =
  'ls -1 "${LIVECERT_CERTBOT_DIR:-/etc/letsencrypt}/live" 2>/dev/null | grep -vx README';

function bashScript(commands: Commands): string {
  const names = Object.keys(commands);
  const valued = [
    ...commonFlags,
    ...Object.values(commands).flatMap(ownFlags),
  ].filter(({ value }) => value !== null);
  const flagCases = uniqueByName(valued).map(
    ({ name, value }) => `    ${name}) ${bashReply(value)}; return ;;`,
  );
  const commandCases = Object.entries(commands).map(([name, command]) => {
    const flags = ownFlags(command).map((flag) => flag.name);
    return `    ${name}) flags="${flags.join(" ")}"; [[ $word == -* ]] || { ${bashReply(command.words?.completion ?? null)}; return; } ;;`;
  });
  const commonNames = commonFlags.map((flag) => flag.name).join(" ");
  return `# bash completion for livecert
_livecert() {
  local IFS=$' \\n' word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command="" flags="" i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
    ${names.join("|")}) command=\${COMP_WORDS[i]}; break ;;
    esac
  done
  case $previous in
${flagCases.join("\n")}
  esac
  case $command in
    "") [[ $word == -* ]] || { COMPREPLY=($(compgen -W "${names.join(" ")}" -- "$word")); return; } ;;
${commandCases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$flags ${commonNames}" -- "$word"))
}
# Names are taken as they are: compgen -W would expand what stands in them.
_livecert_lineages() {
  local name
  compopt -o filenames 2>/dev/null
  while IFS= read -r name; do
    [[ $name != "$word"* ]] || COMPREPLY+=("$name")
  done < <(${lineagesInShell})
}
_livecert_files() {
  local name
  compopt -o filenames 2>/dev/null
  while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -f -- "$word")
}
complete -F _livecert livecert
`;
}

function bashReply(completion: Completion | null): string {
  switch (completion?.kind) {
    case "lineages":
      return "_livecert_lineages";
    case "lineages-and-files":
      return "_livecert_lineages; _livecert_files";
    case "files":
      return "_livecert_files";
    case "choices":
      return `COMPREPLY=($(compgen -W "${completion.choices.join(" ")}" -- "$word"))`;
    case "nothing":
    case undefined:
      return ":";
  }
}

function zshScript(commands: Commands): string {
  const described = Object.entries(commands).map(
    ([name, { text }]) => `    ${quote(`${name}:${text}`)}`,
  );
  const cases = Object.entries(commands).map(([name, command]) => {
    const specs = ownFlags(command).map(zshFlag);
    const words = command.words;
    const star = words?.number === "many" ? "*" : "1";
    const rest =
      words === null
        ? []
        : [quote(`${star}:${words.name}:${zshAction(words.completion)}`)];
    return `    ${name}) _arguments $common ${[...specs, ...rest].join(" ")} ;;`;
  });
  return `#compdef livecert
_livecert() {
  local curcontext="$curcontext" state line
  local -a common commands
  common=(
${commonFlags.map((flag) => `    ${zshFlag(flag)}`).join("\n")}
  )
  commands=(
${described.join("\n")}
  )
  _arguments -C $common '1:command:->command' '*::word:->words'
  case $state in
  command) _describe command commands ;;
  words)
    case $line[1] in
${cases.join("\n")}
    esac ;;
  esac
}
_livecert_lineages() {
  local -a lineages
  lineages=(\${(f)"$(${lineagesInShell})"})
  compadd -a lineages
}
_livecert_subjects() {
  _livecert_lineages
  _files
}
compdef _livecert livecert
`;
}

function zshFlag({ name, text, value }: Flag): string {
  const described = `${name}[${text.replaceAll(/[[\]:\\]/g, String.raw`\$&`)}]`;
  return quote(
    value === null ? described : `${described}:value:${zshAction(value)}`,
  );
}

function zshAction(completion: Completion): string {
  switch (completion.kind) {
    case "lineages":
      return "_livecert_lineages";
    case "lineages-and-files":
      return "_livecert_subjects";
    case "files":
      return "_files";
    case "choices":
      return `(${completion.choices.join(" ")})`;
    case "nothing":
      return " ";
  }
}

function fishScript(commands: Commands): string {
  const names = Object.keys(commands).join(" ");
  const subcommands = Object.entries(commands).flatMap(([name, command]) => {
    const within = `-n "__fish_seen_subcommand_from ${name}"`;
    const words = command.words;
    return [
      `complete -c livecert -n "not __fish_seen_subcommand_from ${names}" -a ${name} -d ${quote(command.text)}`,
      ...ownFlags(command).map((flag) => fishFlag(flag, within)),
      ...(words === null
        ? []
        : [`complete -c livecert ${within} ${fishAction(words.completion)}`]),
    ];
  });
  return `# fish completion for livecert
function __livecert_lineages
  set -q LIVECERT_CERTBOT_DIR; and set -l directory $LIVECERT_CERTBOT_DIR; or set -l directory /etc/letsencrypt
  ls -1 $directory/live 2>/dev/null | grep -vx README
end
complete -c livecert -f
${commonFlags.map((flag) => fishFlag(flag, "")).join("\n")}
${subcommands.join("\n")}
`;
}

function fishFlag({ name, text, value }: Flag, condition: string): string {
  return [
    "complete -c livecert",
    condition,
    `-l ${name.slice(2)}`,
    value === null ? "" : `-r ${fishAction(value)}`,
    `-d ${quote(text)}`,
  ]
    .filter((part) => part !== "")
    .join(" ");
}

function fishAction(completion: Completion): string {
  switch (completion.kind) {
    case "lineages":
      return '-a "(__livecert_lineages)"';
    case "lineages-and-files":
      return '-F -a "(__livecert_lineages)"';
    case "files":
      return "-F";
    case "choices":
      return `-f -a "${completion.choices.join(" ")}"`;
    case "nothing":
      return "-f";
  }
}

/** For sh and zsh; fish wants another escape for the quote itself, which double quotes around it give both. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}

function uniqueByName(flags: readonly Flag[]): readonly Flag[] {
  return [...new Map(flags.map((flag) => [flag.name, flag])).values()];
}
