import { printable } from "../core/report/text.ts";
import { LivecertError } from "../errors.ts";
import { signalNumbers, StoppedBySignal } from "./signals.ts";

/** How a run ended that could not go on. */
export interface Failure {
  readonly exitCode: number;
  /** For people, on stderr. */
  readonly text: string;
  /** A defect of livecert: its stack belongs in the log. */
  readonly isDefect: boolean;
}

export function describeFailure(error: unknown, signal: AbortSignal): Failure {
  if (error instanceof LivecertError)
    return {
      exitCode: error.exitCode,
      text: errorText(error.message, error.remedy),
      isDefect: false,
    };
  // Whatever an aborted step throws, the signal is what ended the run.
  const reason: unknown = signal.aborted ? signal.reason : error;
  if (reason instanceof StoppedBySignal)
    return {
      exitCode: 128 + signalNumbers[reason.signal],
      text: errorText(
        reason.message,
        "the next run takes up what is left undone",
      ),
      isDefect: false,
    };
  return {
    exitCode: 1,
    text: errorText(
      `unexpected: ${error instanceof Error ? error.message : String(error)}`,
      "this is a defect of livecert; please report it with the stack that the log shows",
    ),
    isDefect: true,
  };
}

/** Every line of the message is a line of its own, since a configuration may have several faults. */
function errorText(message: string, remedy: string | null): string {
  const lines = message.split("\n").map((line) => `livecert: error: ${line}\n`);
  const hint = remedy === null ? "" : `livecert: hint: ${remedy}\n`;
  return printable(lines.join("") + hint);
}
