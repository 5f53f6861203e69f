import { composeWorld, newRunId } from "../../compose.ts";
import { run as runPipeline } from "../../pipeline/run.ts";
import { readPresence } from "../../service/presence.ts";
import type { Invocation, NoArguments } from "../invocation.ts";
import { printStatus } from "../print-run.ts";

/** Is every certificate live? Looks at everything, changes nothing. */
export async function run(
  invocation: Invocation<NoArguments>,
): Promise<number> {
  const world = await composeWorld(invocation);
  const document = await runPipeline(world, {
    run: newRunId(),
    command: "status",
    trigger: "person",
    scope: { kind: "all" },
    isForced: false,
    isDryRun: true,
    settleMs: world.settings.limits.settleHookMs,
  });
  const watcher = await readPresence(world.settings.runDir);
  return printStatus(invocation, { ...document, watcher });
}
