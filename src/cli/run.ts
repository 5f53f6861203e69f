import type { Readable } from "node:stream";
import { isJournal } from "../adapters/log/journal.ts";
import { createLog, type OpenLog } from "../adapters/log/log.ts";
import { readSwitch } from "../core/settings/value.ts";
import { unknownAnswer } from "../core/report/nagios.ts";
import type { LogLevel } from "../core/settings/settings.ts";
import { LivecertError } from "../errors.ts";
import { commands } from "./commands.ts";
import { describeFailure, failureDocument, failureText } from "./failure.ts";
import { parsePlainLine } from "./plain-line.ts";
import type { Environment } from "./invocation.ts";
import {
  createOutput,
  wantsColours,
  type Alphabet,
  type Stream,
} from "./output.ts";
import type { ParsedLine } from "./parsed-line.ts";
import { renderJson } from "./render/json.ts";
import { loadSettings, type LoadedSettings } from "./settings.ts";

export { abortedBySignals } from "./signals.ts";

/** What the watcher has sent us for. */
export async function runErrand(process: Process): Promise<number> {
  const errand = await import("./errand.ts");
  return errand.runErrand(process);
}

/** What a run is given of the process. */
export interface Process {
  /** The command line without program and script. */
  readonly words: readonly string[];
  readonly environment: Environment;
  readonly workingDirectory: string;
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly readStdin: () => Promise<Uint8Array | null>;
  /** The same, to be read piece by piece. */
  readonly openStdin: () => Readable;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** Keep nothing on the disk that only makes the next call faster. */
  readonly leaveNoTrace: () => void;
}

/** Runs one command line to its exit code. Never throws: here is the one last catch. */
export async function runCommandLine(process: Process): Promise<number> {
  let log = openLog(process, "info");
  let isJson = asksForJson(process);
  try {
    const line = await understand(process);
    if (line === null) return 0;
    const loaded = await loadSettings(
      line,
      process.environment,
      process.workingDirectory,
    );
    log = openLog(process, loaded.settings.logLevel);
    isJson = loaded.settings.json;
    return await call(process, line, loaded, log);
  } catch (error) {
    return reportFailure(error, process, log, formatOf(process, isJson));
  } finally {
    await log.flush();
  }
}

/** Also where the line cannot be understood, or the configuration is wrong. */
function asksForJson({ words, environment }: Process): boolean {
  const given = environment["LIVECERT_JSON"] ?? "";
  return words.includes("--json") || readSwitch(given) === true;
}

type FailureFormat = "json" | "nagios" | "text";

function formatOf({ words }: Process, isJson: boolean): FailureFormat {
  if (words.includes("--nagios")) return "nagios";
  return isJson ? "json" : "text";
}

/** For what was thrown where nobody waits for it; the exit code. */
export async function reportUncaught(
  error: unknown,
  process: Process,
): Promise<number> {
  const log = openLog(process, "info");
  // Its document may have been printed already.
  const failure = isLostOutput(error) ? outputUnwritable(error) : error;
  const exitCode = reportFailure(failure, process, log, "text");
  await log.flush();
  return exitCode;
}

/** Standard output alone has an error of this kind thrown (main.ts); whoever writes to files or sockets catches theirs. */
function isLostOutput(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error)) return false;
  const { syscall, path } = error as NodeJS.ErrnoException;
  return syscall === "write" && path === undefined;
}

function outputUnwritable(cause: NodeJS.ErrnoException): LivecertError {
  const reason = cause.code === "ENOSPC" ? "the disk is full" : cause.message;
  return new LivecertError(
    "output-unwritable",
    `the result could not be printed: ${reason}`,
    { remedy: "make room; what was done is in: livecert history", cause },
  );
}

/** null: help was asked for and printed. */
async function understand(process: Process): Promise<ParsedLine | null> {
  const line = parsePlainLine(process.words);
  if (line !== null) return line;
  const { parseCommandLine } = await import("./cli.ts");
  const understood = await parseCommandLine(
    process.words,
    process.stdout.columns ?? 80,
  );
  if (understood.kind === "call") return understood.line;
  process.stdout.write(understood.text);
  return null;
}

function call(
  process: Process,
  line: ParsedLine,
  { settings, values, origins }: LoadedSettings,
  log: OpenLog,
): Promise<number> {
  const command = commands[line.command];
  if (command === undefined)
    throw new Error(`undeclared command: ${line.command}`);
  const { environment, workingDirectory, readStdin, signal, now } = process;
  const { leaveNoTrace } = process;
  const readSettings = async () => {
    const read = await loadSettings(line, environment, workingDirectory);
    log.setLevel(read.settings.logLevel);
    return read.settings;
  };
  const output = (stream: Stream) =>
    createOutput(stream, environment, alphabetOf(process));
  return command.call(line, {
    command: line.command,
    settings,
    readSettings,
    values,
    origins,
    log,
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    readStdin,
    environment,
    workingDirectory,
    signal,
    now,
    leaveNoTrace,
  });
}

/** Also before the line is understood, so that a hook's mistakes are told in ASCII too. */
function alphabetOf(process: Process): Alphabet {
  return process.words.includes("hook") ? "ascii" : "unicode";
}

export function openLog(process: Process, level: LogLevel): OpenLog {
  const { stderr, environment, now } = process;
  const terminal = stderr.isTTY === true;
  return createLog({
    level,
    format: terminal
      ? { kind: "people", colours: wantsColours(terminal, environment) }
      : { kind: "json", priorities: isJournal(environment, 2) },
    descriptor: 2,
    now,
  });
}

function reportFailure(
  error: unknown,
  process: Process,
  log: OpenLog,
  format: FailureFormat,
): number {
  const failure = describeFailure(error, process.signal);
  if (failure.isDefect) log.error("unexpected error", { error });
  const output = (stream: Stream) =>
    createOutput(stream, process.environment, alphabetOf(process));
  output(process.stderr).write(failureText(failure));
  if (format === "json") {
    const command =
      process.words.find((word) => Object.hasOwn(commands, word)) ?? null;
    output(process.stdout).write(renderJson(failureDocument(command, failure)));
  }
  if (format !== "nagios") return failure.exitCode;
  // Monitoring reads standard output, and would take a usage error's code for a certificate in danger.
  const { line, exitCode } = unknownAnswer(failure.message);
  output(process.stdout).write(`${line}\n`);
  return exitCode;
}
