/** Values of a log line: camelCase names, units in them (`timeoutMs`). Never key material, though a redactor stands behind. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Where the program tells what it does. Messages are constant, values are fields. `error`: someone must act; `warn`: look
 * when you have time; `info`: what changed on this machine; `debug`: for us.
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
