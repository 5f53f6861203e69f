/** The parts of the bundle that are kept as text, in a comment of it (esbuild.config.ts). */

export interface Text {
  /** Tells it from every other text, which V8 itself does by its length alone. */
  readonly digest: string;
  /** An expression. */
  readonly text: string;
}

/** Where a text lies in its source: its digest, where it begins, its length in UTF-16 code units, and how it is written. */
export type Place = readonly [
  digest: string,
  begin: number,
  length: number,
  form: Form,
];

/** `plain`: a piece of the source, of which no copy is made. `packed`: raw deflate (RFC 1951) of it, in base64. */
export type Form = "plain" | "packed";

/** What is called `name`; null: nothing is. */
export type Texts = (name: string) => Text | null;

export function textsOf(
  source: string,
  places: ReadonlyMap<string, Place>,
): Texts {
  return (name) => {
    const place = places.get(name);
    if (place === undefined) return null;
    const [digest, begin, length, form] = place;
    const written = source.slice(begin, begin + length);
    return { digest, text: form === "plain" ? written : unpack(written) };
  };
}

/** @param packed as the build packs a text */
export function unpack(packed: string): string {
  // Loaded by the few that need it: a hook with nothing to log and no configuration file does not.
  const { inflateRawSync } = process.getBuiltinModule("node:zlib");
  return inflateRawSync(Buffer.from(packed, "base64")).toString("utf8");
}
