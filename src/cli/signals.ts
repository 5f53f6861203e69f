import { setMaxListeners } from "node:events";

/** Numbers of the signals that end a run in an orderly way (signal(7)). */
export const signalNumbers = { SIGINT: 2, SIGTERM: 15 } as const;
export type EndingSignal = keyof typeof signalNumbers;

/** The reason with which a run's AbortSignal is aborted. */
export class StoppedBySignal extends Error {
  override readonly name = "StoppedBySignal";
  readonly signal: EndingSignal;

  constructor(signal: EndingSignal) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }
}

/** Every probe and every program under way waits for the signal: more of them than Node.js takes for a leak. */
const waitersAtOnce = 200;

/** What is under way gets this long to stop in an orderly way. */
const stopLimitMs = 5_000;

/** Aborted by the first SIGINT or SIGTERM; the second one is Node's to handle, which ends the process at once. */
export function abortedBySignals(): AbortSignal {
  setMaxListeners(waitersAtOnce);
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      ending.abort(new StoppedBySignal(signal));
      const leave = () => process.exit(128 + signalNumbers[signal]);
      setTimeout(leave, stopLimitMs).unref();
    });
  return ending.signal;
}
