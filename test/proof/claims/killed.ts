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

export const killedClaim: Claim = {
  id: "killed",
  what: "P4: killed at every system call of a deployment, the next run makes the certificate live, with two reloads at most; nothing below Certbot's directory has changed (P7)",
  prove: async (work) => {
    const everyCall = work.extent === "whole" ? "all" : "changing";
    return together([
      await sweep(killedAt("again", everyCall, 24), work),
      await sweep(killedAt("first", "changing", 12), work),
    ]);
  },
};

/** `first`: a machine on which livecert has never run. */
type Occasion = "first" | "again";

function killedAt(
  occasion: Occasion,
  calls: "all" | "changing",
  few: number,
): Sweep {
  const counted = { calls, from: "" };
  return {
    what: occasion === "first" ? "the very first run killed" : "a run killed",
    few,
    count: async (machine) => {
      await prepare(machine, occasion);
      return countCalls(machine, counted);
    },
    attempt: async (machine, number): Promise<Point> => {
      await prepare(machine, occasion);
      await machine.renew();
      const before = await stateOf(machine);
      const { report } = await interferedHook(machine, {
        ...counted,
        number,
        action: { kind: "kill" },
      });
      const { acted } = report;
      if (acted === null) return { acted, problems: [], kind: "" };
      const kind = (await machine.isLive())
        ? "with the new certificate live already"
        : "with the old one served";
      const problems = [...(await problemsAfterNextRun(machine))];
      const after = await stateOf(machine);
      if (after.tree !== before.tree) problems.push("Certbot's files changed");
      const reloads = after.reloads - before.reloads;
      if (reloads > 2) problems.push(`${reloads} reloads`);
      return { acted: `call ${number}, ${acted}`, problems, kind };
    },
  };
}

async function prepare(machine: Machine, occasion: Occasion): Promise<void> {
  if (occasion === "first") await machine.forget();
}

async function stateOf(machine: Machine) {
  return {
    tree: await machine.certbotTree(),
    reloads: await machine.bed.nginx.reconfigurations(),
  };
}
