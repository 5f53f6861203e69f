/** What the service manager is told of the watch: that it is ready, takes up something new, is alive, and stops (sd_notify(3)). */
import {
  monotonicMicroseconds,
  type Notifier,
} from "../adapters/systemd/notify.ts";

export class Manager {
  readonly #notifier: Notifier | null;
  #feeder: NodeJS.Timeout | undefined;

  /** @param notifier null: nobody listens */
  constructor(notifier: Notifier | null) {
    this.#notifier = notifier;
  }

  async ready(): Promise<void> {
    await this.#notifier?.send({ READY: "1" });
  }

  /** Until `ready`. */
  async reloading(): Promise<void> {
    await this.#notifier?.send({
      RELOADING: "1",
      MONOTONIC_USEC: monotonicMicroseconds(),
    });
  }

  async stopping(): Promise<void> {
    await this.#notifier?.send({ STOPPING: "1", STATUS: "stopping" });
  }

  /** From now on, three times as often as the watchdog wants it. */
  feedWatchdog(isHealthy: () => boolean): void {
    const intervalMs = this.#notifier?.watchdogMs ?? null;
    if (intervalMs === null) return;
    const feed = (): void => {
      if (isHealthy()) void this.#notifier?.send({ WATCHDOG: "1" });
    };
    feed();
    this.#feeder = setInterval(feed, intervalMs / 3);
  }

  stopFeeding(): void {
    clearInterval(this.#feeder);
  }
}
