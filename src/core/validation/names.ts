/**
 * Names that Nginx serves against the names that a certificate covers. Whether a certificate covers a name is OpenSSL's
 * answer, handed in as a function.
 */
import type { Finding } from "./finding.ts";

export type Covers = (name: string) => boolean;

/** The server names of a source's blocks with what clients get for them at present. */
export interface NameUse {
  /** As written in `server_name`. */
  readonly serverName: string;
  /** Of the certificate that is served for it now; null where that is not known. */
  readonly presentCovers: Covers | null;
}

/**
 * `names/lost` (regression) for every name that the present certificate covers and the new one does not;
 * `names/not-covered` (warning) where the present one did not cover it either.
 */
export function nameFindings(
  label: string,
  uses: readonly NameUse[],
  covers: Covers,
): readonly Finding[] {
  const found = new Map<string, Finding>();
  for (const use of uses) {
    for (const name of checkableNames(use.serverName)) {
      if (covers(name.probe)) continue;
      const isLost = use.presentCovers?.(name.probe) ?? false;
      if (isLost || !found.has(name.shown))
        found.set(name.shown, nameFinding(label, name.shown, isLost));
    }
  }
  return [...found.values()];
}

function nameFinding(label: string, name: string, isLost: boolean): Finding {
  return isLost
    ? {
        rule: "names/lost",
        severity: "regression",
        subject: name,
        message: `the name ${name} is served at present, but the certificate of ${label} on disk does not cover it`,
        hint: `renew with this name again (certbot certonly --expand), or remove it from server_name`,
      }
    : {
        rule: "names/not-covered",
        severity: "warning",
        subject: name,
        message: `server_name ${name} is not covered by ${label}`,
        hint: `add the name to the certificate (certbot certonly --expand), or remove it from server_name`,
      };
}

/**
 * The host names a `server_name` stands for, as they can be put to a certificate: `*.x` by an invented label, `.x` as
 * `x` and `*.x`. Empty for regular expressions, trailing wildcards and names that no client can ask for.
 * Source: https://nginx.org/en/docs/http/server_names.html
 */
export function checkableNames(
  serverName: string,
): readonly { readonly shown: string; readonly probe: string }[] {
  const name = serverName.toLowerCase().replace(/\.$/, "");
  if (name.startsWith("~") || name.endsWith(".*") || name.includes("$"))
    return [];
  if (name.startsWith("*.")) return [wildcard(name.slice(2))];
  if (name.startsWith("."))
    return [
      { shown: name.slice(1), probe: name.slice(1) },
      wildcard(name.slice(1)),
    ];
  return isHostName(name) ? [{ shown: name, probe: name }] : [];
}

function wildcard(parent: string): { shown: string; probe: string } {
  return { shown: `*.${parent}`, probe: `certprobe.${parent}` };
}

function isHostName(name: string): boolean {
  return /^[a-z0-9:][a-z0-9._:-]*$/.test(name);
}
