import { dataBlocks } from "./directives.ts";
import { globToRegExp, isGlob } from "./glob.ts";
import type { DumpedFile } from "./dump.ts";
import { parseFile } from "./parser.ts";
import type { Directive, Problem } from "./parser.ts";
import { directoryOf, resolvePath, singleSlashes } from "./paths.ts";

export interface Configuration {
  /** Directory of the main configuration file: what relative paths count from. */
  readonly directory: string;
  /** The whole tree, with what an `include` names standing in its place; a file included twice stands there twice. */
  readonly directives: readonly Directive[];
  readonly problems: readonly Problem[];
}

/** Files that include each other several times over grow exponentially; Nginx would read them, nobody writes them. */
const mostIncludes = 100_000;

/** Enough to see what is wrong; the model is stored. */
const mostProblems = 100;

/** Blocks within blocks, included files counted: those who walk the tree do so by recursion. */
const deepestNesting = 200;

/**
 * Reads includes as Nginx does: from the directory of the main configuration file, globs in bytewise order, in any
 * block, the same file as often as it is named.
 *
 * @param files in the order of the dump; the first is the main configuration file
 */
export function expandIncludes(files: readonly DumpedFile[]): Configuration {
  const main = files[0]?.path ?? "";
  const expander = new Expander(files, directoryOf(main));
  const directives = expander.readFile({ path: main, within: [], depth: 0 });
  return {
    directory: directoryOf(main),
    directives,
    problems: expander.problems,
  };
}

/** Where the expansion stands: the files that include each other down to here, and how deep it is nested. */
interface Place {
  readonly within: readonly string[];
  readonly depth: number;
}

class Expander {
  readonly problems: Problem[] = [];
  readonly #directory: string;
  readonly #texts: ReadonlyMap<string, string>;
  readonly #trees = new Map<string, readonly Directive[]>();
  readonly #matches = new Map<string, readonly string[]>();
  #included = 0;

  constructor(files: readonly DumpedFile[], directory: string) {
    this.#directory = directory;
    this.#texts = new Map(files.map(({ path, text }) => [path, text]));
  }

  readFile({
    path,
    within,
    depth,
  }: Place & { readonly path: string }): readonly Directive[] {
    return this.#expand(this.#parse(path), {
      within: [...within, path],
      depth: depth + 1,
    });
  }

  #parse(path: string): readonly Directive[] {
    const known = this.#trees.get(path);
    if (known !== undefined) {
      return known;
    }
    const parsed = parseFile(path, this.#texts.get(path) ?? "");
    this.#trees.set(path, parsed.directives);
    for (const problem of parsed.problems) {
      this.#report(problem, problem.message);
    }
    return parsed.directives;
  }

  #expand(
    directives: readonly Directive[],
    place: Place,
  ): readonly Directive[] {
    return directives.flatMap((directive) => {
      if (directive.block !== null) {
        return this.#expandBlock(directive, directive.block, place);
      }
      return isInclude(directive)
        ? this.#expandInclude(directive, place)
        : directive;
    });
  }

  #expandBlock(
    directive: Directive,
    block: readonly Directive[],
    { within, depth }: Place,
  ): readonly Directive[] {
    // Tables of addresses have a million lines, mostly in files of their own; nothing in them names a certificate.
    if (dataBlocks.has(directive.name)) {
      return [{ ...directive, block: [] }];
    }
    if (depth >= deepestNesting) {
      this.#report(directive, "blocks are nested too deeply");
      return [];
    }
    return [
      {
        ...directive,
        block: this.#expand(block, { within, depth: depth + 1 }),
      },
    ];
  }

  #expandInclude(include: Directive, place: Place): readonly Directive[] {
    return this.#filesOf(include).flatMap((path) => {
      if (place.within.includes(path)) {
        this.#report(include, "a file includes itself");
        return [];
      }
      this.#included += 1;
      if (this.#included > mostIncludes || place.depth >= deepestNesting) {
        this.#report(include, "includes are nested too deeply");
        return [];
      }
      return this.readFile({ path, ...place });
    });
  }

  #filesOf(include: Directive): readonly string[] {
    const written = include.args[0] ?? "";
    const known = this.#matches.get(written);
    if (known !== undefined) {
      return known;
    }
    const found = this.#find(resolvePath(this.#directory, written));
    this.#matches.set(written, found ?? []);
    if (found === null) {
      this.#report(include, "an included file is not in the dump");
    }
    return found ?? [];
  }

  /** null: a file that Nginx needs is missing. */
  #find(path: string): readonly string[] | null {
    if (this.#texts.has(path)) {
      return [path];
    }
    const pattern = globToRegExp(singleSlashes(path));
    const found = [...this.#texts.keys()]
      .filter((candidate) => pattern.test(singleSlashes(candidate)))
      .sort(bytewise);
    return found.length > 0 || isGlob(path) ? found : null;
  }

  #report(
    { file, line }: Pick<Problem, "file" | "line">,
    message: string,
  ): void {
    if (this.problems.length < mostProblems) {
      this.problems.push({ file, line, message });
    }
  }
}

function isInclude({ name, args }: Directive): boolean {
  return name === "include" && args.length === 1;
}

function bytewise(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}
