import { isJournal } from "../../adapters/log/journal.ts";
import { tellSyslog } from "../../adapters/log/syslog.ts";
import { openNotifier } from "../../adapters/systemd/notify.ts";
import { measureTargets } from "../../service/measure.ts";
import { serve } from "../../service/serve.ts";
import type { Invocation, NoArguments } from "../invocation.ts";

/**
 * The service: runs until SIGTERM or SIGINT, which is its regular end; SIGHUP makes it take up changed settings and look
 * everything through now.
 */
export async function run(
  invocation: Invocation<NoArguments>,
): Promise<number> {
  const { stderr, environment } = invocation;
  await serve({
    ...invocation,
    program: process.argv[1] ?? "",
    notifier: await openNotifier(environment),
    measure: async (settings) => {
      // Only whoever asks for metrics pays for what this loads.
      const { composeWorld } = await import("../../compose.ts");
      return measureTargets(await composeWorld({ ...invocation, settings }));
    },
    onAsked: (callback) => process.on("SIGHUP", callback),
    alarm: (line) => {
      if (!stderr.terminal && !isJournal(environment, 2)) void tellSyslog(line);
    },
  });
  return 0;
}
