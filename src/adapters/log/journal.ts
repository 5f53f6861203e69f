/** The systemd journal reads a priority at the beginning of each line that a service writes (sd-daemon(3)). */
import { fstatSync } from "node:fs";
import type { LineLevel } from "./log.ts";

/** Syslog's levels: warning and above are what `journalctl -p warning` shows. */
export const priorities = {
  trace: 7,
  debug: 7,
  info: 6,
  warn: 4,
  error: 3,
} as const satisfies Record<LineLevel, number>;

/**
 * Whether the descriptor leads to the journal. The variable alone says nothing: programs that a service starts inherit it
 * with outputs of their own (systemd.exec(5), `$JOURNAL_STREAM`).
 */
export function isJournal(
  environment: Readonly<Record<string, string | undefined>>,
  descriptor: number,
): boolean {
  const stream = environment["JOURNAL_STREAM"] ?? "";
  if (stream === "") return false;
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return stream === `${String(dev)}:${String(ino)}`;
  } catch {
    return false;
  }
}
