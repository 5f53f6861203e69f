/** Sends a child that waits for our end, and waits for it. */
import { resolve } from "node:path";
import { runSelf } from "../../../src/adapters/process/self.ts";

await runSelf({
  program: resolve(import.meta.dirname, "../../fixtures/programs/sent.mjs"),
  args: ["waits"],
  input: "an order",
  timeoutMs: 600_000,
  signal: new AbortController().signal,
});
