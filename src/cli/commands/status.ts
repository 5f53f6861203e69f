import { hostname } from "node:os";
import { composeWorld, newRunId } from "../../compose.ts";
import type { StatusDocument } from "../../core/report/document.ts";
import { eventOf } from "../../core/report/events.ts";
import { pluginAnswer } from "../../core/report/nagios.ts";
import { run as runPipeline } from "../../pipeline/run.ts";
import { readPresence } from "../../service/presence.ts";
import type { Invocation, StatusArguments } from "../invocation.ts";
import { printStatus } from "../print-run.ts";

/** As many lines of the journal as the document has. */
const shownEvents = 50;

/** Is every certificate live? Looks at everything, changes nothing. */
export async function run(
  invocation: Invocation<StatusArguments>,
): Promise<number> {
  const document = await statusNow(invocation);
  if (!invocation.arguments.nagios) return printStatus(invocation, document);
  const { line, exitCode } = pluginAnswer(document, invocation.now());
  invocation.stdout.write(`${line}\n`);
  return exitCode;
}

async function statusNow(
  invocation: Invocation<unknown>,
): Promise<StatusDocument> {
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
  return {
    ...document,
    host: hostname(),
    at: world.now().toISOString(),
    watcher: await readPresence(world.settings.runDir),
    events: events.map(eventOf),
  };
}
