import { concealKeyMaterial } from "./conceal.ts";
import { lex } from "./lexer.ts";
import type { LexicalProblem, Token } from "./lexer.ts";

/** A node of the configuration tree. Includes are directives like any other here; see includes.ts. */
export interface Directive {
  readonly name: string;
  /** Without key material (conceal.ts). */
  readonly args: readonly string[];
  readonly file: string;
  /** Of the directive's name. */
  readonly line: number;
  /** null: ends with a semicolon. */
  readonly block: readonly Directive[] | null;
}

export interface Problem {
  readonly file: string;
  readonly line: number;
  /** Never quotes the configuration's own words: they may hold a key. */
  readonly message: string;
}

export interface ParsedFile {
  readonly directives: readonly Directive[];
  readonly problems: readonly Problem[];
}

/** Reads one file on its own, as Nginx does: a block cannot end in another file. Never throws. */
export function parseFile(file: string, text: string): ParsedFile {
  const lexical: LexicalProblem[] = [];
  const structural: Problem[] = [];
  const builder = new TreeBuilder(file, structural);
  for (const token of lex(text, lexical)) {
    builder.take(token);
  }
  const directives = builder.finish();
  const problems = lexical.map((problem) => ({ file, ...problem }));
  return { directives, problems: [...problems, ...structural] };
}

interface OpenBlock {
  readonly head: Head | null;
  readonly directives: Directive[];
}

interface Head {
  readonly name: string;
  readonly args: readonly string[];
  readonly line: number;
}

/** Collects words into directives and directives into blocks: open until the last token was taken. */
class TreeBuilder {
  readonly #file: string;
  readonly #problems: Problem[];
  readonly #root: Directive[] = [];
  readonly #open: OpenBlock[] = [];
  #words: string[] = [];
  #line = 1;

  constructor(file: string, problems: Problem[]) {
    this.#file = file;
    this.#problems = problems;
  }

  take(token: Token): void {
    switch (token.kind) {
      case "comment":
        return;
      case "word":
        if (this.#words.length === 0) {
          this.#line = token.line;
        }
        this.#words.push(token.text);
        return;
      case "end":
        this.#add(this.#takeHead(token.line), null);
        return;
      case "open":
        this.#open.push({ head: this.#takeHead(token.line), directives: [] });
        return;
      case "close":
        this.#close(token.line);
    }
  }

  /** What was understood, also where blocks are left open. */
  finish(): readonly Directive[] {
    this.#dropUnfinished();
    if (this.#open.length > 0) {
      const line = this.#open.at(-1)?.head?.line ?? this.#line;
      this.#report(line, "a block is never closed");
    }
    while (this.#open.length > 0) {
      this.#closeInnermost();
    }
    return this.#root;
  }

  #takeHead(line: number): Head | null {
    const words = concealKeyMaterial(this.#words);
    const [name] = words;
    this.#words = [];
    if (name === undefined) {
      this.#report(line, "a directive has no name");
      return null;
    }
    return { name, args: words.slice(1), line: this.#line };
  }

  #close(line: number): void {
    this.#dropUnfinished();
    if (this.#open.length === 0) {
      this.#report(line, "a closing brace has no opening one");
      return;
    }
    this.#closeInnermost();
  }

  #closeInnermost(): void {
    const block = this.#open.pop();
    if (block !== undefined) {
      this.#add(block.head, block.directives);
    }
  }

  #dropUnfinished(): void {
    if (this.#words.length > 0) {
      this.#report(this.#line, "a directive does not end with a semicolon");
      this.#words = [];
    }
  }

  #add(head: Head | null, block: readonly Directive[] | null): void {
    if (head !== null) {
      const siblings = this.#open.at(-1)?.directives ?? this.#root;
      const { name, args, line } = head;
      siblings.push({ name, args, file: this.#file, line, block });
    }
  }

  #report(line: number, message: string): void {
    this.#problems.push({ file: this.#file, line, message });
  }
}
