/**
 * Reads a `server_name ~…` as one of JavaScript's. Nginx ignores case where the expression itself holds a capital letter
 * (`ngx_http_core_server_name`); what it is compared with is in lower case anyway.
 *
 * @returns null where PCRE would read it differently or JavaScript cannot
 */
export function readRegex(source: string): RegExp | null {
  const inlineFlag = /^\(\?i\)/.exec(source)?.[0] ?? "";
  const ignoresCase = inlineFlag !== "" || /[A-Z]/.test(source);
  const shared = source.slice(inlineFlag.length).replace(namedGroup, "(");
  if (source === "" || !isReadAlike(shared)) {
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
