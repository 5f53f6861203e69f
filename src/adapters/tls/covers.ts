import { domainToASCII } from "node:url";
import type { Certificate } from "../../core/certificate/certificate.ts";
import { isIpAddress } from "../../core/nginx/address.ts";
import { askOnce } from "./certificate.ts";

/**
 * Whether a client that asks for this name or address accepts the certificate for it: OpenSSL's own check
 * (X509_check_host(3) with its defaults, which `openssl verify -verify_hostname` uses too). Unicode names are put to it in
 * their ASCII form, `*.x` by an invented label; a trailing dot does not count.
 */
export function covers(certificate: Certificate, name: string): boolean {
  const asked = askable(name);
  if (asked === "") return false;
  return askOnce(certificate, `covers ${asked}`, (x509) =>
    isIpAddress(asked)
      ? x509.checkIP(asked) !== undefined
      : x509.checkHost(asked, { subject: "default" }) !== undefined,
  );
}

function askable(name: string): string {
  const bare = name.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  if (isIpAddress(bare)) return bare;
  const labelled = bare.replace(/^\*\./, "any-label.");
  // It would take `%61` for a letter and a number for an address; an oddity that it refuses Nginx and clients do not.
  return (/\P{ASCII}/u.test(labelled) && domainToASCII(labelled)) || labelled;
}
