/**
 * The answer of `GET /containers/ID/top?ps_args=…`: what ps(1) printed on the engine's machine, split at blanks as the engine
 * splits it. Asked with `processListArguments` each row reads `PID PPID STAT SECONDS Tue Nov 24 02:53:03 2026 ARGUMENTS`.
 */
import { valueAt } from "./container.ts";

export const processListArguments = "-eo pid,ppid,stat,etimes,lstart,args";

export interface ListedProcess {
  readonly pid: number;
  readonly parentPid: number;
  /** As in ps(1): `S`, `R`, `T`, … */
  readonly state: string;
  readonly ageSeconds: number;
  /** By the machine's own clock and zone: it tells two processes with one pid apart, no more. */
  readonly started: string;
  readonly title: string;
}

const rowPattern =
  /^(\d+) (\d+) (\S+) (\d+) (\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}) (.*)$/s;

/** null: the engine answered with another table. */
export function readProcessList(
  document: unknown,
): readonly ListedProcess[] | null {
  const rows = valueAt(document, "Processes");
  if (!Array.isArray(rows)) return null;
  const processes = rows.map((row: unknown) =>
    Array.isArray(row) ? readRow(row.join(" ")) : null,
  );
  const known = processes.filter((one) => one !== null);
  return known.length === rows.length ? known : null;
}

function readRow(text: string): ListedProcess | null {
  const row = rowPattern.exec(text);
  if (row === null) return null;
  const [, pid, parentPid, state = "", age, started = "", title = ""] = row;
  return {
    pid: Number(pid),
    parentPid: Number(parentPid),
    state,
    ageSeconds: Number(age),
    started,
    title,
  };
}
