/** Runs what the user's configuration names: with the rights that the user expects it to have, not with our sandbox's. */
import { runOutside } from "../nginx/outside.ts";
import { restrictionAgainst } from "../nginx/sandbox.ts";
import { describeEnd, runProgram } from "../process/run.ts";
import { checkOwnership } from "../process/trust.ts";
import { Unsendable } from "./secrets.ts";
import type { SendOptions } from "./send.ts";

/** What it writes interests nobody but for its last line. */
const maxOutputBytes = 64 * 1024;

/** @throws Unsendable unless it exits with 0; a program that others could replace is not run */
export async function runForUser(
  [program, ...args]: readonly [string, ...(readonly string[])],
  {
    input,
    signal,
    timeoutMs,
  }: Pick<SendOptions, "signal" | "timeoutMs"> & { readonly input: string },
): Promise<void> {
  const ownership = await checkOwnership(program);
  if (ownership.kind === "untrusted") throw new Unsendable(ownership.reason);
  const command = { program, args, input, timeoutMs, signal };
  const outside =
    restrictionAgainst(null) !== null && process.geteuid?.() === 0
      ? await runOutside({ ...command, description: "A message of livecert's" })
      : null;
  const result = outside ?? (await runProgram({ ...command, maxOutputBytes }));
  if (result.kind === "exited" && result.exitCode === 0) return;
  signal.throwIfAborted();
  throw new Unsendable(`${program} ${describeEnd(result)}`);
}
