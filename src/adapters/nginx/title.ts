/**
 * What the processes of an Nginx call themselves. A title is no evidence of anything (any user can forge one); it is
 * read only of processes that are known by other means to be this Nginx: the verified master and its own children.
 *
 * Nginx writes the title over its argument list: `nginx: master process /usr/sbin/nginx -c FILE -g daemon off;`, the
 * arguments joined by spaces (ngx_master_process_cycle). Angie writes `angie: master process v1.8.0 #2 [/usr/sbin/angie]`.
 */
export type Role = "master" | "worker" | "draining" | "helper" | "ended";

/** The options of one `nginx` command line that decide which configuration it reads. */
export interface MasterOptions {
  readonly configuration: string | null;
  readonly prefix: string | null;
  readonly directives: string | null;
  readonly errorLog: string | null;
}

export const noOptions: MasterOptions = {
  configuration: null,
  prefix: null,
  directives: null,
  errorLog: null,
};

/**
 * The role of the verified master or of one of its children. `helper`: cache manager, cache loader, privileged agent.
 * Started with a tiny environment, Nginx has no room for the whole title: what may be the beginning of a worker's title
 * counts as a worker's, so that a reload can still be seen. `ended`: the kernel has released its memory, and its title
 * with it; ps(1) then shows the program's name in brackets.
 */
export function roleOf(title: string): Role {
  if (title === "" || title.startsWith("[")) return "ended";
  const words = title.replace(/^[^:]*:? ?/, "");
  if (words.startsWith("master process")) return "master";
  if (/^worker process.* is s/.test(words)) return "draining";
  if (words.startsWith("worker process")) return "worker";
  return "worker process".startsWith(words.trimEnd()) ? "worker" : "helper";
}

/**
 * The options that a process was started with, from /proc/PID/cmdline split at its NUL bytes: an argument list as it was
 * given (no title was set: `master_process off`), or a single title. Null where a title's arguments cannot be told apart
 * for certain: their own spaces are lost in it.
 */
export function readOptions(
  commandLine: readonly string[],
): MasterOptions | null {
  const [first = "", ...rest] = commandLine;
  const title = /^[^\s:/]+: master process(?: (.*))?$/s.exec(first);
  if (title === null) return fromList(rest);
  const [, ...words] = argumentsOf(title[1] ?? "").split(" ");
  const list = joinDirectives(words);
  return list === null ? null : fromList(list);
}

/** Angie puts its version and generation before the arguments, and these in brackets. */
function argumentsOf(words: string): string {
  const bracketed = /^v\S+ #\d+ \[(.*)\]$/s.exec(words);
  return bracketed?.[1] ?? words;
}

const optionWord = /^-[?hvVtTq]*[pcges]/;

/**
 * Puts the value of `-g` together again: it ends with the `;` or `}` before the next option or the end. Null where the
 * words allow a second reading.
 */
function joinDirectives(words: readonly string[]): readonly string[] | null {
  const list: string[] = [];
  for (let at = 0; at < words.length;) {
    const word = words[at] ?? "";
    list.push(word);
    at += 1;
    if (!/^-[?hvVtTq]*g$/.test(word)) continue;
    const end = endOfDirectives(words, at);
    if (end === null) return null;
    list.push(words.slice(at, end).join(" "));
    at = end;
  }
  return list;
}

function endOfDirectives(
  words: readonly string[],
  start: number,
): number | null {
  for (let at = start; at < words.length; at += 1) {
    if (!/[;}]$/.test(words[at] ?? "")) continue;
    const next = words[at + 1];
    if (next === undefined || optionWord.test(next)) return at + 1;
  }
  return null;
}

/** Nginx's own ngx_get_options: letters behind one dash; `p`, `c`, `g`, `e` and `s` take the rest or the next argument. */
function fromList(list: readonly string[]): MasterOptions | null {
  const found: Record<string, string> = {};
  for (let at = 0; at < list.length; at += 1) {
    const word = list[at] ?? "";
    const option = /^-[?hvVtTq]*(?:([pcges])(.*))?$/s.exec(word);
    if (option === null) return null;
    const [, letter, attached = ""] = option;
    if (letter === undefined) continue;
    if (attached === "") at += 1;
    const value = attached === "" ? list[at] : attached;
    if (value === undefined || value === "") return null;
    found[letter] = value;
  }
  return {
    configuration: found["c"] ?? null,
    prefix: found["p"] ?? null,
    directives: found["g"] ?? null,
    errorLog: found["e"] ?? null,
  };
}
