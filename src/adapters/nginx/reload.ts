/**
 * Three ways to make a master read its files anew. None of them proves anything: Nginx may refuse afterwards, so a reload
 * is "triggered" at best.
 */
import type { ProcessIdentity } from "../../core/decision/record.ts";
import { redactQuotation } from "../../core/report/redact.ts";
import type { ReloadResult } from "../../ports.ts";
import { isAlive } from "../process/processes.ts";
import { describeEnd, type ProgramResult, runProgram } from "../process/run.ts";
import { findProgram } from "../process/trust.ts";
import { messages, type NginxCommand, runNginx } from "./run.ts";

export interface UnitReload {
  readonly unit: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Where `systemctl` is looked for; by default the system's directories. */
  readonly searchPath?: string | undefined;
}

/** SIGHUP, after a look whether the pid is still this master: what remains is the time between two system calls. */
export function reloadBySignal(master: ProcessIdentity): ReloadResult {
  const words = `the Nginx master with pid ${String(master.pid)}`;
  const ended = reloadFailed(`${words} has ended`, null);
  if (!isAlive(master)) return ended;
  try {
    process.kill(master.pid, "SIGHUP");
    return { kind: "triggered", said: [] };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ESRCH"
      ? ended
      : reloadFailed(
          `${words} cannot be signalled (${String(code)})`,
          "run livecert as root",
        );
  }
}

/** `nginx -s reload`: it tests first, and says nothing about what the master then makes of the signal. */
export async function reloadByProgram(
  command: NginxCommand,
): Promise<ReloadResult> {
  const words = [command.program, ...command.options].join(" ");
  const result = await runNginx(command, "-s", "reload");
  return readReload(`${words} -s reload`, result, `${words} -t`);
}

/** `systemctl reload UNIT`. */
export async function reloadByUnit({
  unit,
  timeoutMs,
  signal,
  searchPath,
}: UnitReload): Promise<ReloadResult> {
  const found = await findProgram("systemctl", searchPath);
  if (found.kind !== "found")
    return reloadFailed(
      found.kind === "absent"
        ? "there is no systemctl"
        : `systemctl is not run: ${found.reason}`,
      "set nginx.reloadBy to signal",
    );
  const result = await runProgram({
    program: found.path,
    args: ["--no-ask-password", "reload", "--", unit],
    timeoutMs,
    signal,
  });
  const words = `systemctl reload ${unit}`;
  return readReload(words, result, `systemctl status ${unit}`);
}

/** What a reload command's end means: exit code 0 that it was triggered, no more. `toLook` shows why it failed. */
export function readReload(
  command: string,
  result: ProgramResult,
  toLook: string,
): ReloadResult {
  const said = messages(result.stderr + result.stdout);
  if (result.kind === "exited" && result.exitCode === 0)
    return { kind: "triggered", said };
  const end =
    result.kind === "exited"
      ? `exited with ${String(result.exitCode)}`
      : describeEnd(result);
  const reason = redactQuotation([`${command} ${end}`, ...said].join("\n"));
  return reloadFailed(reason, `see what \`${toLook}\` says`);
}

function reloadFailed(reason: string, remedy: string | null): ReloadResult {
  return { kind: "failed", reason, remedy };
}
