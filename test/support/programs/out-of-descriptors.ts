/** Starts a program when it has no descriptor left, and prints what became of that as JSON. */
import { closeSync, openSync } from "node:fs";
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
for (const descriptor of open) closeSync(descriptor);
const reason = "reason" in rest ? rest.reason : null;
console.log(JSON.stringify({ kind, reason }));
