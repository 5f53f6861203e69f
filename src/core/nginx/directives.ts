import type { Directive } from "./parser.ts";

export function named(
  directives: readonly Directive[],
  name: string,
): readonly Directive[] {
  return directives.filter((directive) => directive.name === name);
}

/** The first argument of the last directive of that name, or null. */
export function argumentOf(
  directives: readonly Directive[],
  name: string,
): string | null {
  const found = directives.findLast((directive) => directive.name === name);
  return found?.args[0] ?? null;
}

/** null: not given here, so an outer block decides. */
export function flagOf(
  directives: readonly Directive[],
  name: string,
): boolean | null {
  const value = argumentOf(directives, name);
  return value === null ? null : value.toLowerCase() === "on";
}
