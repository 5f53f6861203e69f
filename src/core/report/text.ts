/**
 * Makes foreign words harmless for a terminal: control characters (an escape sequence in a certificate's subject) and
 * those that turn the direction of writing become visible escapes. Line ends and tabs stay.
 */
export function printable(text: string): string {
  return text.replaceAll(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    escapeUnit,
  );
}

/** The same for what stands in a line with other words: a name in a certificate must not begin a line of its own. */
export function printableWord(text: string): string {
  return printable(text).replaceAll(/[\t\n]/g, escapeUnit);
}

/** Certbot reports a failed renewal when a hook prints one byte that it cannot decode, so a hook prints ASCII only. */
export function toAscii(text: string): string {
  return text.replaceAll(/[^\u0000-\u007f]/g, escapeUnit);
}

/** As JSON and JavaScript write it, so that a JSON text stays the same document. */
function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
