/**
 * The way out of our own sandbox: the service manager runs a program in a unit without one. So what Nginx's program says
 * of logs, pid file and keys is what the master would say, and a user's command may do what it could do anywhere. Nothing
 * but the program and its arguments comes from outside.
 */
import type { ProgramResult } from "../process/run.ts";
import { runProgram } from "../process/run.ts";
import { findProgram } from "../process/trust.ts";
import { isSystemdRunning } from "../systemd/units.ts";

export interface OutsideCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** What the unit is called in the service manager's log. */
  readonly description: string;
  /** Written to standard input, which is empty otherwise. */
  readonly input?: string;
}

/** What the manager and its child need beside the program's own time. */
const marginMs = 5_000;

/** null: there is no way out, or the manager could not be asked. */
export async function runOutside(
  command: OutsideCommand,
): Promise<ProgramResult | null> {
  if (!isUnit() || !isSystemdRunning()) return null;
  const found = await findProgram("systemd-run");
  if (found.kind !== "found") return null;
  const result = await runProgram({
    program: found.path,
    args: outsideArguments(command),
    timeoutMs: command.timeoutMs + marginMs,
    signal: command.signal,
    input: command.input,
  });
  return isOfManager(result) ? null : result;
}

/** Whether we were started as a unit (systemd.exec(5), `$INVOCATION_ID`); by hand nothing but the caller holds us. */
function isUnit(): boolean {
  return (process.env["INVOCATION_ID"] ?? "") !== "";
}

function outsideArguments({
  program,
  args,
  timeoutMs,
  description,
}: OutsideCommand): readonly string[] {
  return [
    ...["--quiet", "--pipe", "--wait", "--collect", "--no-ask-password"],
    `--description=${description}`,
    "--setenv=LC_ALL=C",
    `--property=RuntimeMaxSec=${String(Math.ceil(timeoutMs / 1_000))}`,
    ...["--property=TimeoutStopSec=1", "--property=LogLevelMax=notice"],
    "--",
    // The manager replaces `$NAME` in a unit's arguments.
    ...[program, ...args].map((word) => word.replaceAll("$", "$$$$")),
  ];
}

/** `Failed to connect to bus: …`: the manager's words, not the program's. */
function isOfManager(result: ProgramResult): boolean {
  if (result.kind === "not-started") return true;
  return (
    result.kind === "exited" &&
    result.exitCode !== 0 &&
    /^Failed to /.test(result.stderr)
  );
}
