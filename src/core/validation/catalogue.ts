import type { Finding, Severity } from "./finding.ts";

/**
 * The register of rules. An id is stable: scripts, the state and the documentation (docs/rules.md, one section per rule)
 * refer to it. `severity` is the usual one; a finding may carry another where its rule's section says so.
 */
export const rules = {
  "files/missing": {
    severity: "fatal",
    title: "a file does not exist",
    explanation: "Nginx refuses a configuration that names a missing file.",
  },
  "files/unreadable": {
    severity: "fatal",
    title: "a file cannot be read",
    explanation: "Nginx refuses a configuration that names such a file.",
  },
  "files/empty": {
    severity: "fatal",
    title: "a file is empty",
    explanation: "There is nothing in it that Nginx could load.",
  },
  "files/not-pem": {
    severity: "fatal",
    title: "a file does not hold what it should",
    explanation:
      "Nginx reads PEM only: a certificate where it wants one, a private key where it wants one.",
  },
  "files/truncated": {
    severity: "fatal",
    title: "a file ends in the middle of a PEM block",
    explanation: "Nginx refuses the whole file, whatever was read before.",
  },
  "files/malformed": {
    severity: "fatal",
    title: "a PEM block is damaged",
    explanation: "Nginx refuses the whole file, whatever was read before.",
  },
  "files/mixed-versions": {
    severity: "fatal",
    title: "the files of the lineage are not of one version",
    explanation:
      "Certificate and key of different renewals do not belong together.",
  },
  "files/key-exposed": {
    severity: "warning",
    title: "the private key can be read by others",
    explanation: "Whoever can read the key can pose as this site.",
  },
  "files/cert-differs": {
    severity: "warning",
    title: "cert.pem is not the leaf of fullchain.pem",
    explanation:
      "Nginx does not read cert.pem, but other programs on this machine may.",
  },
  "files/chain-differs": {
    severity: "warning",
    title: "chain.pem is not the rest of fullchain.pem",
    explanation:
      "Nginx does not read chain.pem unless a directive names it, but other programs may.",
  },
  "pair/key-mismatch": {
    severity: "fatal",
    title: "the private key belongs to another certificate",
    explanation: "Nginx refuses to load the pair.",
  },
  "pair/key-type-mismatch": {
    severity: "fatal",
    title: "the private key is of another type than the certificate's",
    explanation:
      "Nginx loads the pair without a word, and then every handshake fails.",
  },
  "pair/leaf-not-first": {
    severity: "fatal",
    title: "the leaf is not the first certificate of the file",
    explanation:
      "Nginx takes the first one for the leaf, so the key does not belong to it.",
  },
  "pair/key-encrypted": {
    severity: "fatal",
    title: "the private key is encrypted and no password opens it",
    explanation: "Nginx cannot ask for a password; it needs ssl_password_file.",
  },
  "pair/unusable": {
    severity: "fatal",
    title: "no handshake succeeds with the pair",
    explanation:
      "OpenSSL reads certificate and key, but cannot serve them to a client.",
  },
  "chain/untrusted": {
    severity: "regression",
    title: "the chain does not lead to a trusted root",
    explanation: "Clients show a warning or refuse the connection.",
  },
  "chain/missing-intermediate": {
    severity: "regression",
    title: "an intermediate certificate is missing",
    explanation: "Clients that do not happen to know it refuse the connection.",
  },
  "chain/wrong-purpose": {
    severity: "regression",
    title: "a certificate is not meant for servers",
    explanation:
      "Its key usage or extended key usage forbids what a TLS server does with it.",
  },
  "chain/ca-as-leaf": {
    severity: "regression",
    title: "the leaf is marked as a certificate authority",
    explanation: "Clients refuse an authority in the place of a server.",
  },
  "chain/invalid-ca": {
    severity: "regression",
    title: "an issuer must not issue certificates, or not at this depth",
    explanation: "Clients refuse the chain.",
  },
  "chain/name-constraints": {
    severity: "regression",
    title: "an issuer is not allowed to issue for these names",
    explanation: "Clients refuse the chain.",
  },
  "chain/bad-signature": {
    severity: "regression",
    title: "a signature in the chain is wrong",
    explanation:
      "A certificate was altered after it was signed, or its issuer is another one.",
  },
  "chain/critical-extension": {
    severity: "regression",
    title: "a certificate has a critical extension that OpenSSL does not know",
    explanation: "Clients must refuse what they do not understand.",
  },
  "chain/invalid": {
    severity: "regression",
    title: "the chain breaks a rule of certificates in another way",
    explanation: "OpenSSL's own words say which.",
  },
  "chain/superfluous": {
    severity: "warning",
    title: "the file holds certificates that no client needs",
    explanation:
      "Every handshake carries them; clients sort them out themselves.",
  },
  "chain/duplicate": {
    severity: "warning",
    title: "a certificate stands in the file twice",
    explanation: "Every handshake carries it twice.",
  },
  "chain/out-of-order": {
    severity: "warning",
    title: "the intermediates are not in order",
    explanation:
      "TLS 1.2 asks for each certificate to be followed by its issuer; clients sort them all the same.",
  },
  "chain/staging": {
    severity: "warning",
    title: "the certificate comes from a test authority",
    explanation: "No browser trusts a staging environment.",
  },
  "chain/unjudged": {
    severity: "warning",
    title: "nobody could judge the chain",
    explanation:
      "OpenSSL could not be asked, and without a key there is no handshake to try.",
  },
  "dates/expired": {
    severity: "regression",
    title: "the certificate has expired",
    explanation: "Clients refuse the connection.",
  },
  "dates/not-yet-valid": {
    severity: "regression",
    title: "the certificate is not yet valid",
    explanation: "Clients refuse the connection until it is.",
  },
  "dates/issuer-expired": {
    severity: "regression",
    title: "a certificate above the leaf has expired",
    explanation: "Clients that find no other way to a root refuse the chain.",
  },
  "dates/issuer-not-yet-valid": {
    severity: "regression",
    title: "a certificate above the leaf is not yet valid",
    explanation:
      "Until it is, clients that find no other way to a root refuse the chain.",
  },
  "dates/expires-soon": {
    severity: "warning",
    title: "the certificate expires soon",
    explanation: "By now it should have been renewed.",
  },
  "strength/weak-key": {
    severity: "fatal",
    title: "a key is too short",
    explanation: "OpenSSL's security level refuses to load the certificate.",
  },
  "strength/weak-signature": {
    severity: "fatal",
    title: "a signature uses a broken digest",
    explanation:
      "OpenSSL's security level refuses to load a certificate signed with MD5 or SHA-1.",
  },
  "names/lost": {
    severity: "regression",
    title: "a name that is served now is no longer covered",
    explanation: "Visitors of that name would see a warning.",
  },
  "names/not-covered": {
    severity: "warning",
    title: "a server name is not covered by the certificate",
    explanation: "It was not covered before either, so nothing gets worse.",
  },
  "names/mismatch": {
    severity: "regression",
    title: "the certificate does not cover the name that was asked for",
    explanation: "Clients that ask for this name refuse the connection.",
  },
  "source/outdated-copy": {
    severity: "warning",
    title: "Nginx loads an older copy of a lineage",
    explanation:
      "A renewal never reaches a copy or a link into archive/, and no reload mends that.",
  },
} as const satisfies Readonly<
  Record<
    string,
    {
      readonly severity: Severity;
      readonly title: string;
      readonly explanation: string;
    }
  >
>;

export type RuleId = keyof typeof rules;

export const ruleIds = Object.keys(rules) as readonly RuleId[];

/** A certificate may hold names of any length. */
const longestMessage = 1_000;

/** A finding with the rule's usual severity, unless told otherwise; a message of any length is cut. */
export function ruleFinding(
  rule: RuleId,
  details: {
    readonly message: string;
    readonly hint: string;
    readonly subject?: string;
    readonly severity?: Severity;
  },
): Finding {
  return {
    rule,
    severity: details.severity ?? rules[rule].severity,
    message:
      details.message.length <= longestMessage
        ? details.message
        : `${details.message.slice(0, longestMessage)}…`,
    hint: details.hint,
    subject: details.subject ?? null,
  };
}
