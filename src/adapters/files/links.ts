/** Links are followed one by one, in the terms of whoever sees them: what a link says is asked of the caller. */
import { dirname, resolve } from "node:path";

export interface Trail {
  /** Without any link. */
  readonly end: string;
  /** The path as it was given and as each link on the way writes it anew; all lead to the same end. */
  readonly names: readonly string[];
}

/** As many links as the kernel itself follows (path_resolution(7)). */
const maxLinks = 40;

/**
 * null where links lead in a circle. What does not exist is taken as it is written.
 *
 * @param readLink what the link at this path says, as it is written; null where there is none
 */
export function followLinks(
  path: string,
  readLink: (path: string) => string | null,
): Trail | null {
  const whole = resolve("/", path);
  const names = [whole];
  let checked = "/";
  let ahead = namesOf(whole);
  for (;;) {
    const [name, ...rest] = ahead;
    if (name === undefined) return { end: checked, names };
    const next = resolve(checked, name);
    const target = readLink(next);
    if (target === null) {
      checked = next;
      ahead = rest;
      continue;
    }
    if (names.length > maxLinks) return null;
    const renamed = resolve(dirname(next), target, ...rest);
    names.push(renamed);
    ahead = namesOf(renamed);
    checked = "/";
  }
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "");
}
