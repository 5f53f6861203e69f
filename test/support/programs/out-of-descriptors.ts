/** Starts programs when it has no descriptor left, and prints what became of them as JSON. */
import { closeSync, openSync } from "node:fs";
import { startCompanion } from "../../../src/adapters/process/companion.ts";
import { runProgram } from "../../../src/adapters/process/run.ts";

const open: number[] = [];
try {
  for (;;) open.push(openSync("/dev/null", "r"));
} catch {
  // None is left.
}
const { kind, ...rest } = await runProgram({
  program: "/bin/true",
  args: [],
  timeoutMs: 60_000,
});
const companion = await startCompanion("/bin/cat", []).ended;
for (const descriptor of open) closeSync(descriptor);
const reason = "reason" in rest ? rest.reason : null;
console.log(JSON.stringify({ run: { kind, reason }, companion }));
