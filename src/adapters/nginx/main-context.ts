/**
 * The `pid` directive of a configuration that is only read, not tested: `nginx -T` must not run before it is known
 * whether Nginx runs. It stands in the main context, so only includes made there are followed.
 */
import { readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { globToRegExp, isGlob } from "../../core/nginx/glob.ts";
import { type Directive, parseFile } from "../../core/nginx/parser.ts";
import { readTextNow } from "../files/read-file.ts";

const maxFileBytes = 16 * 1024 * 1024;

/** As written; null without one, or where the file cannot be read. */
export function readPidDirective(configuration: string): string | null {
  return searchFile(configuration, dirname(configuration), new Set());
}

/** The `pid` directive in a piece of main context such as the value of `-g`. */
export function pidDirective(text: string): string | null {
  return ownPid(parseFile("", text).directives);
}

/** Each file is looked at once, so that one that includes itself comes to an end. */
function searchFile(
  path: string,
  directory: string,
  seen: Set<string>,
): string | null {
  if (seen.has(path)) return null;
  seen.add(path);
  const text = readTextNow(path, { maxBytes: maxFileBytes });
  if (text === null) return null;
  const { directives } = parseFile(path, text);
  return ownPid(directives) ?? searchIncludes(directives, directory, seen);
}

function searchIncludes(
  directives: readonly Directive[],
  directory: string,
  seen: Set<string>,
): string | null {
  for (const { name, args } of directives) {
    const [pattern] = args;
    if (name !== "include" || pattern === undefined) continue;
    for (const path of expand(resolve(directory, pattern))) {
      const pid = searchFile(path, directory, seen);
      if (pid !== null) return pid;
    }
  }
  return null;
}

function ownPid(directives: readonly Directive[]): string | null {
  return directives.find(({ name }) => name === "pid")?.args[0] ?? null;
}

/** The files of an absolute path that may hold wildcards, in Nginx's order. */
function expand(pattern: string): readonly string[] {
  let paths: readonly string[] = ["/"];
  for (const component of pattern.split("/").slice(1)) {
    paths = paths.flatMap((path) => {
      if (!isGlob(component)) return [join(path, component)];
      const wanted = globToRegExp(component);
      return namesIn(path)
        .filter((name) => wanted.test(name))
        .sort()
        .map((name) => join(path, name));
    });
  }
  return paths;
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
