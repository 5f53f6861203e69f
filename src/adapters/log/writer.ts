import pino from "pino";
import { redact } from "../../core/report/redact.ts";
import { toAscii } from "../../core/report/text.ts";
import { priorities } from "./journal.ts";
import type { LineWriter, LogFormat, LogLine } from "./log.ts";
import { renderLine } from "./people.ts";

/**
 * Writes synchronously, so that nothing is lost when the process ends. Every line passes the redactor as the text that
 * would be written, whatever field it came from, and is ASCII, as a hook must be.
 */
export function openWriter(format: LogFormat, descriptor: number): LineWriter {
  const destination = pino.destination({ fd: descriptor, sync: true });
  // Who reads the log may have gone; the work goes on.
  destination.on("error", () => undefined);
  const write = (text: string): void => {
    destination.write(toAscii(redact(text)));
  };
  return format.kind === "json"
    ? jsonWriter(write, format)
    : (line) => write(renderLine(plainLine(line), format));
}

function jsonWriter(
  write: (text: string) => void,
  format: Extract<LogFormat, { kind: "json" }>,
): LineWriter {
  let priority = "";
  const logger = pino(
    {
      level: "trace",
      timestamp: false,
      serializers: { error: pino.stdSerializers.errWithCause },
    },
    { write: (text: string) => write(priority + text) },
  );
  return ({ level, at, message, fields }) => {
    if (format.priorities) priority = `<${String(priorities[level])}>`;
    logger[level]({ time: at.getTime(), ...fields }, message);
  };
}

/** With an Error as its stack, causes included. */
function plainLine(line: LogLine): LogLine {
  const { error } = line.fields;
  return error instanceof Error
    ? {
        ...line,
        fields: {
          ...line.fields,
          error: pino.stdSerializers.err(error).stack,
        },
      }
    : line;
}
