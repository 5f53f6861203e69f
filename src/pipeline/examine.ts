/**
 * Snapshot and validate: reads the files of a certificate source as one version and says what is wrong with them. What the
 * judge and the rehearsal said of the very same files before is taken from the record.
 */
import { basename, dirname, join } from "node:path";
import {
  snapshotLineage,
  snapshotPair,
  type SnapshotOptions,
} from "../adapters/certbot/snapshot.ts";
import { identifyFile, readFileBounded } from "../adapters/files/read-file.ts";
import { readCertificates } from "../adapters/tls/certificate.ts";
import { examine, type Examination } from "../adapters/tls/examine.ts";
import { isIssuedBy } from "../adapters/tls/judge.ts";
import type { PrivateKey } from "../adapters/tls/private-key.ts";
import { filesKey } from "../core/decision/generations.ts";
import type { SourceRecord } from "../core/decision/record.ts";
import type {
  FileIdentity,
  FileReading,
  Lineage,
} from "../core/lineage/lineage.ts";
import { ruleFinding } from "../core/validation/catalogue.ts";
import type { Finding } from "../core/validation/finding.ts";
import type { RunRequest, World } from "./world.ts";

/** The files to read, as Nginx names them or as a lineage has them. */
export interface SourceFiles {
  readonly certificate: string;
  readonly key: string | null;
  readonly passwordFile: string | null;
  readonly lineage: Lineage | null;
  /** OpenSSL's, where `ssl_ciphers` lowers it; else null. */
  readonly securityLevel: number | null;
}

export interface Examined {
  readonly files: SourceFiles;
  /** How the user would name it: the lineage's name, else the certificate's path. */
  readonly label: string;
  /** N of `archive/NAME/certN.pem`; null for files that are no lineage's. */
  readonly version: number | null;
  readonly identities: readonly FileIdentity[];
  readonly filesKey: string;
  /** When the newest of the files was written; null where none could be read. */
  readonly changedAt: Date | null;
  /** DER of the intermediates that belong to the leaf and lie in another file. */
  readonly issuers: readonly Uint8Array[];
  readonly examination: Examination;
  /** What the record should remember. */
  readonly verdict: SourceRecord["verdict"];
  readonly rehearsal: SourceRecord["rehearsal"];
}

/** Names a source in the state: the pair of files, since one certificate file may be loaded with two keys. */
export function sourceId({
  certificate,
  key,
}: Pick<SourceFiles, "certificate" | "key">): string {
  return key === null ? certificate : `${certificate} ${key}`;
}

/** How files are looked at that somebody may be writing. */
export type Patience = Pick<SnapshotOptions, "settleMs" | "secondLook">;

/** For what the run was asked about: Certbot has finished by the time it runs a hook. */
export function patienceWithNamed({ settleMs, trigger }: RunRequest): Patience {
  return { settleMs, secondLook: trigger === "hook" ? "not-needed" : "needed" };
}

export interface ExamineOptions {
  readonly record: SourceRecord | null;
  readonly patience: Patience;
  /** DER of certificates that are served with this source now, beside those that the record knows. */
  readonly knownIssuers: readonly Uint8Array[];
}

/** Reads the files as one version and judges them. Never throws for what is wrong with them. */
export async function examineSource(
  world: World,
  files: SourceFiles,
  options: ExamineOptions,
): Promise<Examined> {
  const label = files.lineage?.name ?? files.certificate;
  // The key's file may change as soon as it has been read.
  const now = world.now();
  const read = await readSource(world, files, options.patience);
  const memory = rememberVerdicts(options.record);
  const examination = await examine(
    {
      label,
      certificate: read.certificate,
      key: read.key,
      password: read.password,
      cert: read.cert,
      chain: read.chain,
      securityLevel: files.securityLevel,
    },
    {
      now,
      roots: await world.roots(),
      requiredNames: [],
      knownIssuers: [
        ...knownIssuersOf(options.record),
        ...options.knownIssuers,
        ...read.issuers,
      ],
      temporaryDir: world.settings.runDir,
      verdicts: memory.verdicts,
      rehearsals: memory.rehearsals,
      signal: world.signal,
    },
  );
  const identities = await identitiesOf([read.certificate, read.key]);
  return {
    files,
    label,
    version: read.version,
    identities,
    filesKey: filesKey(identities),
    changedAt: newestChange(identities),
    issuers: read.issuers,
    examination: {
      ...examination,
      findings: [
        ...mixtureFindings(label, read.mixture),
        ...examination.findings,
      ],
    },
    verdict: memory.verdict(),
    rehearsal: memory.rehearsal(),
  };
}

/** Where no file can be named, there is nothing to judge. */
export function notRead(files: SourceFiles): Examined {
  return {
    files,
    label: files.lineage?.name ?? files.certificate,
    version: null,
    identities: [],
    filesKey: filesKey([]),
    changedAt: null,
    issuers: [],
    examination: { leaf: null, certificates: [], bundle: null, findings: [] },
    verdict: null,
    rehearsal: null,
  };
}

interface ReadSource {
  readonly version: number | null;
  /** Why the files are no one version; null where they are. */
  readonly mixture: string | null;
  readonly certificate: FileReading;
  readonly key: FileReading<PrivateKey> | null;
  readonly password: FileReading | null;
  readonly cert: FileReading | null;
  readonly chain: FileReading | null;
  readonly issuers: Examined["issuers"];
}

/** A lineage's own files are read as one version of the lineage; any other two files as a pair. */
async function readSource(
  world: World,
  files: SourceFiles,
  patience: Patience,
): Promise<ReadSource> {
  const options = { ...patience, signal: world.signal };
  const password =
    files.passwordFile === null
      ? null
      : await readFileBounded(files.passwordFile);
  const kinds = ownKinds(files);
  if (kinds !== null && files.lineage !== null) {
    const snapshot = await snapshotLineage(files.lineage, options);
    if (snapshot.kind === "absent") return absentSource(files, password);
    return {
      version: snapshot.kind === "consistent" ? snapshot.version : null,
      mixture: snapshot.kind === "inconsistent" ? snapshot.reason : null,
      certificate: snapshot.files[kinds.certificate],
      key: kinds.hasKey ? snapshot.files.privkey : null,
      password,
      ...besides(kinds.certificate, snapshot.files),
    };
  }
  const snapshot = await snapshotPair(files.certificate, files.key, options);
  if (snapshot.kind === "absent") return absentSource(files, password);
  const mixture = snapshot.kind === "inconsistent" ? snapshot.reason : null;
  return {
    version: null,
    mixture,
    ...snapshot.files,
    password,
    cert: null,
    chain: null,
    issuers: [],
  };
}

/** `cert.pem` and `chain.pem` are the parts of `fullchain.pem`; where Nginx loads the first alone, it lacks the second. */
function besides(
  loaded: "cert" | "chain" | "fullchain",
  { cert, chain }: Readonly<Record<"cert" | "chain", FileReading>>,
): Pick<ReadSource, "cert" | "chain" | "issuers"> {
  switch (loaded) {
    case "fullchain":
      return { cert, chain, issuers: [] };
    case "cert":
      return { cert: null, chain: null, issuers: intermediatesIn(chain) };
    case "chain":
      return { cert: null, chain: null, issuers: [] };
  }
}

/** Without roots: a leaf below one of these is complete. */
function intermediatesIn(chain: FileReading): Examined["issuers"] {
  if (chain.kind !== "read") return [];
  const reading = readCertificates(chain.content);
  if (reading.kind !== "read") return [];
  return reading.certificates
    .filter((one) => !isIssuedBy(one, one))
    .map(({ der }) => der);
}

function absentSource(
  { certificate, key }: SourceFiles,
  password: FileReading | null,
): ReadSource {
  return {
    version: null,
    mixture: null,
    certificate: { kind: "absent", path: certificate },
    key: key === null ? null : { kind: "absent", path: key },
    password,
    cert: null,
    chain: null,
    issuers: [],
  };
}

/** Which of a lineage's four files Nginx loads; null where one of them lies elsewhere. */
function ownKinds({ certificate, key, lineage }: SourceFiles): {
  certificate: "cert" | "chain" | "fullchain";
  hasKey: boolean;
} | null {
  if (lineage === null || dirname(certificate) !== lineage.path) return null;
  if (key !== null && key !== join(lineage.path, "privkey.pem")) return null;
  const kind = basename(certificate, ".pem");
  const isOwn = kind === "cert" || kind === "chain" || kind === "fullchain";
  return isOwn ? { certificate: kind, hasKey: key !== null } : null;
}

/** A mixture is fatal whatever its files hold: the next moment it is another one. */
export function mixtureFindings(
  label: string,
  mixture: string | null,
): readonly Finding[] {
  if (mixture === null) return [];
  return [
    ruleFinding("files/mixed-versions", {
      message: `${label}: ${mixture}`,
      hint: "wait until whoever writes it is done, or let Certbot repair it: certbot certificates",
    }),
  ];
}

/** The verdicts that the record holds, and the ones to keep. */
function rememberVerdicts(record: SourceRecord | null) {
  let verdict = record?.verdict ?? null;
  let rehearsal = record?.rehearsal ?? null;
  return {
    verdicts: {
      get: (key: string) => (verdict?.key === key ? verdict.rules : null),
      set: (key: string, rules: readonly string[]) => {
        verdict = { key, rules };
      },
    },
    rehearsals: {
      get: (files: string) =>
        rehearsal?.files === files ? rehearsal.bundle256 : null,
      set: (files: string, bundle256: string) => {
        rehearsal = { files, bundle256 };
      },
    },
    verdict: () => verdict,
    rehearsal: () => rehearsal,
  };
}

/** As they were read; what cannot be read is told from its next version all the same, as `identifyFiles` sees it. */
async function identitiesOf(
  readings: readonly (FileReading<unknown> | null)[],
): Promise<readonly FileIdentity[]> {
  const identities = await Promise.all(
    readings.map(async (reading) => {
      if (reading?.kind === "read") return reading.identity;
      return reading?.kind === "unreadable" ? identifyFile(reading.path) : null;
    }),
  );
  return identities.filter((identity) => identity !== null);
}

/** The files as they are now, without reading them. */
export async function identifyFiles({
  certificate,
  key,
}: SourceFiles): Promise<readonly FileIdentity[]> {
  const identities = await Promise.all(
    [certificate, ...(key === null ? [] : [key])].map(identifyFile),
  );
  return identities.filter((identity) => identity !== null);
}

/** DER of the certificates that came after the leaf when the source was last deployed. */
export function knownIssuersOf(
  record: SourceRecord | null,
): readonly Uint8Array[] {
  return (
    record?.deployed?.others.map((der) => Buffer.from(der, "base64")) ?? []
  );
}

function newestChange(identities: readonly FileIdentity[]): Date | null {
  if (identities.length === 0) return null;
  return new Date(
    Math.max(
      ...identities.map(({ changedNs }) =>
        Number(BigInt(changedNs) / 1_000_000n),
      ),
    ),
  );
}
