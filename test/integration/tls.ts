import { dirname, join } from "node:path";
import { readFileBounded } from "../../src/adapters/files/read-file.ts";
import {
  examine,
  type Examination,
  type ExaminationContext,
} from "../../src/adapters/tls/examine.ts";
import { PrivateKey } from "../../src/adapters/tls/private-key.ts";
import { onlyRoots } from "../../src/adapters/tls/roots.ts";
import type { FileReading } from "../../src/core/lineage/lineage.ts";

export interface Files {
  readonly certificate: string;
  /** null: a bundle alone. */
  readonly key: string | null;
  readonly password?: string;
  readonly cert?: string;
  readonly chain?: string;
  readonly securityLevel?: number;
}

/** Examines files as they lie on disk, with these roots and no others. */
export async function examineFiles(
  files: Files,
  rootFile: string,
  change: Partial<ExaminationContext> = {},
): Promise<Examination> {
  const read = async (path: string | undefined): Promise<FileReading | null> =>
    path === undefined ? null : readFileBounded(path);
  return examine(
    {
      label: "site",
      certificate: await readFileBounded(files.certificate),
      key: files.key === null ? null : await readKey(files.key),
      password: await read(files.password),
      cert: await read(files.cert),
      chain: await read(files.chain),
      securityLevel: files.securityLevel ?? null,
    },
    {
      now: new Date(),
      roots: await onlyRoots([rootFile]),
      requiredNames: [],
      knownIssuers: [],
      temporaryDir: join(dirname(files.certificate), "scratch"),
      signal: AbortSignal.timeout(60_000),
      ...change,
    },
  );
}

async function readKey(path: string): Promise<FileReading<PrivateKey>> {
  const reading = await readFileBounded(path);
  return reading.kind === "read"
    ? { ...reading, content: new PrivateKey(reading.content) }
    : reading;
}

/** `fatal pair/key-mismatch`, …, in the order of the findings. */
export function gravities(examination: Examination): readonly string[] {
  return examination.findings.map(
    ({ severity, rule }) => `${severity} ${rule}`,
  );
}
