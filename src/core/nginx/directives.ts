import type { Directive } from "./parser.ts";

/** A block's own directives by name, each list in the order of the configuration. */
export type Level = ReadonlyMap<string, readonly Directive[]>;

/** A block's own level, then those of the blocks around it. */
export type Levels = readonly Level[];

export function levelOf(directives: readonly Directive[]): Level {
  const level = new Map<string, Directive[]>();
  for (const directive of directives) {
    const same = level.get(directive.name);
    if (same === undefined) {
      level.set(directive.name, [directive]);
    } else {
      same.push(directive);
    }
  }
  return level;
}

/** The directives of that name at the innermost level that has any: each name is inherited by itself, and as a whole. */
export function effective(levels: Levels, name: string): readonly Directive[] {
  for (const level of levels) {
    const found = level.get(name);
    if (found !== undefined) {
      return found;
    }
  }
  return [];
}

/** The first argument of the effective directive of that name, or null. */
export function argumentOf(levels: Levels, name: string): string | null {
  return effective(levels, name).at(-1)?.args[0] ?? null;
}

/** Nginx takes `on` and `off` in any case. */
export function isOn(levels: Levels, name: string): boolean {
  return argumentOf(levels, name)?.toLowerCase() === "on";
}

export function isOff(levels: Levels, name: string): boolean {
  return argumentOf(levels, name)?.toLowerCase() === "off";
}

/** Blocks whose bodies are data, whatever the words in them look like. */
export const dataBlocks: ReadonlySet<string> = new Set([
  "map",
  "geo",
  "geoip",
  "types",
  "split_clients",
  "charset_map",
  "match",
]);
