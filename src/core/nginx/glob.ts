/**
 * Shell patterns as `include` understands them: glob(3) without flags, hence no braces, no `**`, no leading dot by a
 * wildcard, `/` only by itself, a backslash protects the next character.
 */
export function isGlob(path: string): boolean {
  return /[*?[]/.test(path);
}

export function globToRegExp(pattern: string): RegExp {
  const source = pattern.split("/").map(componentSource).join("/");
  return new RegExp(`^${source}$`, "s");
}

const piece = /\*+|\?|\[[!^]?\]?[^\]]*\]|\\?[^]/g;

function componentSource(component: string): string {
  const source = component.replace(piece, pieceSource);
  return /^[*?[]/.test(component) ? `(?!\\.)${source}` : source;
}

function pieceSource(found: string): string {
  if (found.startsWith("*")) {
    return "[^/]*";
  }
  if (found === "?") {
    return "[^/]";
  }
  if (found.startsWith("[") && found.length > 1) {
    return bracketSource(found);
  }
  return literalSource(found.length > 1 ? found.slice(1) : found);
}

function bracketSource(found: string): string {
  const negated = /^\[[!^]/.test(found);
  const members = found.slice(negated ? 2 : 1, -1).replace(/[\\\][^]/g, "\\$&");
  return isOrdered(members) ? `[${negated ? "^" : ""}${members}]` : "(?!)";
}

/** A range such as `z-a` matches nothing for glob(3) and is a syntax error for JavaScript. */
function isOrdered(members: string): boolean {
  return [...members.matchAll(/([^])-([^])/g)].every(
    ([, from = "", to = ""]) => from <= to,
  );
}

function literalSource(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
