/**
 * Reads the files of a lineage, or of a pair that is none, as one version. Certbot writes new files and then switches four
 * links one by one; others copy two files one after the other. A mixture is waited out, and only then called so.
 */
import { statSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import {
  byKind,
  type ByKind,
  type FileReading,
  type Lineage,
} from "../../core/lineage/lineage.ts";
import {
  isSameView,
  lineageState,
  type LineageState,
  type LineageView,
} from "../../core/lineage/versions.ts";
import { beingWritten, readFileBounded } from "../files/read-file.ts";
import { isKeyOf, readCertificates } from "../tls/certificate.ts";
import { PrivateKey, readPrivateKey } from "../tls/private-key.ts";
import { linkedNames, viewLineage, viewOfFiles } from "./view.ts";

export { currentVersion } from "./view.ts";

export interface LineageFiles {
  readonly cert: FileReading;
  readonly privkey: FileReading<PrivateKey>;
  readonly chain: FileReading;
  readonly fullchain: FileReading;
}

export type LineageSnapshot =
  /** `version` is null for files that Certbot did not number. A single file may still be absent or unreadable. */
  | {
      readonly kind: "consistent";
      readonly version: number | null;
      readonly files: LineageFiles;
    }
  | {
      readonly kind: "inconsistent";
      /** In terms of the files, e.g. `cert.pem is version 3, privkey.pem is version 2`. */
      readonly reason: string;
      readonly files: LineageFiles;
    }
  /** None of the four is there. */
  | { readonly kind: "absent" };

export interface PairFiles {
  readonly certificate: FileReading;
  /** null where no key was asked for. */
  readonly key: FileReading<PrivateKey> | null;
}

export type PairSnapshot =
  | { readonly kind: "consistent"; readonly files: PairFiles }
  | {
      readonly kind: "inconsistent";
      readonly reason: string;
      readonly files: PairFiles;
    }
  | { readonly kind: "absent" };

export interface SnapshotOptions {
  /** How long a mixture is waited for; one look is always taken. */
  readonly settleMs: number;
  /** A hook needs none, Certbot has finished by then. Files that were left alone for a second need none either. */
  readonly secondLook: "needed" | "not-needed";
  readonly signal: AbortSignal;
}

/** @throws the signal's reason when it is aborted; nothing else. */
export async function snapshotLineage(
  lineage: Lineage,
  options: SnapshotOptions,
): Promise<LineageSnapshot> {
  return settle(() => lookAtLineage(lineage), options);
}

/** The same care for two files that nobody numbers: they are settled when the key belongs to the leaf. */
export async function snapshotPair(
  certificate: string,
  key: string | null,
  options: SnapshotOptions,
): Promise<PairSnapshot> {
  return settle(() => lookAtPair(certificate, key), options);
}

/** One look. */
interface Look<Snapshot> {
  /** What is said if nothing better is seen in time. */
  readonly snapshot: Snapshot;
  /** `moving`: waiting may help. */
  readonly state: "settled" | "moving" | "absent";
  /** Equal for two looks at the same files. */
  readonly identity: string;
  /** Of the newest change that was seen, ms since the epoch. */
  readonly changedMs: number;
}

const secondLookAfterMs = 100;
const mixturePollMs = 20;
/** Whoever writes a lineage is done within milliseconds. */
const quietMs = 1_000;

async function settle<Snapshot>(
  look: () => Promise<Look<Snapshot>>,
  { settleMs, secondLook, signal }: SnapshotOptions,
): Promise<Snapshot> {
  const startedMs = performance.now();
  let previous: string | null = null;
  for (;;) {
    signal.throwIfAborted();
    const { snapshot, state, identity, changedMs } = await look();
    const untouchedMs = Date.now() - changedMs;
    const isConfirmed =
      secondLook === "not-needed" ||
      untouchedMs >= quietMs ||
      previous === identity;
    if (state === "absent" || (state === "settled" && isConfirmed))
      return snapshot;
    // Nobody is at work on what has been like this for longer than we would wait.
    const isLeftSo = state === "moving" && untouchedMs > settleMs;
    const leftMs = settleMs - (performance.now() - startedMs);
    if (isLeftSo || leftMs <= 0) return snapshot;
    previous = identity;
    const pauseMs = state === "settled" ? secondLookAfterMs : mixturePollMs;
    await delay(Math.min(pauseMs, leftMs), undefined, { signal });
  }
}

async function lookAtLineage(lineage: Lineage): Promise<Look<LineageSnapshot>> {
  const linked = linkedNames(lineage);
  if (linked === null) return lookBetweenViews(lineage);
  const files = await readLineage(lineage);
  const view = viewOfFiles(lineage, linked, whereRead(files));
  return view === null
    ? lookBetweenViews(lineage)
    : lookOf(lineage, files, lineageState(view));
}

/** What the files that were read leave open: are they still the lineage's when all of them have been read? */
async function lookBetweenViews(
  lineage: Lineage,
): Promise<Look<LineageSnapshot>> {
  const before = viewLineage(lineage);
  const files = await readLineage(lineage);
  const after = viewLineage(lineage);
  const state = isSameView(before, after)
    ? lineageState(after)
    : mixed("its files were switched while they were read");
  return lookOf(lineage, files, dangling(state, after, files) ?? state);
}

function lookOf(
  lineage: Lineage,
  files: LineageFiles,
  state: LineageState,
): Look<LineageSnapshot> {
  const readings = Object.values(files) as readonly FileReading<unknown>[];
  const look = {
    identity: identityOf(readings),
    changedMs: newestChange(readings, lineage.path),
  };
  if (state.kind === "absent")
    return { ...look, state: "absent", snapshot: { kind: "absent" } };
  if (state.kind === "mixed") {
    const { reason } = state;
    return {
      ...look,
      state: "moving",
      snapshot: { kind: "inconsistent", reason, files },
    };
  }
  const isSettled =
    state.kind === "one" &&
    (state.version !== null || agree(files.fullchain, files.privkey));
  return {
    ...look,
    state: isSettled ? "settled" : "moving",
    snapshot: { kind: "consistent", version: state.version, files },
  };
}

function whereRead(files: LineageFiles): ByKind<string | null> {
  return byKind((kind) => {
    const reading = files[kind];
    return reading.kind === "read" ? reading.identity.resolved : null;
  });
}

async function readLineage({ path }: Lineage): Promise<LineageFiles> {
  const [cert, privkey, chain, fullchain] = await Promise.all([
    readFileBounded(`${path}/cert.pem`),
    readKey(`${path}/privkey.pem`),
    readFileBounded(`${path}/chain.pem`),
    readFileBounded(`${path}/fullchain.pem`),
  ]);
  return { cert, privkey, chain, fullchain };
}

/** The key's bytes are sealed as soon as they are read. */
async function readKey(path: string): Promise<FileReading<PrivateKey>> {
  const reading = await readFileBounded(path);
  return reading.kind === "read"
    ? { ...reading, content: new PrivateKey(reading.content) }
    : reading;
}

/** What Nginx loads, and whose link leads nowhere; null where nothing is wrong with that. */
function dangling(
  state: LineageState,
  { entries }: LineageView,
  files: LineageFiles,
): LineageState | null {
  if (state.kind === "absent" || state.kind === "mixed") return null;
  const kind = (["privkey", "fullchain"] as const).find(
    (one) => files[one].kind === "absent",
  );
  return kind !== undefined && entries[kind].kind === "link"
    ? mixed(`${kind}.pem leads to a file that does not exist`)
    : null;
}

function mixed(reason: string): LineageState {
  return { kind: "mixed", reason };
}

async function lookAtPair(
  certificatePath: string,
  keyPath: string | null,
): Promise<Look<PairSnapshot>> {
  const read = async (): Promise<PairFiles> => ({
    certificate: await readFileBounded(certificatePath),
    key: keyPath === null ? null : await readKey(keyPath),
  });
  const before = await read();
  const files = await read();
  const readings = readingsOf(files);
  const identity = identityOf(readings);
  const look = { identity, changedMs: newestChange(readings, null) };
  if (readings.every(({ kind }) => kind === "absent"))
    return { ...look, state: "absent", snapshot: { kind: "absent" } };
  if (identityOf(readingsOf(before)) !== identity) {
    const reason = "its files were written while they were read";
    return {
      ...look,
      state: "moving",
      snapshot: { kind: "inconsistent", reason, files },
    };
  }
  const isSettled = files.key === null || agree(files.certificate, files.key);
  return {
    ...look,
    state: isSettled ? "settled" : "moving",
    snapshot: { kind: "consistent", files },
  };
}

function readingsOf({
  certificate,
  key,
}: PairFiles): readonly FileReading<unknown>[] {
  return key === null ? [certificate] : [certificate, key];
}

/**
 * Whether the key belongs to the leaf. A key that cannot be looked into (a password) is given the benefit, and so is what
 * no waiting makes readable (a device, or larger than any PEM file): that is a fault of its own.
 */
function agree(
  certificate: FileReading,
  key: FileReading<PrivateKey>,
): boolean {
  if (isBeyondReading(certificate) || isBeyondReading(key)) return true;
  if (certificate.kind !== "read" || key.kind !== "read") return false;
  const certificates = readCertificates(certificate.content);
  const privateKey = readPrivateKey(key.content);
  if (privateKey.kind === "encrypted") return true;
  if (certificates.kind !== "read" || privateKey.kind !== "usable")
    return false;
  const [leaf] = certificates.certificates;
  return leaf !== undefined && isKeyOf(privateKey.key, leaf);
}

function isBeyondReading(reading: FileReading<unknown>): boolean {
  return reading.kind === "unreadable" && reading.reason !== beingWritten;
}

function identityOf(readings: readonly FileReading<unknown>[]): string {
  return JSON.stringify(
    readings.map((reading) =>
      reading.kind === "read" ? reading.identity : reading,
    ),
  );
}

/** The directory's own time tells when one of its links was last switched. */
function newestChange(
  readings: readonly FileReading<unknown>[],
  directory: string | null,
): number {
  const switchedMs = directory === null ? 0 : modifiedMs(directory);
  const written = readings.map((reading) =>
    reading.kind === "read"
      ? Number(BigInt(reading.identity.changedNs) / 1_000_000n)
      : 0,
  );
  return Math.max(switchedMs, ...written);
}

function modifiedMs(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}
