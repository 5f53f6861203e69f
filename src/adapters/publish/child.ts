/**
 * The other end of publish.ts: a process that has become the owner of the directory it was started in. It reads its job
 * from descriptor 3 and answers with one line on standard output.
 */
import { readFileSync } from "node:fs";
import { descend, HeldDirectory } from "./directory.ts";
import { describeFailure } from "./failure.ts";
import { unpackJob, type Answer } from "./job.ts";
import { carryOutOrder } from "./writer.ts";

const jobDescriptor = 3;

/** The answer as text; never throws. */
export function publishAsOwner(): string {
  return `${JSON.stringify(answer())}\n`;
}

function answer(): Answer {
  try {
    const { ahead, order, contents } = unpackJob(readFileSync(jobDescriptor));
    const here = HeldDirectory.open(".");
    using directory = descend(here, ahead, () => true).directory;
    return { kind: "done", ...carryOutOrder(directory, order, contents) };
  } catch (error) {
    return { kind: "failed", ...describeFailure(error) };
  }
}
