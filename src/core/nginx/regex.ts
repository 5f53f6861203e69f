/**
 * Reads a `server_name ~…` as one of JavaScript's. Nginx ignores case where the expression itself holds a capital letter
 * (`ngx_http_core_server_name`); what it is compared with is in lower case anyway.
 *
 * @returns null where PCRE would read it differently, JavaScript cannot, or an unlucky name could keep it busy for ever
 */
export function readRegex(source: string): RegExp | null {
  const inlineFlag = /^\(\?i\)/.exec(source)?.[0] ?? "";
  const ignoresCase = inlineFlag !== "" || /[A-Z]/.test(source);
  const shared = source.slice(inlineFlag.length).replace(namedGroup, "(");
  if (source === "" || !isReadAlike(shared) || !isSurelyQuick(shared)) {
    return null;
  }
  try {
    return new RegExp(shared, ignoresCase ? "i" : "");
  } catch {
    return null;
  }
}

/** `(?<n>`, `(?P<n>` and `(?'n'`: only whether it matches is asked, so the names can go. */
const namedGroup = /\(\?(?:P?<\w+>|'\w+')/g;

const sharedEscape = /\\(?:[^A-Za-z0-9]|[dDwWsSbBnrtf1-9]|x[0-9A-Fa-f]{2})/g;

/** `(?>`, `(?i)`, `(?P=`, `(*VERB)`; `[]x]`, which JavaScript takes for an empty class; `[[:alpha:]]`. */
const ownSyntax = /\(\?(?![:=!]|<[=!])|\(\*|\[\^?\]|\[([:.=])\^?\w*\1\]/;

function isReadAlike(source: string): boolean {
  const rest = source.replace(sharedEscape, "_");
  return !rest.includes("\\") && !ownSyntax.test(rest);
}

/** With so many, a name of 253 characters that does not match takes a second at worst. */
const mostRepetitions = 4;

const repeated = String.raw`(?:[*+]|\{\d+(?:,\d*)?\})`;

/** A group without groups in it, and how often it may match. */
const innermostGroup = new RegExp(
  String.raw`\((?:\?(?:[:=!]|<[=!]))?([^()]*)\)(${repeated}?)`,
);

/** One label and its dot, as in `([a-z]+\.)*`: a name can be cut into these in one way only. */
const oneLabel = new RegExp(`^(?:x${repeated}?:|:x${repeated}?)$`);

/**
 * JavaScript tries every way of matching, and Nginx's own limit (pcre_match_limit) is not there. Refused is what has very
 * many ways: repetitions and alternatives that are repeated themselves, and many repetitions in a row.
 */
function isSurelyQuick(source: string): boolean {
  let rest = outline(source);
  for (
    let group = innermostGroup.exec(rest);
    group !== null;
    group = innermostGroup.exec(rest)
  ) {
    const [whole, body = "", times = ""] = group;
    if (times !== "" && !matchesInOneWay(body)) return false;
    rest = rest.replace(whole, () => (times === "" ? body : "x*"));
  }
  const repetitions = rest.match(new RegExp(repeated, "g")) ?? [];
  return repetitions.length <= mostRepetitions;
}

/** Whether a name can be cut into repetitions of this in at most one way: one label, or pieces that begin differently. */
function matchesInOneWay(body: string): boolean {
  if (oneLabel.test(body)) return true;
  if (/[*+?{]/.test(body)) return false;
  const pieces = body.split("|");
  const firsts = new Set(pieces.map((piece) => piece.charAt(0)));
  return (
    pieces.length === 1 ||
    (firsts.size === pieces.length && !/(?:^|\|)(?:[x.]|$|\|)/.test(body))
  );
}

/** The expression with `:` for a literal dot, `x` for whatever matches one character that is none, `.` for the rest. */
function outline(source: string): string {
  return source
    .replace(
      /\[(\^?)((?:\\.|[^\]\\])*)\]/g,
      (_, not: string, content: string) =>
        content.includes(".") === (not === "^") ? "x" : ".",
    )
    .replaceAll("\\.", ":")
    .replace(sharedEscape, (escape) =>
      /[DWSB]/.test(escape.charAt(1)) ? "." : "x",
    );
}
