import { composeWorld, newRunId } from "../../compose.ts";
import { eventOf } from "../../core/report/events.ts";
import { run as runPipeline } from "../../pipeline/run.ts";
import { readPresence } from "../../service/presence.ts";
import type { Invocation, NoArguments } from "../invocation.ts";
import { printStatus } from "../print-run.ts";

/** As many lines of the journal as the document has. */
const shownEvents = 50;

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
  const events = await world.store.journal.read({ limit: shownEvents });
  return printStatus(invocation, {
    ...document,
    at: world.now().toISOString(),
    watcher: await readPresence(world.settings.runDir),
    events: events.map(eventOf),
  });
}
