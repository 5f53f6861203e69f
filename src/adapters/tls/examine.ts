/**
 * Examines one certificate source: what its files hold by Nginx's rules, whether certificate and key make a pair that can
 * be served, and whether a client would accept it. Every fault is told; none hides another where both can be seen.
 */
import { createHash } from "node:crypto";
import type {
  Bundle,
  Certificate,
} from "../../core/certificate/certificate.ts";
import type { FileReading } from "../../core/lineage/lineage.ts";
import { ruleFinding } from "../../core/validation/catalogue.ts";
import {
  arrangementFindings,
  chainFindings,
  stagingFindings,
} from "../../core/validation/chain.ts";
import { dateFindings } from "../../core/validation/dates.ts";
import {
  companionFindings,
  fileFinding,
  keyExposureFindings,
  type CompanionFile,
} from "../../core/validation/files.ts";
import type { Finding } from "../../core/validation/finding.ts";
import {
  encryptedKeyFinding,
  orderWithoutKeyFindings,
  pairFindings,
  unusablePairFinding,
} from "../../core/validation/pair.ts";
import {
  strengthFindings,
  usualSecurityLevel,
} from "../../core/validation/strength.ts";
import { sameAsServed } from "./bundle.ts";
import { readCertificates } from "./certificate.ts";
import { loadServerContext, type Loading } from "./context.ts";
import { covers } from "./covers.ts";
import {
  isIssuedBy,
  issuerFacts,
  judgeChain,
  type JudgeContext,
} from "./judge.ts";
import { judgeByRehearsal } from "./judge-by-rehearsal.ts";
import {
  readPrivateKey,
  type KeyReading,
  type PrivateKey,
} from "./private-key.ts";
import { rehearse } from "./rehearsal.ts";

export interface ExaminationSubject {
  /** How the user would name it: a lineage's name or a path. */
  readonly label: string;
  readonly certificate: FileReading;
  /** null: a bundle alone, judged without a key. */
  readonly key: FileReading<PrivateKey> | null;
  /** `ssl_password_file`, null where none is configured. */
  readonly password: FileReading | null;
  /** A lineage's cert.pem and chain.pem, which Nginx does not load; null for what is no lineage. */
  readonly cert: FileReading | null;
  readonly chain: FileReading | null;
  /** Of the server blocks' `ssl_ciphers …@SECLEVEL=N`; null where none is given. */
  readonly securityLevel: number | null;
}

export interface ExaminationContext extends JudgeContext {
  /** Names that a person wants covered (`check --name`). */
  readonly requiredNames: readonly string[];
  /** What is served now, where it is known: a chain that is the file's own needs no rehearsal. */
  readonly served?: readonly Bundle[];
  /** Bundle fingerprints that earlier rehearsals of the same pair gave. */
  readonly rehearsals?: {
    get(key: string): string | null;
    set(key: string, bundle256: string): void;
  };
}

export interface Examination {
  /** null where the file holds no certificate that Nginx could load. */
  readonly leaf: Certificate | null;
  /** As the file has them. */
  readonly certificates: readonly Certificate[];
  /** What a client would be handed; null where that could not be tried. */
  readonly bundle: Bundle | null;
  /** Fatal ones first, then regressions, then warnings. */
  readonly findings: readonly Finding[];
}

/** Touches nothing but the given temporary directory; may run `openssl`. */
export async function examine(
  subject: ExaminationSubject,
  context: ExaminationContext,
): Promise<Examination> {
  const chain = readChain(subject.certificate);
  const key = subject.key === null ? null : readKey(subject, subject.key);
  const findings = [...chain.findings, ...(key?.findings ?? [])];
  const { certificates } = chain;
  const [leaf] = certificates;
  if (leaf === undefined)
    return {
      leaf: null,
      certificates,
      bundle: null,
      findings: sorted(findings),
    };

  const pair = await examinePair(subject, certificates, key, context);
  const isLeafFirst = !pair.findings.some(
    ({ rule }) => rule === "pair/leaf-not-first",
  );
  findings.push(
    ...pair.findings,
    // With an issuer in the leaf's place every rule about the leaf would speak of the wrong certificate.
    ...(isLeafFirst
      ? await examineChain(subject, certificates, pair, context)
      : []),
    ...companionFindings({
      certificates,
      cert: companion(subject.cert),
      chain: companion(subject.chain),
    }),
  );
  return {
    leaf,
    certificates,
    bundle: pair.bundle,
    findings: sorted(onePerFault(findings)),
  };
}

interface ReadChain {
  readonly certificates: readonly Certificate[];
  readonly findings: readonly Finding[];
}

function readChain(reading: FileReading): ReadChain {
  const wanted = "certificate";
  const failed = (finding: Finding): ReadChain => ({
    certificates: [],
    findings: [finding],
  });
  if (reading.kind !== "read")
    return failed(fileFinding(reading.path, wanted, unread(reading)));
  const { path } = reading.identity;
  const found = readCertificates(reading.content);
  switch (found.kind) {
    case "read":
      return { certificates: found.certificates, findings: [] };
    case "no-certificate":
      return failed(
        fileFinding(path, wanted, {
          kind: "nothing-fitting",
          labels: found.labels,
        }),
      );
    case "empty":
    case "truncated":
    case "malformed":
      return failed(fileFinding(path, wanted, found));
  }
}

function unread(
  reading: Exclude<FileReading<unknown>, { kind: "read" }>,
): { kind: "absent" } | { kind: "unreadable"; reason: string } {
  return reading.kind === "absent"
    ? { kind: "absent" }
    : { kind: "unreadable", reason: reading.reason };
}

type UsableKey = Extract<KeyReading, { kind: "usable" }>;

interface ReadKey {
  readonly path: string;
  readonly usable: UsableKey | null;
  readonly findings: readonly Finding[];
}

function readKey(
  { password }: ExaminationSubject,
  reading: FileReading<PrivateKey>,
): ReadKey {
  if (reading.kind !== "read") {
    const { path } = reading;
    const finding = fileFinding(path, "private key", unread(reading));
    return { path, usable: null, findings: [finding] };
  }
  const { path, mode } = reading.identity;
  const passwords = password?.kind === "read" ? lines(password.content) : [];
  const key = readPrivateKey(reading.content, passwords);
  return {
    path,
    usable: key.kind === "usable" ? key : null,
    findings: [
      ...passwordFileFindings(password),
      ...keyFindings(path, key, password),
      ...keyExposureFindings(path, mode),
    ],
  };
}

/** Nginx opens the password file in any case. */
function passwordFileFindings(
  password: FileReading | null,
): readonly Finding[] {
  return password === null || password.kind === "read"
    ? []
    : [fileFinding(password.path, "password", unread(password))];
}

function keyFindings(
  path: string,
  key: KeyReading,
  password: FileReading | null,
): readonly Finding[] {
  const wanted = "private key";
  switch (key.kind) {
    case "usable":
      return [];
    case "empty":
      return [fileFinding(path, wanted, key)];
    case "broken":
      return [
        fileFinding(path, wanted, { kind: key.fault, reason: key.reason }),
      ];
    case "no-key":
      return [
        fileFinding(path, wanted, {
          kind: "nothing-fitting",
          labels: key.labels,
        }),
      ];
    case "undecodable":
      return [
        fileFinding(path, wanted, {
          kind: "malformed",
          reason: "has a private key that OpenSSL cannot decode",
        }),
      ];
    case "encrypted":
      return [
        encryptedKeyFinding({
          keyFile: path,
          passwordFile: password === null ? null : pathOf(password),
        }),
      ];
  }
}

function pathOf(reading: FileReading): string {
  return reading.kind === "read" ? reading.identity.path : reading.path;
}

/** One password a line, as ngx_ssl_read_password_file() takes them. */
function lines(content: Uint8Array): readonly string[] {
  return Buffer.from(content)
    .toString()
    .split(/\r?\n/)
    .filter((line) => line !== "");
}

interface ExaminedPair {
  readonly key: UsableKey | null;
  readonly loading: Loading | null;
  readonly bundle: Bundle | null;
  readonly findings: readonly Finding[];
}

async function examinePair(
  subject: ExaminationSubject,
  certificates: readonly Certificate[],
  read: ReadKey | null,
  context: ExaminationContext,
): Promise<ExaminedPair> {
  const certificateFile = pathOf(subject.certificate);
  const level = subject.securityLevel ?? usualSecurityLevel;
  const usable = read?.usable ?? null;
  const mismatch =
    usable === null || read === null
      ? orderWithoutKeyFindings(certificateFile, certificates)
      : pairFindings({
          certificateFile,
          keyFile: read.path,
          certificates,
          key: usable,
        });
  const key = mismatch.length === 0 ? usable : null;
  const known = key && rehearsed(certificates, key, level, context);
  const loading =
    known === null
      ? loadServerContext(certificates, key?.key ?? null, level)
      : null;
  const usually =
    level < usualSecurityLevel
      ? loadServerContext(certificates, null, usualSecurityLevel)
      : null;
  const strength = strengthFindings({
    certificateFile,
    certificates,
    level,
    weakKeyAtLevel: weakKey(loading),
    weakKeyUsually: weakKey(usually),
  });
  const refused = refusalFindings(certificateFile, loading, strength);
  const findings = [...mismatch, ...strength, ...refused];
  if (known !== null || key === null || loading?.kind !== "loaded")
    return { key, loading, bundle: known, findings };

  const rehearsal = await rehearse(loading.context);
  if (rehearsal.kind === "failed")
    return {
      key,
      loading,
      bundle: null,
      findings: [
        ...findings,
        unusablePairFinding(certificateFile, rehearsal.reason),
      ],
    };
  const { bundle } = rehearsal;
  context.rehearsals?.set(
    rehearsalKey(certificates, key, level),
    bundle.bundle256,
  );
  return { key, loading, bundle, findings };
}

/** What a rehearsal would show, from what is served now or from an earlier one; null: it must be made. */
function rehearsed(
  certificates: readonly Certificate[],
  key: UsableKey,
  level: number,
  context: ExaminationContext,
): Bundle | null {
  const served = context.served?.find((one) => sameAsServed(certificates, one));
  if (served !== undefined) return served;
  const bundle256 =
    context.rehearsals?.get(rehearsalKey(certificates, key, level)) ?? null;
  const [leaf, ...others] = certificates;
  return leaf === undefined || bundle256 === null
    ? null
    : { leaf, others, bundle256 };
}

/** Everything that a rehearsal depends on: what a client reports is up to this Node. */
function rehearsalKey(
  certificates: readonly Certificate[],
  { spki256 }: UsableKey,
  level: number,
): string {
  const hash = createHash("sha256").update(
    `rehearsal 1 ${process.version} ${level} ${spki256}\n`,
  );
  for (const { der } of certificates) hash.update(der);
  return hash.digest("hex");
}

function weakKey(loading: Loading | null): "leaf" | "issuer" | null {
  return loading?.kind === "weak-key" ? loading.whose : null;
}

/** What OpenSSL has against the pair beyond the strength that is judged anyway. */
function refusalFindings(
  certificateFile: string,
  loading: Loading | null,
  strength: readonly Finding[],
): readonly Finding[] {
  if (loading?.kind === "refused")
    return [unusablePairFinding(certificateFile, loading.reason)];
  const isTold = strength.some(({ severity }) => severity === "fatal");
  return loading?.kind === "weak-signature" && !isTold
    ? [unusablePairFinding(certificateFile, "a signature is too weak")]
    : [];
}

async function examineChain(
  subject: ExaminationSubject,
  certificates: readonly Certificate[],
  pair: ExaminedPair,
  context: ExaminationContext,
): Promise<readonly Finding[]> {
  const { label } = subject;
  const certificateFile = pathOf(subject.certificate);
  const [leaf] = certificates;
  if (leaf === undefined) return [];
  const verdict = await judgeChain(certificates, context);
  const faults =
    verdict.kind === "judged"
      ? verdict.faults
      : pair.loading?.kind === "loaded" && pair.key !== null
        ? await judgeByRehearsal(pair.loading.context, context.roots)
        : [];
  return [
    ...chainFindings({
      label: certificateFile,
      certificates,
      faults,
      ...issuerFacts(certificates, context.knownIssuers),
    }),
    ...dateFindings(label, leaf, context.now),
    ...requiredNameFindings(label, leaf, context.requiredNames),
    ...arrangementFindings({
      certificateFile,
      certificates,
      issued: (index, issuer) =>
        isIssued(certificates[index], certificates[issuer]),
    }),
    ...stagingFindings(label, certificates),
  ];
}

function isIssued(
  subject: Certificate | undefined,
  issuer: Certificate | undefined,
): boolean {
  return (
    subject !== undefined && issuer !== undefined && isIssuedBy(subject, issuer)
  );
}

function requiredNameFindings(
  label: string,
  leaf: Certificate,
  names: readonly string[],
): readonly Finding[] {
  return names
    .filter((name) => !covers(leaf, name))
    .map((name) =>
      ruleFinding("names/mismatch", {
        message: `${label} does not cover ${name}`,
        hint: "issue a certificate that has this name too (certbot certonly --expand)",
        subject: name,
      }),
    );
}

function companion(reading: FileReading | null): CompanionFile | null {
  if (reading === null) return null;
  const path = pathOf(reading);
  if (reading.kind !== "read") return { path, certificates: null };
  const found = readCertificates(reading.content);
  switch (found.kind) {
    case "read":
      return { path, certificates: found.certificates };
    case "empty":
      return { path, certificates: [] };
    case "no-certificate":
    case "truncated":
    case "malformed":
      return { path, certificates: null };
  }
}

/** Key and signature strength are judged for the server and for clients: the graver finding, which comes first, stays. */
function onePerFault(findings: readonly Finding[]): readonly Finding[] {
  const isTwice = ({ rule }: Finding, index: number): boolean =>
    rule.startsWith("strength/") &&
    findings.findIndex((one) => one.rule === rule) < index;
  return findings.filter((finding, index) => !isTwice(finding, index));
}

const gravity = { fatal: 0, regression: 1, warning: 2 } as const;

function sorted(findings: readonly Finding[]): readonly Finding[] {
  return [...findings].sort(
    (one, other) => gravity[one.severity] - gravity[other.severity],
  );
}
