/** Rules about files that cannot be read as what they should be, and about who may read them. */
import type { Certificate } from "../certificate/certificate.ts";
import type { PemFault } from "../certificate/pem.ts";
import { ruleFinding } from "./catalogue.ts";
import type { Finding } from "./finding.ts";

/** Why a file gives no certificate, or no key. */
export type FileFault =
  | { readonly kind: "absent" }
  | { readonly kind: "unreadable"; readonly reason: string }
  | PemFault;

export type Wanted = "certificate" | "private key" | "password";

/** Nginx cannot load the file. */
export function fileFinding(
  path: string,
  wanted: Wanted,
  fault: FileFault,
): Finding {
  switch (fault.kind) {
    case "absent":
      return ruleFinding("files/missing", {
        message: `${path} does not exist`,
        hint: "restore the file or correct the directive that names it; a lineage is restored by certbot renew --force-renewal",
      });
    case "unreadable":
      return ruleFinding("files/unreadable", {
        message: `${path} cannot be read: ${fault.reason}`,
        hint: "it must be an ordinary file that livecert, run as root, can read",
      });
    case "empty":
      return ruleFinding("files/empty", {
        message: `${path} is empty`,
        hint: rewriteHint,
      });
    case "truncated":
      return ruleFinding("files/truncated", {
        message: `${path} ${fault.reason}`,
        hint: rewriteHint,
      });
    case "malformed":
      return ruleFinding("files/malformed", {
        message: `${path} ${fault.reason}`,
        hint: rewriteHint,
      });
    case "nothing-fitting":
      return ruleFinding("files/not-pem", {
        message: `${path} holds no ${wanted} in PEM form, but ${contents(fault.labels)}`,
        hint: "convert the file with openssl, or name the right one in the directive",
      });
  }
}

const rewriteHint =
  "write the file again, first to another name, then rename it; a lineage is written again by certbot renew --force-renewal";

function contents(labels: readonly string[]): string {
  if (labels.length === 0) return "something else";
  return labels.map((label) => `a ${label} block`).join(", ");
}

const readableByOthers = 0o004;
const writableByOthers = 0o002;

/** Permission bits of the key file; the group is the administrator's own choice (Debian has `ssl-cert` for it). */
export function keyExposureFindings(
  path: string,
  mode: number,
): readonly Finding[] {
  const may = [
    ...((mode & readableByOthers) === 0 ? [] : ["read"]),
    ...((mode & writableByOthers) === 0 ? [] : ["write to"]),
  ];
  if (may.length === 0) return [];
  return [
    ruleFinding("files/key-exposed", {
      message: `everybody on this machine may ${may.join(" and ")} the private key ${path}`,
      hint: `chmod o= ${path}, and think about issuing with a new key`,
    }),
  ];
}

/** Files that Nginx does not load, against fullchain.pem; null: the file could not be read as certificates. */
export function companionFindings(facts: {
  readonly certificates: readonly Certificate[];
  readonly cert: CompanionFile | null;
  readonly chain: CompanionFile | null;
}): readonly Finding[] {
  const [leaf, ...others] = facts.certificates;
  const findings: Finding[] = [];
  if (facts.cert !== null && !equals(facts.cert, leaf ? [leaf] : []))
    findings.push(
      ruleFinding("files/cert-differs", {
        message: `${facts.cert.path} is not the leaf of the full chain`,
        hint: companionHint,
      }),
    );
  if (facts.chain !== null && !equals(facts.chain, others))
    findings.push(
      ruleFinding("files/chain-differs", {
        message: `${facts.chain.path} does not hold the certificates that follow the leaf in the full chain`,
        hint: companionHint,
      }),
    );
  return findings;
}

export interface CompanionFile {
  readonly path: string;
  readonly certificates: readonly Certificate[] | null;
}

const companionHint =
  "certbot renew --force-renewal writes all four files anew; Nginx itself is not concerned";

function equals(file: CompanionFile, wanted: readonly Certificate[]): boolean {
  const found = file.certificates;
  return (
    found?.length === wanted.length &&
    found.every(
      ({ fingerprint256 }, index) =>
        fingerprint256 === wanted[index]?.fingerprint256,
    )
  );
}
