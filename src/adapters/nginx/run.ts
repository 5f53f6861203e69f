/** Running Nginx's own program for `-T` and `-t`, and what its answers mean. */
import { redactQuotation } from "../../core/report/redact.ts";
import type { DumpResult, TestResult } from "../../ports.ts";
import { describeEnd, type ProgramResult, runProgram } from "../process/run.ts";
import { runOutside } from "./outside.ts";
import { speaksOfMissingRights } from "./sandbox.ts";

export interface NginxCommand {
  /** Absolute, checked. */
  readonly program: string;
  /** `-c`, `-p`, `-g` and `-e` as the running master has them. */
  readonly options: readonly string[];
  /** What holds livecert tighter than Nginx itself, or null. */
  readonly restriction: string | null;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Where Nginx is asked for its verdict. */
export interface NginxQuestion extends NginxCommand {
  readonly prefix: string;
}

const maxLines = 20;
const maxLineLength = 2_048;

/** The first line of every dump. */
const dumpMarker = /^# configuration file /;

/** `nginx -T`. The text is raw: it may hold keys as `data:` values, so it is for the parser only. */
export async function dumpConfiguration(
  question: NginxQuestion,
): Promise<DumpResult> {
  const result = await runNginx(question, "-T");
  return readDump(question, result, question.prefix);
}

/** What the end of `nginx -T` means, wherever it ran. */
export function readDump(
  question: Pick<NginxCommand, "program" | "restriction">,
  result: ProgramResult,
  prefix: string,
): DumpResult {
  const verdict = readVerdict(question, result);
  if (verdict.kind !== "ok") return verdict;
  if (!dumpMarker.test(result.stdout))
    return failed(`${question.program} -T exited with 0 but dumped nothing`);
  const { warnings } = verdict;
  return { kind: "ok", text: result.stdout, warnings, prefix };
}

/** `nginx -t`. */
export async function testConfiguration(
  question: NginxQuestion,
): Promise<TestResult> {
  return readVerdict(question, await runNginx(question, "-t"));
}

/** The program with the master's options before the action, outside of what holds us tighter than Nginx where that goes. */
export async function runNginx(
  { program, options, restriction, timeoutMs, signal }: NginxCommand,
  ...action: readonly string[]
): Promise<ProgramResult> {
  const command = { program, args: [...options, ...action], timeoutMs, signal };
  const description = "Nginx's own test, asked for by livecert";
  const outside =
    restriction === null ? null : await runOutside({ ...command, description });
  return outside ?? runProgram(command);
}

/** What the end of `nginx -t` means, wherever it ran. */
export function readVerdict(
  question: Pick<NginxCommand, "program" | "restriction">,
  result: ProgramResult,
): TestResult {
  if (result.kind === "timed-out")
    return failed(
      `${question.program} ${describeEnd(result)} (limits.nginx-command)`,
    );
  if (result.kind !== "exited")
    return failed(
      redactQuotation(`${question.program} ${describeEnd(result)}`),
    );
  const lines = messages(result.stderr);
  if (result.exitCode === 0)
    return { kind: "ok", warnings: lines.filter(isWarning) };
  const errors = lines.filter((line) => !isWarning(line));
  const cause = errors.findLast(isFatal) ?? errors.find(isError);
  if (cause === undefined)
    return failed(
      redactQuotation(`${question.program} ${describeEnd(result)}`),
    );
  if (question.restriction !== null && speaksOfMissingRights(cause))
    return failed(`${question.restriction}, so this says nothing: ${cause}`);
  return { kind: "refused", errors };
}

/** Nginx's words without their repetition in a log on standard error and without its closing sentences. */
export function messages(text: string): readonly string[] {
  const lines = redactQuotation(text)
    .split("\n")
    .map((line) => line.trimEnd().slice(0, maxLineLength))
    .filter((line) => line !== "" && !isFormality(line));
  const isRepeated = lines.some(isOwnLine);
  return lines
    .filter((line) => !(isRepeated && isLogLine(line)))
    .slice(0, maxLines);
}

function isFormality(line: string): boolean {
  return /configuration file .* (?:syntax is ok|test is successful|test failed)$/.test(
    line,
  );
}

/** `nginx: [emerg] …`: what is meant for the person who ran it. */
function isOwnLine(line: string): boolean {
  return /^[\w-]+: \[/.test(line);
}

function isLogLine(line: string): boolean {
  return /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[/.test(line);
}

function isWarning(line: string): boolean {
  return line.includes("[warn]") || line.includes("[notice]");
}

/** Nginx stops at the first of these. */
function isFatal(line: string): boolean {
  return line.includes("[emerg]");
}

function isError(line: string): boolean {
  return /\[(?:emerg|alert|crit|error)\]|^\w+: (?:invalid|option)/.test(line);
}

function failed(
  reason: string,
): Extract<DumpResult, { readonly kind: "failed" }> {
  return { kind: "failed", reason };
}
