/** Feeds hostile input to whatever reads what others wrote; a failure is printed with what is needed to see it again. */
import fc from "fast-check";
import type { Subject } from "./subject.ts";

export interface FuzzOptions {
  readonly seed: number;
  /** How many inputs. */
  readonly runs: number;
  readonly limitMs?: number;
}

/** Far beyond what any input of this size should take, on however slow a machine. */
const mostMsPerInput = 20_000;

/** @throws fast-check's report: seed, path, and the smallest input found. */
export async function fuzz(
  { inputs, read }: Subject,
  { seed, runs, limitMs }: FuzzOptions,
): Promise<number> {
  const property = fc.asyncProperty(inputs, async (input) => {
    const startedMs = performance.now();
    await read(input);
    const tookMs = performance.now() - startedMs;
    if (tookMs > mostMsPerInput)
      throw new Error(`took ${tookMs.toFixed(0)} ms`);
  });
  const details = await fc.check(property, {
    seed,
    numRuns: runs,
    ...(limitMs === undefined
      ? {}
      : { interruptAfterTimeLimit: limitMs, markInterruptAsFailure: false }),
  });
  if (details.failed)
    throw new Error(fc.defaultReportMessage(details) ?? "failed");
  return details.numRuns;
}
