/** Sends what waits for as long as the watcher runs, beside its runs: neither waits for the other. */
import { setTimeout as delay } from "node:timers/promises";
import type { Store } from "../adapters/store/store.ts";
import type { Log } from "../adapters/log/log.ts";
import type { Settings } from "../core/settings/settings.ts";
import { dueEntries } from "./outbox.ts";

/** How soon a message is found that another process has left, at most; the look is one at a directory. */
const longestPauseMs = 5_000;

export interface CourierOptions {
  readonly settings: Settings;
  readonly log: Log;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  readonly openStore: () => Promise<Store>;
  /** Sends what is due. */
  readonly deliver: () => Promise<unknown>;
}

/** Ends when the signal is aborted; nothing that goes wrong ends it before. */
export async function deliverUntilStopped(
  options: CourierOptions,
): Promise<void> {
  const { signal, log, now, openStore, deliver } = options;
  const pauseMs = Math.min(longestPauseMs, options.settings.alerts.sendAgainMs);
  const isStopped = (): boolean => signal.aborted;
  let failures = 0;
  while (!isStopped()) {
    try {
      const due = await dueEntries(await openStore(), now());
      if (due.length > 0) await deliver();
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
