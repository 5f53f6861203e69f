/** The system's log, for when nobody sees what is printed: Certbot with `-q` shows nothing of a hook. */
import { findProgram } from "../process/trust.ts";
import { runProgram } from "../process/run.ts";
import { redact } from "../../core/report/redact.ts";
import { toAscii } from "../../core/report/text.ts";

const limitMs = 2_000;

/**
 * One line as `daemon.err`, through logger(1), since Node.js has no datagram unix sockets. Answers whether it was taken;
 * a machine without a log must not make a run fail.
 */
export async function tellSyslog(line: string): Promise<boolean> {
  const logger = await findProgram("logger");
  if (logger.kind !== "found") return false;
  const text = toAscii(redact(line)).replaceAll(/\s+/g, " ");
  const args = ["-p", "daemon.err", "-t", "livecert", "--", text];
  const result = await runProgram({
    program: logger.path,
    args,
    timeoutMs: limitMs,
  });
  return result.kind === "exited" && result.exitCode === 0;
}
