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

const piece = /\*+|\?|\[[!^]?\]?(?:\[:[a-z]+:\]|[^\]])*\]|\\?[^]/g;

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
  let classes = "";
  const members = found
    .slice(negated ? 2 : 1, -1)
    .replaceAll(/\[:([a-z]+):\]/g, (_, name: string) => {
      classes += characterClasses[name] ?? "";
      return "";
    })
    .replace(/[\\\][^]/g, "\\$&");
  const source = `${members}${classes}`;
  if (source === "") return negated ? "[^]" : "(?!)";
  return isOrdered(members) ? `[${negated ? "^" : ""}${source}]` : "(?!)";
}

/** As in the C locale, in which Nginx runs. */
const characterClasses: Readonly<Record<string, string>> = {
  alnum: "A-Za-z0-9",
  alpha: "A-Za-z",
  blank: " \\t",
  cntrl: "\\x00-\\x1f\\x7f",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`{-~",
  space: " \\t-\\r",
  upper: "A-Z",
  xdigit: "A-Fa-f0-9",
};

/** A range such as `z-a` matches nothing for glob(3) and is a syntax error for JavaScript. */
function isOrdered(members: string): boolean {
  return [...members.matchAll(/([^])-([^])/g)].every(
    ([, from = "", to = ""]) => from <= to,
  );
}

function literalSource(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
