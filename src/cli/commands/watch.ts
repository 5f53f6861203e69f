import { isJournal } from "../../adapters/log/journal.ts";
import { tellSyslog } from "../../adapters/log/syslog.ts";
import { openStore } from "../../adapters/store/store.ts";
import { openNotifier } from "../../adapters/systemd/notify.ts";
import { composeWorld, newRunId } from "../../compose.ts";
import { deliverUntilStopped } from "../../service/courier.ts";
import { watch } from "../../service/watch.ts";
import type { Invocation, NoArguments } from "../invocation.ts";
import { credentialsOf } from "../notify.ts";

/** The service: runs until SIGTERM or SIGINT, which is its regular end; SIGHUP makes it look everything through now. */
export async function run(
  invocation: Invocation<NoArguments>,
): Promise<number> {
  const { settings, log, now, signal, stderr, environment } = invocation;
  const delivering = settings.notify.length === 0 ? null : deliver(invocation);
  await watch({
    settings,
    log,
    now,
    signal,
    openWorld: (own) => composeWorld({ ...invocation, signal: own }),
    newRunId,
    notifier: await openNotifier(environment),
    onAsked: (callback) => process.on("SIGHUP", callback),
    alarm: (line) => {
      if (!stderr.terminal && !isJournal(environment, 2)) void tellSyslog(line);
    },
  });
  await delivering;
  return 0;
}

function deliver(invocation: Invocation<NoArguments>): Promise<void> {
  const { stateDir } = invocation.settings;
  const { log } = invocation;
  return deliverUntilStopped({
    ...invocation,
    credentialsDirectory: credentialsOf(invocation),
    openStore: () => openStore({ stateDir, log }),
  });
}
