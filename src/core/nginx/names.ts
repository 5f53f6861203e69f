import { readRegex } from "./regex.ts";

/**
 * Server names and what a client sends, as Nginx compares them (`ngx_http_core_server_name`, `ngx_hash_add_key`,
 * `ngx_http_validate_host`).
 */
export type ServerName =
  | { readonly kind: "exact"; readonly name: string }
  /** `*.x`, or with `bare` also x itself, written `.x`. */
  | {
      readonly kind: "leading";
      readonly suffix: string;
      readonly bare: boolean;
    }
  /** `x.*` */
  | { readonly kind: "trailing"; readonly prefix: string }
  /** null: a syntax that JavaScript does not share with PCRE. */
  | { readonly kind: "regex"; readonly pattern: RegExp | null };

/** @returns null for a name that Nginx refuses: a star elsewhere, an empty label */
export function readServerName(
  written: string,
  hostname: string,
): ServerName | null {
  if (written.startsWith("~")) {
    return { kind: "regex", pattern: readRegex(written.slice(1)) };
  }
  const name = lowerCase(
    lowerCase(written) === "$hostname" ? hostname : written,
  );
  if (name.includes("..") || name.indexOf("*") !== name.lastIndexOf("*")) {
    return null;
  }
  if (name.startsWith(".") && name.length > 1) {
    return { kind: "leading", suffix: name.slice(1), bare: true };
  }
  if (name.startsWith("*.") && name.length > 2) {
    return { kind: "leading", suffix: name.slice(2), bare: false };
  }
  if (name.endsWith(".*") && name.length > 2) {
    return { kind: "trailing", prefix: name.slice(0, -2) };
  }
  return name.includes("*") ? null : { kind: "exact", name };
}

/** Nginx folds ASCII only. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** What is left of an SNI when Nginx looks for a server; null: nothing, so the default server answers. */
export function readSni(servername: string | null): string | null {
  const name = lowerCase(servername ?? "").replace(/\.$/, "");
  return name === "" || name.includes("..") || name.includes("/") ? null : name;
}

/** Whether a name can be sent as SNI (RFC 6066: a DNS name in ASCII, never an address). */
export function canBeSent(name: string): boolean {
  return (
    name.length <= 253 &&
    /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/i.test(name) &&
    !/(?:^|\.)\d+$/.test(name)
  );
}
