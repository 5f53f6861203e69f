import { redact } from "../core/report/redact.ts";
import { toAscii } from "../core/report/text.ts";
import type { Environment, Output } from "./invocation.ts";

/** What is needed of a process's stream. */
export interface Stream {
  readonly write: (text: string) => unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export type Alphabet = "unicode" | "ascii";

/** The way to a stream: through the redactor, and in ASCII where that is asked for. */
export function createOutput(
  stream: Stream,
  environment: Environment,
  alphabet: Alphabet,
): Output {
  const terminal = stream.isTTY === true;
  return {
    write: (text) => {
      const harmless = redact(text);
      stream.write(alphabet === "ascii" ? toAscii(harmless) : harmless);
    },
    terminal,
    colours: wantsColours(terminal, environment),
    columns: stream.columns ?? 80,
  };
}

/** https://no-color.org: NO_COLOR is stronger than everything, FORCE_COLOR than what the stream is. */
export function wantsColours(
  terminal: boolean,
  environment: Environment,
): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = environment;
  if (NO_COLOR !== undefined && NO_COLOR !== "") return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== "")
    return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  return terminal && TERM !== "dumb";
}
