import { globToRegExp, isGlob } from "./glob.ts";
import { lex } from "./lexer.ts";
import type { Token } from "./lexer.ts";
import { directoryOf, resolvePath, singleSlashes } from "./paths.ts";

/**
 * Splits the output of `nginx -T` into its files. Nginx writes for each file `# configuration file PATH:`, the bytes,
 * and one more line end; each path once, in the order of first opening. A comment in a file can look the same, and so
 * can a line of a quoted string or a Lua block. So a line counts as Nginx's own only between two directives outside of
 * every block (a file is complete in itself), for a path not seen yet, that is the next one an `include` may have
 * opened. A dump that was not made by Nginx may break these rules; they are then given up from the last to the first.
 */
export interface DumpedFile {
  readonly path: string;
  readonly text: string;
  /** The line of the dump at which the file's text begins, from 1. */
  readonly firstLine: number;
}

/** @returns an empty list where the text holds no marker at all; what stands before the first one is left out */
export function splitDump(text: string): readonly DumpedFile[] {
  const markers = findMarkers(text);
  const [first] = markers;
  if (first === undefined) {
    return [];
  }
  const events = readEvents(text.slice(first.end), first.end, markers);
  return cut(text, [first, ...chooseMarkers(first, markers, events)]);
}

interface Marker {
  readonly path: string;
  /** Offset of its `#`. */
  readonly start: number;
  /** Offset behind its line end. */
  readonly end: number;
}

function findMarkers(text: string): readonly Marker[] {
  const lines = text.matchAll(/^# configuration file (.+?):\r?(?:\n|$)/gm);
  return Array.from(lines, (line) => ({
    path: line[1] ?? "",
    start: line.index,
    end: line.index + line[0].length,
  }));
}

/** What a reader of the dump meets in order: an `include`, or a marker that stands where one may stand. */
type Event =
  | { readonly kind: "include"; readonly pattern: string }
  | { readonly kind: "marker"; readonly marker: Marker };

/** null: some file is not complete in itself, so nothing can be said about where markers may stand. */
type Events = readonly Event[] | null;

function readEvents(
  text: string,
  offset: number,
  markers: readonly Marker[],
): Events {
  const markerAt = new Map(markers.map((marker) => [marker.start, marker]));
  const events: Event[] = [];
  let words: Token[] = [];
  let depth = 0;
  for (const token of lex(text, [])) {
    switch (token.kind) {
      case "word":
        words.push(token);
        break;
      case "comment": {
        const marker = markerAt.get(token.offset + offset);
        if (marker !== undefined && depth === 0 && words.length === 0) {
          events.push({ kind: "marker", marker });
        }
        break;
      }
      case "end":
        events.push(...includeOf(words));
        words = [];
        break;
      case "open":
        depth += 1;
        words = [];
        break;
      case "close":
        depth -= 1;
        words = [];
    }
    if (depth < 0) {
      return null;
    }
  }
  return depth === 0 && words.length === 0 ? events : null;
}

function includeOf(words: readonly Token[]): readonly Event[] {
  const [name, pattern] = words;
  return words.length === 2 && name?.text === "include" && pattern !== undefined
    ? [{ kind: "include", pattern: pattern.text }]
    : [];
}

function chooseMarkers(
  first: Marker,
  markers: readonly Marker[],
  events: Events,
): readonly Marker[] {
  if (events === null) {
    return unseen(first, markers);
  }
  const candidates = events.flatMap((event) =>
    event.kind === "marker" ? [event.marker] : [],
  );
  const walk = new IncludeWalk(first, candidates);
  for (const event of events) {
    walk.meet(event);
  }
  return walk.isUnsatisfied() ? unseen(first, candidates) : walk.accepted;
}

function unseen(first: Marker, markers: readonly Marker[]): readonly Marker[] {
  const seen = new Set([first.path]);
  return markers.filter(
    ({ path }) =>
      isOfItsKind(path, first) && !seen.has(path) && seen.add(path).has(path),
  );
}

/** Nginx names files by absolute paths, unless its prefix is relative (`nginx -p .`). */
function isOfItsKind(path: string, first: Marker): boolean {
  return path.startsWith("/") || !first.path.startsWith("/");
}

/** An `include` that was met and may still open files. */
interface Pending {
  readonly path: string;
  readonly pattern: RegExp | null;
  /** The path that a glob opened last: it opens them in bytewise order. */
  last: string;
}

/** Follows the files in the order in which Nginx opens them: depth first, each include where it stands. */
class IncludeWalk {
  readonly accepted: Marker[] = [];
  readonly #first: Marker;
  readonly #directory: string;
  readonly #seen: Set<string>;
  readonly #candidates: ReadonlySet<string>;
  /** Includes of the files that are being read, the innermost file last. */
  readonly #frames: Pending[][] = [[]];
  readonly #patterns = new Map<string, RegExp>();
  readonly #literal = new Set<string>();

  constructor(first: Marker, candidates: readonly Marker[]) {
    this.#first = first;
    this.#directory = directoryOf(first.path);
    this.#seen = new Set([first.path]);
    this.#candidates = new Set(candidates.map(({ path }) => path));
  }

  meet(event: Event): void {
    if (event.kind === "include") {
      this.#frames.at(-1)?.push(this.#pending(event.pattern));
      return;
    }
    const { path } = event.marker;
    const isNew = isOfItsKind(path, this.#first) && !this.#seen.has(path);
    if (isNew && this.#opens(path)) {
      this.#seen.add(path);
      this.accepted.push(event.marker);
    }
  }

  /** Something that an include names stands in the dump and was refused: this is not the order of Nginx. */
  isUnsatisfied(): boolean {
    return [...this.#literal].some((path) => !this.#seen.has(path));
  }

  #pending(written: string): Pending {
    const path = singleSlashes(resolvePath(this.#directory, written));
    if (!isGlob(path)) {
      if (this.#candidates.has(path)) {
        this.#literal.add(path);
      }
      return { path, pattern: null, last: "" };
    }
    const pattern = this.#patterns.get(path) ?? globToRegExp(path);
    this.#patterns.set(path, pattern);
    return { path, pattern, last: "" };
  }

  /** Finds the include that opens the path, and forgets those that Nginx is done with. */
  #opens(path: string): boolean {
    for (let depth = this.#frames.length - 1; depth >= 0; depth -= 1) {
      const frame = this.#frames[depth] ?? [];
      for (const [index, include] of frame.entries()) {
        if (opensNext(include, singleSlashes(path))) {
          include.last = singleSlashes(path);
          this.#frames.length = depth;
          this.#frames.push(frame.slice(index), []);
          return true;
        }
        if (this.#mustComeFirst(include)) {
          return false;
        }
      }
    }
    return false;
  }

  #mustComeFirst({ path, pattern }: Pending): boolean {
    return pattern === null && this.#literal.has(path) && !this.#seen.has(path);
  }
}

function opensNext(include: Pending, path: string): boolean {
  return include.pattern === null
    ? include.path === path
    : include.pattern.test(path) && path > include.last;
}

function cut(text: string, markers: readonly Marker[]): readonly DumpedFile[] {
  const files: DumpedFile[] = [];
  let line = 1;
  let counted = 0;
  for (const [index, { path, end }] of markers.entries()) {
    line += lineEnds(text, counted, end);
    counted = end;
    const next = markers[index + 1]?.start ?? text.length;
    files.push({
      path,
      text: withoutAddedLineEnd(text.slice(end, next)),
      firstLine: line,
    });
  }
  return files;
}

function lineEnds(text: string, from: number, to: number): number {
  let count = 0;
  for (
    let found = text.indexOf("\n", from);
    found !== -1 && found < to;
    found = text.indexOf("\n", found + 1)
  ) {
    count += 1;
  }
  return count;
}

function withoutAddedLineEnd(text: string): string {
  return text.endsWith("\n") ? text.slice(0, -1) : text;
}
