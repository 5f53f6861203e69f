/** The machine's own `openssl verify`: the library that Nginx loads judges, and no path building of ours. */
import { findProgram } from "../process/trust.ts";
import { describeEnd, runProgram, type ProgramResult } from "../process/run.ts";
import { NoScratchFile, withScratchFiles } from "./scratch.ts";

/** One line of its complaints. */
export interface VerifyError {
  /** X509_V_ERR_…, see openssl-verify(1) and x509_vfy.h. */
  readonly code: number;
  /** 0: the leaf. */
  readonly depth: number;
  /** As OpenSSL prints it; empty where it names nobody. */
  readonly subject: string;
  readonly words: string;
}

export type VerifyResult =
  | { readonly kind: "verified"; readonly errors: readonly VerifyError[] }
  /** No verdict: there is no such program, it did not work, or there was no room for its question. */
  | { readonly kind: "failed"; readonly reason: string };

/** What is asked about a leaf. */
export interface VerifyQuestion {
  /** PEM files. */
  readonly trusted: readonly string[];
  /** PEM. */
  readonly untrusted: string | null;
  /** `complete`: up to a self-signed root. `partial`: any trusted certificate ends the chain. */
  readonly chain: "complete" | "partial";
  /** Seconds since the epoch; null: whatever the time is. */
  readonly atSeconds: number | null;
  /** OpenSSL's security level for keys and signatures. */
  readonly level: number;
  /** For what `openssl` is told by name: ours alone (0700); made where it is missing. */
  readonly temporaryDir: string;
  readonly signal: AbortSignal;
}

const timeoutMs = 10_000;

/** A program that has hung is not asked again for as long, or a run over many certificates would wait for each. */
const distrustMs = 60_000;
let hungAtMs = -Infinity;

/**
 * Asks the same about each leaf (PEM), and answers in their order. One process answers for all, since it spends nearly all
 * of its time on reading the roots; a leaf that it has no answer to, say one that it cannot read, is asked about alone.
 *
 * @throws LivecertError `state-unwritable` where the temporary directory is not ours to write
 */
export async function opensslVerify(
  leaves: readonly string[],
  question: VerifyQuestion,
): Promise<readonly VerifyResult[]> {
  const together = leaves.length > 1 ? await askTogether(leaves, question) : [];
  const results: VerifyResult[] = [];
  for (const [index, leaf] of leaves.entries())
    results.push(together[index] ?? (await askAlone(leaf, question)));
  return results;
}

/** null for a leaf without an answer. */
async function askTogether(
  leaves: readonly string[],
  question: VerifyQuestion,
): Promise<readonly (VerifyResult | null)[]> {
  const { files, result } = await call(question, { leaves });
  const answers = readAnswers(result);
  return files.map((file) => answers.get(file) ?? null);
}

async function askAlone(
  leaf: string,
  question: VerifyQuestion,
): Promise<VerifyResult> {
  const { result } = await call(question, { leaves: [], input: leaf });
  return readAnswer(result);
}

interface Called {
  /** Where the leaves were written for it; none where they were not. */
  readonly files: readonly string[];
  readonly result: Ended;
}

/** Leaves are handed over as files, or one on standard input, which takes no room on a disk. */
async function call(
  question: VerifyQuestion,
  {
    leaves,
    input,
  }: { readonly leaves: readonly string[]; readonly input?: string },
): Promise<Called> {
  const { temporaryDir, untrusted, signal } = question;
  // The directory may be gone with whoever has stopped.
  if (signal.aborted) return notAsked("openssl verify was stopped");
  const others = untrusted === null ? [] : [untrusted];
  try {
    return await withScratchFiles(
      temporaryDir,
      [...leaves, ...others],
      async (paths) => {
        const files = paths.slice(0, leaves.length);
        const untrustedFile = paths[leaves.length];
        const result = await run(question, { untrustedFile, files, input });
        return { files, result };
      },
    );
  } catch (error) {
    if (error instanceof NoScratchFile) return notAsked(error.message);
    throw error;
  }
}

function notAsked(reason: string): Called {
  return { files: [], result: { kind: "not-asked", reason } };
}

function failed(reason: string): VerifyResult {
  return { kind: "failed", reason };
}

interface Handed {
  readonly untrustedFile: string | undefined;
  /** Leaves. */
  readonly files: readonly string[];
  /** A leaf. */
  readonly input: string | undefined;
}

type Ended =
  ProgramResult | { readonly kind: "not-asked"; readonly reason: string };

/**
 * `-trusted` (rather than -CAfile) switches off every other place where OpenSSL looks for roots, also the certificate store
 * of 3.0, whose own switch 1.1.1 does not know.
 */
async function run(
  question: VerifyQuestion,
  { untrustedFile, files, input }: Handed,
): Promise<Ended> {
  const program = await findProgram("openssl");
  if (program.kind !== "found")
    return { kind: "not-asked", reason: "there is no openssl program" };
  if (performance.now() - hungAtMs < distrustMs)
    return { kind: "not-asked", reason: "openssl verify has just hung" };
  const result = await runProgram({
    program: program.path,
    args: [...argumentsOf(question, untrustedFile), ...files],
    input,
    timeoutMs,
    signal: question.signal,
    maxOutputBytes: 1024 * 1024,
  });
  if (result.kind === "timed-out") hungAtMs = performance.now();
  return result;
}

function argumentsOf(
  { trusted, chain, atSeconds, level }: VerifyQuestion,
  untrustedFile: string | undefined,
): readonly string[] {
  return [
    "verify",
    ...["-purpose", "sslserver", "-auth_level", String(level)],
    ...["-no-CAfile", "-no-CApath"],
    ...trusted.flatMap((file) => ["-trusted", file]),
    ...(untrustedFile === undefined ? [] : ["-untrusted", untrustedFile]),
    ...(chain === "partial" ? ["-partial_chain"] : []),
    ...(atSeconds === null
      ? ["-no_check_time"]
      : ["-attime", String(atSeconds)]),
  ];
}

/** Of a call with one leaf. */
function readAnswer(result: Ended): VerifyResult {
  if (result.kind === "not-asked") return failed(result.reason);
  if (result.kind === "exited") {
    if (result.exitCode === 0) return { kind: "verified", errors: [] };
    const errors = readErrors(`${result.stdout}\n${result.stderr}`.split("\n"));
    if (errors.length > 0) return { kind: "verified", errors };
  }
  return failed(`openssl verify ${describeEnd(result)}`);
}

/** By file: each is told to be well on standard output, or, after its errors, not to be on the other one. */
function readAnswers(result: Ended): ReadonlyMap<string, VerifyResult> {
  const answers = new Map<string, VerifyResult>();
  if (result.kind !== "exited") return answers;
  for (const line of result.stdout.split("\n")) {
    const [, file] = /^(.*): OK$/.exec(line) ?? [];
    if (file !== undefined) answers.set(file, { kind: "verified", errors: [] });
  }
  let lines: string[] = [];
  for (const line of result.stderr.split("\n")) {
    const [, file] = /^error (.*): verification failed$/.exec(line) ?? [];
    if (file === undefined) {
      lines.push(line);
      continue;
    }
    const errors = readErrors(lines);
    if (errors.length > 0) answers.set(file, { kind: "verified", errors });
    lines = [];
  }
  return answers;
}

/** Each error stands in a line of its own, after one with the subject that it is about. */
function readErrors(lines: readonly string[]): readonly VerifyError[] {
  return lines.flatMap((line, index) => {
    const found = /^error (\d+) at (-?\d+) depth lookup: ?(.*)$/.exec(line);
    if (found === null) return [];
    const [, code = "", depth = "", words = ""] = found;
    const before = lines[index - 1] ?? "";
    return [
      {
        code: Number(code),
        depth: Number(depth),
        subject: before.includes("=") ? before : "",
        words,
      },
    ];
  });
}
