/**
 * Rules about the way from the leaf to a root. Whether a client accepts it is the judge's answer (adapters/tls/judge.ts);
 * here it is put into words. What a file holds beyond that way is judged from who issued whom.
 */
import type { Certificate } from "../certificate/certificate.ts";
import { ruleFinding, type RuleId } from "./catalogue.ts";
import type { Finding } from "./finding.ts";
import { isSelfIssued } from "./strength.ts";

/** One thing that the judge found wrong, whatever the leaf's own dates are. */
export interface ChainFault {
  readonly kind: ChainFaultKind;
  /** OpenSSL's words, and whom they are about: `CN = Example CA: invalid CA certificate`. */
  readonly detail: string;
}

export const chainFaultKinds = [
  "untrusted",
  "wrong-purpose",
  "invalid-ca",
  "name-constraints",
  "bad-signature",
  "critical-extension",
  "issuer-expired",
  "issuer-not-yet-valid",
  "weak-key",
  "weak-signature",
  "invalid",
] as const;

export type ChainFaultKind = (typeof chainFaultKinds)[number];

export interface ChainFacts {
  /** How the user would name it: the file, or `the served certificate`. */
  readonly label: string;
  /** Leaf first; at least one. */
  readonly certificates: readonly Certificate[];
  readonly faults: readonly ChainFault[];
  /** Somebody other than the leaf itself issued it, and stands in the file. */
  readonly hasIssuer: boolean;
  /** An issuer that the chain lacks at its end was served or deployed before. */
  readonly lacksKnownIssuer: boolean;
}

/** The judge's faults as findings, and what a leaf must not be. */
export function chainFindings(facts: ChainFacts): readonly Finding[] {
  return [
    ...facts.faults.map((fault) => inWords(fault, facts)),
    ...caAsLeaf(facts),
  ];
}

const plainRules = {
  "wrong-purpose": [
    "chain/wrong-purpose",
    "issue a certificate for servers (extended key usage serverAuth)",
  ],
  "invalid-ca": [
    "chain/invalid-ca",
    "put the issuer's own intermediate certificates into the file; ask the authority for them",
  ],
  "name-constraints": [
    "chain/name-constraints",
    "issue the certificate from an authority that may issue for these names",
  ],
  "bad-signature": [
    "chain/bad-signature",
    "write the file again from what the authority delivered: certbot renew --force-renewal",
  ],
  "critical-extension": [
    "chain/critical-extension",
    "issue the certificate without this extension, or not marked as critical",
  ],
  "issuer-expired": [
    "dates/issuer-expired",
    "put the authority's present intermediate certificates into the file: certbot renew --force-renewal",
  ],
  "issuer-not-yet-valid": [
    "dates/issuer-not-yet-valid",
    "check this machine's clock, or put the authority's present intermediate certificates into the file: certbot renew --force-renewal",
  ],
  "weak-key": [
    "strength/weak-key",
    "issue the certificate with a key of at least 2048 bits (RSA) or 256 bits (ECDSA)",
  ],
  "weak-signature": [
    "strength/weak-signature",
    "issue the certificate again; every public authority signs with SHA-256 or better",
  ],
  invalid: [
    "chain/invalid",
    "issue the certificate again, or ask the authority about it",
  ],
} as const satisfies Record<
  Exclude<ChainFaultKind, "untrusted">,
  readonly [RuleId, string]
>;

function inWords(fault: ChainFault, facts: ChainFacts): Finding {
  if (fault.kind === "untrusted") return untrusted(facts);
  const [rule, hint] = plainRules[fault.kind];
  return ruleFinding(rule, {
    // Only a server's own security level makes Nginx refuse to load it, and that is judged beside this.
    severity: "regression",
    message: `${facts.label}: ${fault.detail}`,
    hint,
  });
}

/**
 * A leaf alone whose issuer nobody has seen comes from a private authority that signs directly; where there are other
 * certificates that do not lead on, or the issuer was there before, one is missing.
 */
function untrusted(facts: ChainFacts): Finding {
  const { certificates, label } = facts;
  const [leaf] = certificates;
  const isAlone = certificates.length === 1;
  const isOwnIssuer = leaf !== undefined && isSelfIssued(leaf);
  const isMissing =
    !isOwnIssuer && (facts.lacksKnownIssuer || !(facts.hasIssuer || isAlone));
  if (isMissing)
    return ruleFinding("chain/missing-intermediate", {
      message: `${label} lacks the certificate of an issuer: ${leaf?.issuer ?? "unknown"}`,
      hint: "Nginx needs the full chain: use fullchain.pem, or append the authority's intermediate certificates",
    });
  return ruleFinding("chain/untrusted", {
    message: isOwnIssuer
      ? `${label} is signed by itself, and no client has been told to trust it`
      : `${label} does not lead to a root that this machine trusts: issued by ${leaf?.issuer ?? "unknown"}`,
    hint:
      isAlone && !isOwnIssuer
        ? "for a private authority give its root with --roots; for a public one the intermediate certificate is missing from the file"
        : "for a private authority give its root with --roots or the setting roots",
  });
}

function caAsLeaf({ certificates, label }: ChainFacts): readonly Finding[] {
  const [leaf] = certificates;
  if (leaf?.isCa !== true || isSelfIssued(leaf)) return [];
  return [
    ruleFinding("chain/ca-as-leaf", {
      message: `${label} is marked as a certificate authority (basicConstraints CA:TRUE)`,
      hint: "issue a certificate for servers, with CA:FALSE",
    }),
  ];
}

/** Nobody could be asked: `reason` tells why not OpenSSL, and without a key there is no rehearsal. */
export function unjudgedFinding(label: string, reason: string): Finding {
  return ruleFinding("chain/unjudged", {
    message: `whether clients accept ${label} could not be judged: ${reason}`,
    hint: "install openssl, or look whether `openssl verify` answers",
  });
}

export interface ArrangementFacts {
  readonly certificateFile: string;
  readonly certificates: readonly Certificate[];
  /** `issued(i, j)`: certificate j of the file issued certificate i (counted from 0). */
  readonly issued: (index: number, issuer: number) => boolean;
}

/** What clients put right by themselves: certificates that are too many, twice there, or not in order. */
export function arrangementFindings(
  facts: ArrangementFacts,
): readonly Finding[] {
  const { certificates, certificateFile } = facts;
  const duplicates = certificates.flatMap(({ fingerprint256 }, index) =>
    certificates.findIndex((one) => one.fingerprint256 === fingerprint256) <
    index
      ? [index]
      : [],
  );
  const needed = reachable(facts);
  const superfluous = certificates.flatMap((certificate, index) =>
    !duplicates.includes(index) &&
    index > 0 &&
    (isSelfIssued(certificate) || !needed.has(index))
      ? [index]
      : [],
  );
  const chain = [...needed].filter(
    (index) => !duplicates.includes(index) && !superfluous.includes(index),
  );
  return [
    ...duplicates.map((index) =>
      ruleFinding("chain/duplicate", {
        message: `certificate ${index + 1} of ${certificateFile} stands in it already: ${nameOf(certificates[index])}`,
        hint: removeHint,
      }),
    ),
    ...superfluous.map((index) =>
      ruleFinding("chain/superfluous", {
        message: `certificate ${index + 1} of ${certificateFile} is not needed: ${nameOf(certificates[index])}`,
        hint: removeHint,
      }),
    ),
    ...(isInOrder(facts, chain)
      ? []
      : [
          ruleFinding("chain/out-of-order", {
            message: `the intermediates in ${certificateFile} are not in order`,
            hint: "put each certificate before that of its issuer",
          }),
        ]),
  ];
}

const removeHint =
  "remove it; Certbot writes files without such certificates by itself";

function nameOf(certificate: Certificate | undefined): string {
  return certificate?.subject ?? "unknown";
}

/** Indices of the leaf and of everybody above it. */
function reachable({
  certificates,
  issued,
}: ArrangementFacts): ReadonlySet<number> {
  const found = new Set([0]);
  for (const index of found)
    for (const issuer of certificates.keys())
      if (issuer !== index && issued(index, issuer)) found.add(issuer);
  return found;
}

/** Each certificate issued one that stands before it. */
function isInOrder(
  { issued }: ArrangementFacts,
  chain: readonly number[],
): boolean {
  const inFileOrder = [...chain].sort((one, other) => one - other);
  return inFileOrder.every(
    (issuer, position) =>
      position === 0 ||
      inFileOrder.slice(0, position).some((index) => issued(index, issuer)),
  );
}

/** Let's Encrypt's staging environment (also under its older name) and Pebble, its server for tests. */
const testAuthority = /\bSTAGING\b|\bFake LE\b|\bPebble\b/;

export function stagingFindings(
  label: string,
  certificates: readonly Certificate[],
): readonly Finding[] {
  const issuer = certificates
    .map((certificate) => certificate.issuer)
    .find((name) => testAuthority.test(name));
  if (issuer === undefined) return [];
  return [
    ruleFinding("chain/staging", {
      message: `${label} comes from a test authority: ${issuer}`,
      hint: "issue it again without --staging or --test-cert",
    }),
  ];
}
