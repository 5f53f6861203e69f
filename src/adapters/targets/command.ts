/**
 * An Nginx that the user's own commands ask and reload: in a jail, behind a wrapper, wherever livecert knows no way of its
 * own. Commands are argument lists, run without a shell and only where nobody but root could change the program; the
 * master's pid comes from a file that obeys the same rule.
 */
import type { Limits } from "../../core/settings/settings.ts";
import type { CommandTargetSetting } from "../../core/settings/targets.ts";
import type {
  DumpResult,
  ReloadResult,
  Target,
  TargetState,
  TestResult,
} from "../../ports.ts";
import type { ProcessIdentity } from "../../core/decision/record.ts";
import { identifyFile, readTextNow } from "../files/read-file.ts";
import { markLogs } from "../nginx/error-log.ts";
import { readReload } from "../nginx/reload.ts";
import { readDump, readVerdict } from "../nginx/run.ts";
import {
  hasUnreadyWorkers,
  isBusy,
  readGeneration,
  oldestStartMs,
} from "../nginx/workers.ts";
import { readStatus } from "../process/processes.ts";
import { runProgram, type ProgramResult } from "../process/run.ts";
import { lookAtOwnership } from "../process/trust.ts";
import { answers, localAddresses, reach } from "./host.ts";

export interface CommandTargetOptions {
  readonly setting: CommandTargetSetting;
  readonly limits: Pick<Limits, "nginxCommandMs" | "reloadCommandMs">;
}

export function commandTarget({
  setting,
  limits,
}: CommandTargetOptions): Target {
  const { name, dump, reload, pidFile } = setting;
  const test = setting.test ?? dump;
  const question = (words: readonly string[]) => ({
    program: words.join(" "),
    restriction: null,
  });
  const ask = (words: readonly string[], signal: AbortSignal) =>
    runWords(words, limits.nginxCommandMs, signal);
  return {
    name,
    kind: "command",
    inspect: () => Promise.resolve(lookAt(pidFile)),
    dump: async (signal): Promise<DumpResult> =>
      readDump(question(dump), await ask(dump, signal), "/"),
    test: async (signal): Promise<TestResult> =>
      readVerdict(question(test), await ask(test, signal)),
    reload: async (signal): Promise<ReloadResult> => {
      const result = await runWords(reload, limits.reloadCommandMs, signal);
      return readReload(reload.join(" "), result, test.join(" "));
    },
    generation: (master) => Promise.resolve(readGeneration(master)),
    isStarting: (master) => Promise.resolve(hasUnreadyWorkers(master)),
    isBusy,
    markErrorLogs: ({ errorLogs }) => markLogs(errorLogs),
    localAddresses,
    reach,
    answers,
    localPath: (path) => path,
    identify: async (paths) => {
      const identities = await Promise.all(paths.map(identifyFile));
      return identities.filter((identity) => identity !== null);
    },
    obstruction: () => Promise.resolve(null),
  };
}

async function runWords(
  words: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProgramResult> {
  const [program = "", ...args] = words;
  const ownership = lookAtOwnership(program);
  if (ownership.kind === "untrusted")
    return {
      kind: "not-started",
      reason: ownership.reason,
      stdout: "",
      stderr: "",
    };
  return runProgram({ program, args, timeoutMs, signal });
}

function lookAt(pidFile: string): TargetState {
  const ownership = lookAtOwnership(pidFile);
  if (ownership.kind === "untrusted")
    return { kind: "not-running", reason: ownership.reason };
  const master = readMaster(pidFile);
  const status = master === null ? null : readStatus(master.pid);
  const generation = master === null ? null : readGeneration(master);
  if (generation === null)
    return {
      kind: "not-running",
      reason: `${pidFile} names no process that runs`,
      remedy: "start it; it then loads the files as they are",
    };
  return {
    kind: "running",
    generation,
    oldestWorkerStartMs: oldestStartMs(generation),
    stopped: status?.state === "T",
  };
}

function readMaster(pidFile: string): ProcessIdentity | null {
  const text = readTextNow(pidFile) ?? "";
  const pid = /^\s*([1-9]\d{0,9})\s*$/.exec(text)?.[1];
  const status = pid === undefined ? null : readStatus(Number(pid));
  return status === null
    ? null
    : { pid: status.pid, startTicks: status.startTicks };
}
