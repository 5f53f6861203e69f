/** Rules about the dates of the leaf. The bounds are OpenSSL's: a certificate has expired at the second of its notAfter. */
import type { Certificate } from "../certificate/certificate.ts";
import { ruleFinding } from "./catalogue.ts";
import type { Finding } from "./finding.ts";

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Certbot renews with a third of the lifetime left (with half of it, where it is short). A quarter left means that this
 * has failed for some time; but nobody wants to hear for months of a private certificate that is valid for ten years.
 */
const soonShare = 0.25;
const soonestWarningMs = 21 * dayMs;

export function dateFindings(
  label: string,
  { notBefore, notAfter }: Pick<Certificate, "notBefore" | "notAfter">,
  now: Date,
): readonly Finding[] {
  const leftMs = notAfter.getTime() - now.getTime();
  const lifetimeMs = notAfter.getTime() - notBefore.getTime();
  const findings: Finding[] = [];
  if (notBefore.getTime() > now.getTime())
    findings.push(
      ruleFinding("dates/not-yet-valid", {
        message: `${label} is valid only from ${iso(notBefore)}`,
        hint: "check this machine's clock, or wait until then",
      }),
    );
  if (leftMs <= 0)
    findings.push(
      ruleFinding("dates/expired", {
        message: `${label} expired at ${iso(notAfter)}`,
        hint: "renew it: certbot renew, or look why renewal fails in /var/log/letsencrypt",
      }),
    );
  else if (leftMs < Math.min(lifetimeMs * soonShare, soonestWarningMs))
    findings.push(
      ruleFinding("dates/expires-soon", {
        message: `${label} expires at ${iso(notAfter)}, in ${remaining(leftMs)}`,
        hint: "look why it has not been renewed yet: certbot renew --dry-run",
      }),
    );
  return findings;
}

function iso(date: Date): string {
  return date.toISOString().replace(".000Z", "Z");
}

function remaining(leftMs: number): string {
  const days = Math.floor(leftMs / dayMs);
  if (days >= 2) return `${days} days`;
  const hours = Math.floor(leftMs / (60 * 60 * 1000));
  return hours >= 2 ? `${hours} hours` : "less than 2 hours";
}
