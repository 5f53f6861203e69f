/** The parts of the bundle that are kept as text, in a comment of it (esbuild.config.ts). */

/** How the end of a comment is written in there. */
export const endOfComment = "*@/";

export interface Text {
  /** Tells it from every other text, which V8 itself does by its length alone. */
  readonly digest: string;
  /** An expression. */
  readonly text: string;
}

/** Where a text lies in its source: its digest, where it begins, and its length, in UTF-16 code units. */
export type Place = readonly [digest: string, begin: number, length: number];

/** What is called `name`; null: nothing is. */
export type Texts = (name: string) => Text | null;

/** A text is a piece of the source and no copy, unless it holds ends of comments. */
export function textsOf(
  source: string,
  places: ReadonlyMap<string, Place>,
): Texts {
  return (name) => {
    const place = places.get(name);
    if (place === undefined) return null;
    const [digest, begin, length] = place;
    const written = source.slice(begin, begin + length);
    return { digest, text: written.replaceAll(endOfComment, "*/") };
  };
}
