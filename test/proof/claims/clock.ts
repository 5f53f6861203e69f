import { access, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Claim } from "../claim.ts";
import type { Machine } from "../machine.ts";
import {
  countCalls,
  interferedHook,
  problemsAfterNextRun,
  sweep,
  together,
  type Point,
  type Sweep,
} from "../sweep.ts";

export const clockClaim: Claim = {
  id: "clock",
  what: "P3, P4: the clock steps a day forwards or backwards during a deployment: it ends as it should, and so do those after it",
  prove: async (work) =>
    together([
      await sweep(stepping("+86400"), work),
      await sweep(stepping("-86400"), work),
    ]),
};

/** Debian's faketime, for programs of several threads. */
const library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/** Between two calls that change nothing, no step can make a difference that the next one would not make as well. */
const counted = { calls: "changing", from: "livecert.js" } as const;

function stepping(seconds: string): Sweep {
  return {
    what: `a step by ${seconds} s`,
    few: 5,
    count: async (machine) => {
      await access(library);
      return countCalls(machine, counted);
    },
    attempt: async (machine, number): Promise<Point> => {
      await machine.renew();
      const clock = join(machine.bed.directory, "clock");
      await writeFile(clock, "+0");
      const { result, report } = await interferedHook(
        machine,
        {
          ...counted,
          number,
          action: { kind: "write", file: clock, text: seconds },
        },
        { ...machine.environment, ...steppable(clock) },
      );
      const { acted } = report;
      if (acted === null) return { acted, problems: [], kind: "" };
      const problems = [...(await problemsAfterNextRun(machine))];
      if (result.exitCode !== 0)
        problems.push(
          `ended with ${String(result.exitCode)}: ${result.stderr.slice(-1500)}`,
        );
      problems.push(...(await problemsOfNextRenewal(machine)));
      return { acted: `call ${number}, ${acted}`, problems, kind: "deployed" };
    },
  };
}

/** Only the time of day steps, as when somebody sets the clock. */
function steppable(clock: string): NodeJS.ProcessEnv {
  return {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: clock,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    NO_FAKE_STAT: "1",
  };
}

/** The records of the run that was stepped may lie in the future or in the past. */
async function problemsOfNextRenewal(
  machine: Machine,
): Promise<readonly string[]> {
  await machine.renew();
  const { exitCode, stderr } = await machine.hook();
  if (exitCode === 0 && (await machine.isLive())) return [];
  return [
    `the next renewal ended with ${String(exitCode)}: ${stderr.slice(-1500)}`,
  ];
}
