import { printable } from "../core/report/text.ts";
import { LivecertError, type ErrorCode } from "../errors.ts";
import { signalNumbers, StoppedBySignal } from "./signals.ts";

/** How a run ended that could not go on. */
export interface Failure {
  readonly exitCode: number;
  /** `stopped`: by a signal. `unexpected`: a defect. */
  readonly code: ErrorCode | "stopped" | "unexpected";
  readonly message: string;
  readonly remedy: string | null;
  /** A defect of livecert: its stack belongs in the log. */
  readonly isDefect: boolean;
}

export function describeFailure(error: unknown, signal: AbortSignal): Failure {
  if (error instanceof LivecertError)
    return {
      exitCode: error.exitCode,
      code: error.code,
      message: error.message,
      remedy: error.remedy,
      isDefect: false,
    };
  // Whatever an aborted step throws, the signal is what ended the run.
  const reason: unknown = signal.aborted ? signal.reason : error;
  if (reason instanceof StoppedBySignal)
    return {
      exitCode: 128 + signalNumbers[reason.signal],
      code: "stopped",
      message: reason.message,
      remedy: "the next run takes up what is left undone",
      isDefect: false,
    };
  return {
    exitCode: 1,
    code: "unexpected",
    message: `unexpected: ${error instanceof Error ? error.message : String(error)}`,
    remedy:
      "this is a defect of livecert; please report it with the stack that the log shows",
    isDefect: true,
  };
}

/** For people, on stderr. Every line of the message is a line of its own, since a configuration may have several faults. */
export function failureText({
  message,
  remedy,
}: Pick<Failure, "message" | "remedy">): string {
  const lines = message.split("\n").map((line) => `livecert: error: ${line}\n`);
  const hint = remedy === null ? "" : `livecert: hint: ${remedy}\n`;
  return printable(lines.join("") + hint);
}

/** What `--json` prints on stdout in the place of the document that the command would have printed. */
export interface FailureDocument {
  readonly schema: 1;
  /** null where the command line names none. */
  readonly command: string | null;
  readonly error: Pick<Failure, "code" | "message" | "remedy">;
  readonly exitCode: number;
}

export function failureDocument(
  command: string | null,
  { code, message, remedy, exitCode }: Failure,
): FailureDocument {
  return { schema: 1, command, error: { code, message, remedy }, exitCode };
}
