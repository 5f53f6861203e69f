/** All checks at once, each bounded in time; one that fails says so and stops no other. */
import { setTimeout as delay } from "node:timers/promises";
import { redact } from "../core/report/redact.ts";
import { LivecertError } from "../errors.ts";
import {
  problem,
  unknown,
  type Check,
  type CheckReport,
  type Diagnosis,
} from "./check.ts";
import type { Machine } from "./machine.ts";

/** In the order of the checks. */
export async function examine(
  checks: readonly Check[],
  machine: Machine,
  limitMs: number,
): Promise<readonly CheckReport[]> {
  const reports = await Promise.all(
    checks.map(async (check) => {
      const { group, name } = check;
      const diagnoses = await diagnose(check, machine, limitMs);
      return diagnoses.map((diagnosis) => ({ group, name, ...diagnosis }));
    }),
  );
  machine.signal.throwIfAborted();
  return reports.flat();
}

async function diagnose(
  check: Check,
  machine: Machine,
  limitMs: number,
): Promise<readonly Diagnosis[]> {
  const limit = new AbortController();
  try {
    return await Promise.race([
      check.look(machine),
      delay(limitMs, [tookTooLong(check, limitMs)], {
        signal: AbortSignal.any([limit.signal, machine.signal]),
      }),
    ]);
  } catch (error) {
    return [describeFailure(check, error)];
  } finally {
    limit.abort();
  }
}

function tookTooLong({ looksAt }: Check, limitMs: number): Diagnosis {
  return unknown(
    `looking at ${looksAt} did not end within ${String(limitMs / 1_000)} s`,
  );
}

function describeFailure({ looksAt }: Check, error: unknown): Diagnosis {
  if (error instanceof LivecertError)
    return problem(redact(error.message), error.remedy);
  const reason = error instanceof Error ? error.message : String(error);
  return unknown(redact(`${looksAt} could not be looked at: ${reason}`));
}
