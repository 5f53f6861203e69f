import type { LogLevel } from "../../core/settings/settings.ts";

/** Values of a log line: camelCase names, units in them (`timeoutMs`). Never key material, though a redactor stands behind. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Where the program tells what it does. Messages are constant, values are fields; an Error is the field `error`. `error`:
 * someone must act; `warn`: look when you have time; `info`: what changed on this machine; `debug`: for us.
 */
export interface Log {
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log, with these fields on every line. */
  child(fields: LogFields): Log;
}

export interface OpenLog extends Log {
  /** Resolves when every line has been handed to the operating system. */
  readonly flush: () => Promise<void>;
  /** For what is said from now on, through children of the log too. */
  readonly setLevel: (level: LogLevel) => void;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Where the lines go; 2 is stderr. */
  readonly descriptor: number;
  readonly now: () => Date;
}

export type LogFormat =
  /** One JSON document per line, as pino writes it; `priorities`: each after its priority, for the systemd journal. */
  | { readonly kind: "json"; readonly priorities: boolean }
  /** For a terminal. */
  | { readonly kind: "people"; readonly colours: boolean };

export interface LogLine {
  readonly level: LineLevel;
  readonly at: Date;
  readonly message: string;
  readonly fields: LogFields;
}

export type LineLevel = Exclude<LogLevel, "silent">;

/** Writes a line at once. */
export type LineWriter = (line: LogLine) => void;

const ranks = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  silent: 100,
} as const satisfies Record<LogLevel, number>;

/**
 * pino is loaded with the first line that is written, since a hook that finds everything live has nothing to say; lines
 * wait in memory meanwhile and carry the time at which they were said.
 */
export function createLog(options: LogOptions): OpenLog {
  const waiting: LogLine[] = [];
  let writer: LineWriter | null = null;
  let loading: Promise<void> | null = null;
  let { level: lowest } = options;

  const load = async (): Promise<void> => {
    const { openWriter } = await import("./writer.ts");
    writer = openWriter(options.format, options.descriptor);
    waiting.splice(0).forEach(writer);
  };
  const accept = (line: LogLine): void => {
    if (writer !== null) {
      writer(line);
      return;
    }
    waiting.push(line);
    loading ??= load();
  };

  const log = (fields: LogFields): Log => {
    const at =
      (level: LineLevel) =>
      (message: string, more: LogFields = {}): void => {
        if (ranks[level] < ranks[lowest]) return;
        accept({
          level,
          at: options.now(),
          message,
          fields: { ...fields, ...more },
        });
      };
    return {
      trace: at("trace"),
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      child: (more) => log({ ...fields, ...more }),
    };
  };
  return {
    ...log({}),
    flush: async () => loading ?? Promise.resolve(),
    setLevel: (level) => {
      lowest = level;
    },
  };
}
