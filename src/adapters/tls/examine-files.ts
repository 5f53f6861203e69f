/** The files of a source as Nginx would read them, and what is wrong with each of them alone. */
import type { Certificate } from "../../core/certificate/certificate.ts";
import type { FileReading } from "../../core/lineage/lineage.ts";
import {
  fileFinding,
  keyExposureFindings,
  type CompanionFile,
} from "../../core/validation/files.ts";
import type { Finding } from "../../core/validation/finding.ts";
import { encryptedKeyFinding } from "../../core/validation/pair.ts";
import { readCertificates } from "./certificate.ts";
import { pathOf } from "./examination.ts";
import {
  readPrivateKey,
  type KeyReading,
  type PrivateKey,
  type UsableKey,
} from "./private-key.ts";

export interface ChainFile {
  /** Empty where Nginx could not load the file. */
  readonly certificates: readonly Certificate[];
  readonly findings: readonly Finding[];
}

export function readChainFile(reading: FileReading): ChainFile {
  if (reading.kind !== "read")
    return spoiled(fileFinding(reading.path, "certificate", reading));
  const found = readCertificates(reading.content);
  return found.kind === "read"
    ? { certificates: found.certificates, findings: [] }
    : spoiled(fileFinding(reading.identity.path, "certificate", found));
}

function spoiled(finding: Finding): ChainFile {
  return { certificates: [], findings: [finding] };
}

export interface KeyFile {
  readonly path: string;
  /** null where Nginx could not load it. */
  readonly key: UsableKey | null;
  readonly findings: readonly Finding[];
}

export function readKeyFile(
  reading: FileReading<PrivateKey>,
  password: FileReading | null,
): KeyFile {
  const passwordFindings = unreadPassword(password);
  if (reading.kind !== "read") {
    const { path } = reading;
    const finding = fileFinding(path, "private key", reading);
    return { path, key: null, findings: [...passwordFindings, finding] };
  }
  const { path, mode } = reading.identity;
  const key = readPrivateKey(reading.content, passwordsOf(password));
  return {
    path,
    key: key.kind === "usable" ? key : null,
    findings: [
      ...passwordFindings,
      ...keyFindings(path, key, password),
      ...keyExposureFindings(path, mode),
    ],
  };
}

/** What there is to say of a key that was found to belong to the certificate before: it is not decoded again. */
export function knownKeyFindings(
  reading: FileReading<PrivateKey> | null,
): readonly Finding[] {
  if (reading?.kind !== "read") return [];
  const { path, mode } = reading.identity;
  return keyExposureFindings(path, mode);
}

/** Nginx opens the password file whether or not the key needs it. */
function unreadPassword(password: FileReading | null): readonly Finding[] {
  return password === null || password.kind === "read"
    ? []
    : [fileFinding(password.path, "password", password)];
}

function keyFindings(
  path: string,
  key: KeyReading,
  password: FileReading | null,
): readonly Finding[] {
  if (key.kind === "usable") return [];
  if (key.kind !== "encrypted") return [fileFinding(path, "private key", key)];
  const passwordFile = password === null ? null : pathOf(password);
  return [encryptedKeyFinding({ keyFile: path, passwordFile })];
}

/** One a line, as ngx_ssl_read_password_file() takes them. */
function passwordsOf(password: FileReading | null): readonly Uint8Array[] {
  if (password?.kind !== "read") return [];
  const lines = Buffer.from(password.content).toString("latin1").split("\n");
  return lines
    .map((line) => line.replace(/\r$/, ""))
    .filter((line) => line !== "")
    .map((line) => Buffer.from(line, "latin1"));
}

/** cert.pem or chain.pem; an empty chain.pem is what belongs to a leaf alone. */
export function readCompanion(
  reading: FileReading | null,
): CompanionFile | null {
  if (reading === null) return null;
  const path = pathOf(reading);
  if (reading.kind !== "read") return { path, certificates: null };
  const found = readCertificates(reading.content);
  if (found.kind === "empty") return { path, certificates: [] };
  return {
    path,
    certificates: found.kind === "read" ? found.certificates : null,
  };
}
