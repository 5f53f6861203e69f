/** Sends what waits for as long as the watcher runs, beside its runs: neither waits for the other. */
import { setTimeout as delay } from "node:timers/promises";
import { sendWaiting, type Post } from "./delivery.ts";

/** How soon a message is found that another process has left, at most; the look is one at a directory. */
const longestPauseMs = 5_000;

export interface CourierOptions extends Omit<Post, "store"> {
  readonly openStore: () => Promise<Post["store"]>;
}

/** Ends when the signal is aborted; nothing that goes wrong ends it before. */
export async function deliverUntilStopped(
  options: CourierOptions,
): Promise<void> {
  const { signal, log, openStore } = options;
  const pauseMs = Math.min(longestPauseMs, options.settings.alerts.sendAgainMs);
  const isStopped = (): boolean => signal.aborted;
  let failures = 0;
  while (!isStopped()) {
    try {
      await sendWaiting({ ...options, store: await openStore() });
      failures = 0;
    } catch (error) {
      if (isStopped()) return;
      failures += 1;
      if (Number.isInteger(Math.log2(failures)))
        log.error("messages cannot be sent", { error });
    }
    await delay(pauseMs, null, { signal }).catch(() => undefined);
  }
}
