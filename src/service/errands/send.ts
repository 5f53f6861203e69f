/** Sends a child for something, and gives it up where it does not come back in time. */
import { runSelf } from "../../adapters/process/self.ts";
import type { Settings } from "../../core/settings/settings.ts";
import { LivecertError } from "../../errors.ts";
import { version } from "../../version.ts";
import { errandCommand } from "./command.ts";
import type { Answers, Errand, Order, Reply } from "./errand.ts";
import { packOrder } from "./order.ts";
import { readReply } from "./reply.ts";

export interface Sender {
  /** This very program's file. */
  readonly program: string;
  readonly settings: Settings;
  readonly signal: AbortSignal;
}

/** What is done without waiting for anybody takes a fraction of this. */
const ordinaryLimitMs = 60_000;
/** Every attempt has a limit of its own (alerts.timeout). */
const deliveryLimitMs = 1_800_000;

/**
 * @throws LivecertError `errand-failed`, of which the child has logged more where it is a defect; `program-replaced`: only
 *   a new start of the watcher helps.
 */
export async function sendFor<Kind extends Errand["kind"]>(
  { program, settings, signal }: Sender,
  errand: Extract<Errand, { kind: Kind }>,
): Promise<Answers[Kind]> {
  const order: Order = { version, settings, errand };
  const result = await runSelf({
    program,
    args: [errandCommand, errand.kind, "--run-dir", settings.runDir],
    input: packOrder(order),
    timeoutMs: limitOf(errand.kind, settings),
    signal,
  });
  if (result.kind === "failed") throw failed(`the child ${result.reason}`);
  const reply = readReply<Kind>(errand.kind, result.stdout);
  switch (reply?.kind) {
    case "done":
      return reply.answer;
    case "failed":
      throw asBefore(reply);
    case "replaced":
      throw new LivecertError(
        "program-replaced",
        `${program} is livecert ${reply.version} by now, this watcher ${version}`,
        { remedy: "systemctl restart livecert" },
      );
    case undefined:
      throw failed("the child gave no answer");
  }
}

/** How long a child may take, in ms. */
export function limitOf(
  kind: Errand["kind"],
  { watch, limits }: Settings,
): number {
  switch (kind) {
    case "run":
      return watch.runMs + limits.lockMs + ordinaryLimitMs;
    case "deliver":
      return deliveryLimitMs;
    case "survey":
    case "tell":
      return ordinaryLimitMs;
  }
}

/** The error that the child could not go on for. */
function asBefore({
  code,
  reason,
  remedy,
}: Extract<Reply, { kind: "failed" }>): LivecertError {
  return new LivecertError(
    code ?? "errand-failed",
    reason,
    remedy === null ? {} : { remedy },
  );
}

function failed(reason: string): LivecertError {
  return new LivecertError("errand-failed", reason);
}
