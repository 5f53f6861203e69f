import { isJournal } from "../../adapters/log/journal.ts";
import { tellSyslog } from "../../adapters/log/syslog.ts";
import { openStore } from "../../adapters/store/store.ts";
import { openNotifier } from "../../adapters/systemd/notify.ts";
import { deliverUntilStopped } from "../../service/courier.ts";
import { sendFor, type Sender } from "../../service/errands/send.ts";
import { measureTargets } from "../../service/measure.ts";
import { watch } from "../../service/watch.ts";
import type { Invocation, NoArguments } from "../invocation.ts";

/** The service: runs until SIGTERM or SIGINT, which is its regular end; SIGHUP makes it look everything through now. */
export async function run(
  invocation: Invocation<NoArguments>,
): Promise<number> {
  const { settings, log, now, signal, stderr, environment } = invocation;
  const sender = { program: process.argv[1] ?? "", settings };
  const { stateDir } = settings;
  const delivering = deliver(invocation, { ...sender, signal });
  await watch({
    settings,
    log,
    now,
    signal,
    openStore: () => openStore({ stateDir, log }),
    sendFor: (errand) => sendFor({ ...sender, signal }, errand),
    measure: async () => {
      // Only whoever asks for metrics pays for what this loads.
      const { composeWorld } = await import("../../compose.ts");
      return measureTargets(await composeWorld(invocation));
    },
    notifier: await openNotifier(environment),
    onAsked: (callback) => process.on("SIGHUP", callback),
    alarm: (line) => {
      if (!stderr.terminal && !isJournal(environment, 2)) void tellSyslog(line);
    },
  });
  await delivering;
  return 0;
}

function deliver(
  invocation: Invocation<NoArguments>,
  sender: Sender,
): Promise<void> | null {
  const { settings, log } = invocation;
  if (settings.notify.length === 0) return null;
  return deliverUntilStopped({
    ...invocation,
    openStore: () => openStore({ stateDir: settings.stateDir, log }),
    deliver: () => sendFor(sender, { kind: "deliver" }),
  });
}
