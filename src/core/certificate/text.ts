/**
 * Names as OpenSSL and Node print them, turned into what a `Certificate` holds. The texts come from certificates, hence
 * from strangers: whatever cannot be understood is kept as it is, nothing throws.
 */

/** `C=DE\nO=Example\nCN=example.org` → `CN=example.org, O=Example, C=DE`; Node gives nothing for an empty name. */
export function distinguishedName(lines: string | undefined): string {
  return (lines ?? "")
    .split("\n")
    .filter((line) => line !== "")
    .reverse()
    .join(", ");
}

/**
 * Node's `subjectAltName` (`DNS:a.example, IP Address:192.0.2.1, DNS:"odd\u002c value"`) as a list. A value that could
 * be mistaken for several is quoted by Node as a JSON string; it is unquoted here.
 */
export function subjectAltNames(text: string): readonly string[] {
  const entries = text.match(/(?:"(?:[^"\\]|\\.)*"|[^",]|,(?! ))+/g) ?? [];
  return entries.map((entry) => typed(entry.trim()));
}

function typed(entry: string): string {
  const colon = entry.indexOf(":");
  if (colon === -1) return entry;
  const type = entry.slice(0, colon);
  const value = unquoted(entry.slice(colon + 1));
  return `${type === "IP Address" ? "IP" : type}:${value}`;
}

function unquoted(value: string): string {
  if (!value.startsWith('"')) return value;
  try {
    return String(JSON.parse(value));
  } catch {
    return value;
  }
}
