import { receiveOrder } from "../adapters/process/order.ts";
import type { Log } from "../adapters/log/log.ts";
import { composeWorld, newRunId } from "../compose.ts";
import { redact } from "../core/report/redact.ts";
import { LivecertError } from "../errors.ts";
import { carryOutErrand } from "../service/errands/carry-out.ts";
import type { Reply } from "../service/errands/errand.ts";
import { unpackOrder } from "../service/errands/order.ts";
import { version } from "../version.ts";
import { credentialsOf } from "./notify.ts";
import { openLog, type Process } from "./run.ts";

/** Nobody waits for an answer any more: what is under way gets this long to stop in an orderly way. */
const stopLimitMs = 3_000;

/**
 * Does what the watcher has sent this process for (service/errands), and answers on standard output. Whatever becomes of
 * it is an answer, and the exit code 0; only the end of all waiting is none.
 */
export async function runErrand(process: Process): Promise<number> {
  const { line, abandoned } = await receiveOrder(process.openStdin());
  abandoned.addEventListener("abort", () => {
    setTimeout(() => globalThis.process.exit(1), stopLimitMs).unref();
  });
  const signal = AbortSignal.any([process.signal, abandoned]);
  const reply = await replyTo(line, { ...process, signal });
  if (signal.aborted) return 1;
  process.stdout.write(`${redact(JSON.stringify(reply))}\n`);
  return 0;
}

async function replyTo(line: string, process: Process): Promise<Reply> {
  const { version: asked, settings, errand } = unpackOrder(line);
  if (asked !== version) return { kind: "replaced", version };
  const log = openLog(process, settings.logLevel);
  try {
    const world = await composeWorld({ ...process, settings, log });
    const answer = await carryOutErrand(world, errand, {
      id: newRunId(),
      credentialsDirectory: credentialsOf(process),
    });
    return { kind: "done", answer };
  } catch (error) {
    return failureOf(error, { ...process, log });
  } finally {
    await log.flush();
  }
}

function failureOf(
  error: unknown,
  { signal, log }: Pick<Process, "signal"> & { readonly log: Log },
): Reply {
  if (error instanceof LivecertError) {
    const { code, message, remedy } = error;
    return { kind: "failed", code, reason: message, remedy };
  }
  if (!signal.aborted) log.error("unexpected error", { error });
  const reason = error instanceof Error ? error.message : String(error);
  return { kind: "failed", code: null, reason, remedy: null };
}
