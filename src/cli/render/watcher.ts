import type { WatcherReport } from "../../core/report/document.ts";
import { printable } from "../../core/report/text.ts";

/** Whether a watcher runs, since when, what it last did and what it will try again when: one line each. */
export function renderWatcher(
  watcher: WatcherReport | null,
  now: Date,
): string {
  if (watcher === null)
    return "no watcher is running: what no hook makes live stays as it is (livecert watch)\n";
  const { pid, since, lastRun, retries, reconcileAt } = watcher;
  const lines = [
    `watcher: running since ${minute(since)} (pid ${String(pid)})`,
    ...(lastRun === null
      ? []
      : [`  last run ${minute(lastRun.at)}: ${lastRun.summary}`]),
    ...retries.map(
      ({ name, outcome, attempts, at }) =>
        `  ${name}: ${outcome} ${times(attempts)}, tried again ${until(at, now)}`,
    ),
    ...(reconcileAt === null
      ? []
      : [`  looks everything through ${until(reconcileAt, now)}`]),
  ];
  return lines.map((line) => `${printable(line)}\n`).join("");
}

function minute(instant: string): string {
  return `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`;
}

function times(count: number): string {
  return count === 1 ? "once" : `${String(count)} times`;
}

function until(instant: string, now: Date): string {
  const seconds = Math.max(
    0,
    Math.round((Date.parse(instant) - now.getTime()) / 1_000),
  );
  if (seconds < 100) return `in ${String(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100
    ? `in ${String(minutes)} min`
    : `in ${String(Math.round(minutes / 60))} h`;
}
