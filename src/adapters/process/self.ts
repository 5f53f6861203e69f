/**
 * Runs this very program once more, as ourselves and in our environment, so that what is done there takes no memory here
 * and can be ended. Its log goes where ours goes. Its standard input stays open as long as we live: its end tells the
 * child that nobody waits for an answer any more, however we end.
 */
import { execa } from "execa";
import { outOfDescriptors, unlessOutOfDescriptors } from "./descriptors.ts";

export interface SelfRequest {
  /** The program's file. */
  readonly program: string;
  readonly args: readonly string[];
  /** One line, without its end. */
  readonly input: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export type SelfResult =
  | { readonly kind: "ended"; readonly stdout: string }
  /** In words that follow `the child`. */
  | { readonly kind: "failed"; readonly reason: string };

const maxOutputBytes = 256 * 1024 * 1024;
/** After TERM, which it obeys in order: the lock is given back, programs are ended. */
const killAfterMs = 4_000;

/** Every end is a value. */
export async function runSelf(request: SelfRequest): Promise<SelfResult> {
  const { program, args, input, timeoutMs, signal } = request;
  const child = unlessOutOfDescriptors(() =>
    execa(process.execPath, [program, ...args], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
      timeout: timeoutMs,
      cancelSignal: signal,
      forceKillAfterDelay: killAfterMs,
      maxBuffer: maxOutputBytes,
      cleanup: false,
      reject: false,
    }),
  );
  if (child === null) return { kind: "failed", reason: outOfDescriptors };
  // It may end before it has read everything; its end tells that already.
  child.stdin.on("error", () => undefined);
  child.stdin.write(`${input}\n`);
  const result = await child;
  if (result.exitCode === 0) return { kind: "ended", stdout: result.stdout };
  const reason = result.timedOut
    ? `did not end within ${String(timeoutMs / 1_000)} s`
    : (result.originalMessage ?? endOf(result));
  return { kind: "failed", reason };
}

function endOf({
  exitCode,
  signal,
}: {
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
}): string {
  return signal === undefined
    ? `exited with ${String(exitCode)}`
    : `was killed by ${signal}`;
}
