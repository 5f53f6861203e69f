import { randomUUID } from "node:crypto";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import pMap from "p-map";
import { findLineage, listLineages } from "../../adapters/certbot/lineages.ts";
import {
  snapshotLineage,
  snapshotPair,
  type SnapshotOptions,
} from "../../adapters/certbot/snapshot.ts";
import {
  examine,
  type Examination,
  type ExaminationContext,
  type ExaminationSubject,
} from "../../adapters/tls/examine.ts";
import { machineRoots, onlyRoots } from "../../adapters/tls/roots.ts";
import { outcomes } from "../../core/decision/outcome.ts";
import type { Lineage } from "../../core/lineage/lineage.ts";
import type { LineageReport, RunDocument } from "../../core/report/document.ts";
import { mixtureFindings } from "../../pipeline/examine.ts";
import { renewalDueOf, reportLeaf } from "../../pipeline/report.ts";
import { LivecertError } from "../../errors.ts";
import type { CheckArguments, Invocation } from "../invocation.ts";
import { printRun } from "../print-run.ts";

/** Validates what is on disk. Asks no Nginx, writes no state, needs no rights but those to read the files. */
export async function run(
  invocation: Invocation<CheckArguments>,
): Promise<number> {
  const started = performance.now();
  const { subjects, problems } = await findSubjects(invocation);
  const lineages = await examineAll(invocation, subjects);
  return printRun(
    invocation,
    documentOf(lineages, problems, performance.now() - started),
  );
}

type Subject =
  | { readonly kind: "lineage"; readonly lineage: Lineage }
  /** A bundle alone. */
  | { readonly kind: "file"; readonly path: string };

/** @throws LivecertError lineage-not-found, usage */
async function findSubjects(invocation: Invocation<CheckArguments>): Promise<{
  readonly subjects: readonly Subject[];
  readonly problems: readonly string[];
}> {
  const words = invocation.arguments.subjects;
  if (words.length > 0)
    return {
      subjects: await Promise.all(
        words.map((word) => findSubject(invocation, word)),
      ),
      problems: [],
    };
  const { lineages, problems } = await listLineages(
    invocation.settings.certbotDir,
  );
  return {
    subjects: lineages.map((lineage) => ({ kind: "lineage", lineage })),
    problems,
  };
}

/**
 * A lineage of that very name comes first, then a directory or a bundle of that path.
 *
 * @throws LivecertError lineage-not-found, usage
 */
async function findSubject(
  { settings, workingDirectory }: Invocation<CheckArguments>,
  word: string,
): Promise<Subject> {
  const path = resolve(workingDirectory, word);
  const stats = word === "" ? null : await stat(path).catch(() => null);
  if (!word.includes("/")) {
    try {
      const lineage = await findLineage(word, settings.certbotDir);
      return { kind: "lineage", lineage };
    } catch (error) {
      if (stats === null) throw error;
    }
  }
  if (stats?.isFile() === true) return { kind: "file", path };
  if (stats === null && word.includes("/")) throw await notThere(word, path);
  if (stats?.isDirectory() === false)
    throw new LivecertError("usage", `${word} is no ordinary file`, {
      remedy: "write the certificates to a file: livecert check FILE",
    });
  return {
    kind: "lineage",
    lineage: await findLineage(path, settings.certbotDir),
  };
}

async function notThere(word: string, path: string): Promise<LivecertError> {
  const isHidden = await stat(path).then(
    () => false,
    (error: unknown) => (error as NodeJS.ErrnoException).code === "EACCES",
  );
  return isHidden
    ? new LivecertError(
        "lineage-not-found",
        `${word} cannot be looked at: permission denied`,
        { remedy: "run livecert as root" },
      )
    : new LivecertError("lineage-not-found", `${word} does not exist`, {
        remedy: "livecert check, without a name, checks all lineages",
      });
}

const examinationsAtOnce = 16;

async function examineAll(
  invocation: Invocation<CheckArguments>,
  subjects: readonly Subject[],
): Promise<readonly LineageReport[]> {
  const temporaryDir = await makeTemporary();
  try {
    const context = await contextOf(invocation, temporaryDir);
    return await pMap(
      subjects,
      (subject) => examineSubject(invocation, subject, context),
      { concurrency: examinationsAtOnce },
    );
  } finally {
    await rm(temporaryDir, { recursive: true, force: true });
  }
}

/** OpenSSL reads what is to be verified from files. */
async function makeTemporary(): Promise<string> {
  const directory = tmpdir();
  try {
    return await mkdtemp(join(directory, "livecert-check-"));
  } catch (cause) {
    throw new LivecertError(
      "temporary-unwritable",
      `nothing can be written in ${directory}: ${(cause as Error).message}`,
      { cause, remedy: "name another temporary directory: TMPDIR=PATH" },
    );
  }
}

/** Roots that the command line names are asked for in the machine's stead, those of the configuration beside them. */
async function contextOf(
  {
    settings,
    origins,
    now,
    signal,
    arguments: given,
  }: Invocation<CheckArguments>,
  temporaryDir: string,
): Promise<ExaminationContext> {
  return {
    now: now(),
    roots:
      origins.roots.kind === "flag"
        ? await onlyRoots(settings.roots)
        : await machineRoots(settings.roots),
    requiredNames: given.names,
    knownIssuers: [],
    temporaryDir,
    signal,
  };
}

async function examineSubject(
  invocation: Invocation<CheckArguments>,
  subject: Subject,
  context: ExaminationContext,
): Promise<LineageReport> {
  const { settings, signal } = invocation;
  const { examined, mixture } = await readSubject(subject, {
    settleMs: settings.limits.settleHookMs,
    secondLook: "needed",
    signal,
  });
  return report(subject, await examine(examined, context), mixture, invocation);
}

interface ReadSubject {
  readonly examined: ExaminationSubject;
  /** Why the files are no one version; null where they are. */
  readonly mixture: string | null;
}

async function readSubject(
  subject: Subject,
  options: SnapshotOptions,
): Promise<ReadSubject> {
  const nothingElse = {
    key: null,
    password: null,
    cert: null,
    chain: null,
    securityLevel: null,
  };
  if (subject.kind === "file") {
    const { path } = subject;
    const snapshot = await snapshotPair(path, null, options);
    const certificate =
      snapshot.kind === "absent"
        ? ({ kind: "absent", path } as const)
        : snapshot.files.certificate;
    return {
      examined: { ...nothingElse, label: path, certificate },
      mixture: null,
    };
  }
  const { name, path } = subject.lineage;
  const snapshot = await snapshotLineage(subject.lineage, options);
  if (snapshot.kind === "absent") {
    const certificate = {
      kind: "absent",
      path: join(path, "fullchain.pem"),
    } as const;
    return {
      examined: { ...nothingElse, label: name, certificate },
      mixture: null,
    };
  }
  const { cert, chain, fullchain, privkey } = snapshot.files;
  return {
    examined: {
      ...nothingElse,
      label: name,
      certificate: fullchain,
      key: privkey,
      cert,
      chain,
    },
    mixture: snapshot.kind === "inconsistent" ? snapshot.reason : null,
  };
}

function report(
  subject: Subject,
  { leaf, bundle, findings: found }: Examination,
  mixture: string | null,
  invocation: Invocation<CheckArguments>,
): LineageReport {
  const { name, path } =
    subject.kind === "lineage"
      ? subject.lineage
      : { name: null, path: subject.path };
  const findings = [...mixtureFindings(name ?? path, mixture), ...found];
  const valid = findings.every(({ severity }) => severity === "warning");
  return {
    name,
    path,
    outcome: valid ? null : "rejected",
    last: null,
    reason: null,
    remedy: null,
    leaf: leaf === null ? null : reportLeaf(leaf, bundle?.bundle256 ?? null),
    served: [],
    renewalDue: renewalDueOf(leaf, invocation),
    valid,
    findings,
    probes: [],
  };
}

function documentOf(
  lineages: readonly LineageReport[],
  warnings: readonly string[],
  totalMs: number,
): RunDocument {
  const outcome = lineages.every(({ valid }) => valid) ? null : "rejected";
  return {
    schema: 1,
    run: randomUUID(),
    command: "check",
    outcome,
    exitCode: outcome === null ? 0 : outcomes[outcome].exitCode,
    reloads: 0,
    nginx: null,
    lineages,
    publications: [],
    warnings,
    timingsMs: { total: Math.round(totalMs) },
  };
}
