/** The machine's own `openssl verify`: the library that Nginx loads judges, and no path building of ours. */
import { findProgram } from "../process/trust.ts";
import { describeEnd, runProgram } from "../process/run.ts";

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
  /** No verdict: there is no such program, or it did not work. */
  | { readonly kind: "failed"; readonly reason: string };

export interface VerifyRequest {
  /** PEM; goes to standard input. */
  readonly leaf: string;
  /** PEM files. */
  readonly trusted: readonly string[];
  readonly untrusted: string | null;
  /** `complete`: up to a self-signed root. `partial`: any trusted certificate ends the chain. */
  readonly chain: "complete" | "partial";
  /** null: whatever the time is. */
  readonly at: Date | null;
  /** OpenSSL's security level for keys and signatures. */
  readonly level: number;
  readonly signal: AbortSignal;
}

const timeoutMs = 10_000;

/** A program that has hung is not asked again for as long, or a run over many certificates would wait for each. */
const distrustMs = 60_000;
let hungAtMs = -Infinity;

/**
 * `-trusted` (rather than -CAfile) switches off every other place where OpenSSL looks for roots, also the certificate store
 * of 3.0, whose own switch 1.1.1 does not know.
 */
export async function opensslVerify(
  request: VerifyRequest,
): Promise<VerifyResult> {
  const program = await findProgram("openssl");
  if (program.kind !== "found")
    return { kind: "failed", reason: "there is no openssl program" };
  if (performance.now() - hungAtMs < distrustMs)
    return { kind: "failed", reason: "openssl verify has just hung" };
  const result = await runProgram({
    program: program.path,
    args: argumentsOf(request),
    input: request.leaf,
    timeoutMs,
    signal: request.signal,
    maxOutputBytes: 1024 * 1024,
  });
  if (result.kind === "exited") {
    if (result.exitCode === 0) return { kind: "verified", errors: [] };
    const errors = readErrors(`${result.stdout}\n${result.stderr}`);
    if (errors.length > 0) return { kind: "verified", errors };
  }
  if (result.kind === "timed-out") hungAtMs = performance.now();
  return { kind: "failed", reason: `openssl verify ${describeEnd(result)}` };
}

function argumentsOf(request: VerifyRequest): readonly string[] {
  const { trusted, untrusted, chain, at, level } = request;
  return [
    "verify",
    ...["-purpose", "sslserver", "-auth_level", String(level)],
    ...["-no-CAfile", "-no-CApath"],
    ...trusted.flatMap((file) => ["-trusted", file]),
    ...(untrusted === null ? [] : ["-untrusted", untrusted]),
    ...(chain === "partial" ? ["-partial_chain"] : []),
    ...(at === null
      ? ["-no_check_time"]
      : ["-attime", String(Math.floor(at.getTime() / 1000))]),
  ];
}

/** Each error stands in a line of its own, after one with the subject that it is about. */
function readErrors(output: string): readonly VerifyError[] {
  const lines = output.split("\n");
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
