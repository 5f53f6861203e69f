/**
 * The `pid` directive of a configuration that is only read, not tested: `nginx -T` must not run before it is known
 * whether Nginx runs. It stands in the main context, so only includes made there are followed.
 */
import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { globToRegExp, isGlob } from "../../core/nginx/glob.ts";
import { type Directive, parseFile } from "../../core/nginx/parser.ts";

const maxFileBytes = 16 * 1024 * 1024;

/** As written; null without one, or where the file cannot be read. */
export async function readPidDirective(
  configuration: string,
): Promise<string | null> {
  return searchFile(configuration, dirname(configuration), new Set());
}

/** The `pid` directive in a piece of main context such as the value of `-g`. */
export function pidDirective(text: string): string | null {
  return ownPid(parseFile("", text).directives);
}

/** Each file is looked at once, so that one that includes itself comes to an end. */
async function searchFile(
  path: string,
  directory: string,
  seen: Set<string>,
): Promise<string | null> {
  if (seen.has(path)) return null;
  seen.add(path);
  const text = await readConfiguration(path);
  if (text === null) return null;
  const { directives } = parseFile(path, text);
  return (
    ownPid(directives) ?? (await searchIncludes(directives, directory, seen))
  );
}

async function searchIncludes(
  directives: readonly Directive[],
  directory: string,
  seen: Set<string>,
): Promise<string | null> {
  for (const { name, args } of directives) {
    const [pattern] = args;
    if (name !== "include" || pattern === undefined) continue;
    for (const path of await expand(resolve(directory, pattern))) {
      const pid = await searchFile(path, directory, seen);
      if (pid !== null) return pid;
    }
  }
  return null;
}

function ownPid(directives: readonly Directive[]): string | null {
  return directives.find(({ name }) => name === "pid")?.args[0] ?? null;
}

/** The files of an absolute path that may hold wildcards, in Nginx's order. */
async function expand(pattern: string): Promise<readonly string[]> {
  let paths: readonly string[] = ["/"];
  for (const component of pattern.split("/").slice(1)) {
    const lists = paths.map(async (path) => {
      if (!isGlob(component)) return [join(path, component)];
      const names = await readdir(path).catch(() => []);
      const wanted = globToRegExp(component);
      return names
        .filter((name) => wanted.test(name))
        .sort()
        .map((name) => join(path, name));
    });
    paths = (await Promise.all(lists)).flat();
  }
  return paths;
}

/** Null for what is absent, no regular file or no configuration by its size. */
async function readConfiguration(path: string): Promise<string | null> {
  try {
    await using file = await open(
      path,
      constants.O_RDONLY | constants.O_NONBLOCK,
    );
    const stats = await file.stat();
    const isReadable = stats.isFile() && stats.size <= maxFileBytes;
    return isReadable ? await file.readFile("utf8") : null;
  } catch {
    return null;
  }
}
