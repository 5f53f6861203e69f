/**
 * Tells the service manager how the service is (sd_notify(3)). Node.js has no datagram unix sockets, so systemd-notify(1)
 * does it as a child, and the unit needs `NotifyAccess=all`.
 */
import { runProgram } from "../process/run.ts";
import { findProgram } from "../process/trust.ts";

export interface Notifier {
  /** How often the manager wants to hear `WATCHDOG=1`, in ms; null: it does not. */
  readonly watchdogMs: number | null;
  /** Fields such as `{ READY: "1" }`, sent in the order of the calls. Answers whether they were taken. */
  send(fields: Readonly<Record<string, string>>): Promise<boolean>;
}

const limitMs = 5_000;

/** null where no service manager listens, or it cannot be told. */
export async function openNotifier(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Notifier | null> {
  const socket = environment["NOTIFY_SOCKET"] ?? "";
  if (socket === "") return null;
  const found = await findProgram("systemd-notify");
  if (found.kind !== "found") return null;
  let last: Promise<unknown> = Promise.resolve();
  return {
    watchdogMs: watchdogOf(environment),
    send(fields) {
      const words = Object.entries(fields).map(
        ([name, value]) => `${name}=${value.replaceAll(/\s+/g, " ")}`,
      );
      const sent = last.then(() => tell(found.path, socket, words));
      last = sent;
      return sent;
    },
  };
}

/** The clock of `RELOADING=1`: CLOCK_MONOTONIC in µs, which is what Node.js measures with. */
export function monotonicMicroseconds(): string {
  return String(process.hrtime.bigint() / 1_000n);
}

async function tell(
  program: string,
  socket: string,
  words: readonly string[],
): Promise<boolean> {
  const result = await runProgram({
    program,
    args: words,
    timeoutMs: limitMs,
    environment: { NOTIFY_SOCKET: socket },
  });
  return result.kind === "exited" && result.exitCode === 0;
}

function watchdogOf(
  environment: Readonly<Record<string, string | undefined>>,
): number | null {
  const microseconds = Number(environment["WATCHDOG_USEC"] ?? "");
  const pid = environment["WATCHDOG_PID"];
  const isForUs = pid === undefined || pid === String(process.pid);
  return isForUs && microseconds > 0 ? microseconds / 1_000 : null;
}
