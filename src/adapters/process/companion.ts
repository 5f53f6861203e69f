/**
 * A child that lives as long as we do: it gets end-of-file on its standard input when we die, however we die, and is
 * expected to end then. It has a process group of its own, so that a terminal's Ctrl-C does not reach it before us.
 */
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { outOfDescriptors, unlessOutOfDescriptors } from "./descriptors.ts";
import { cleanEnvironment } from "./environment.ts";

export interface Companion {
  readonly pid: number | null;
  /** Written to its standard input; a child that has ended already does not matter. */
  write(text: string): void;
  /** The first piece of output; null when it ended without any. */
  readonly firstOutput: Promise<string | null>;
  /** Settles with why, once it has ended; never rejects. */
  readonly ended: Promise<string>;
  /** Ends it with its whole group; for a child that waits. */
  terminate(): Promise<void>;
  /** Gives it its end-of-file and waits until it has ended; one that does not obey is ended. */
  finish(): Promise<void>;
}

const options = {
  extendEnv: false,
  cwd: "/",
  stdin: "pipe",
  stdout: "pipe",
  stderr: "pipe",
  buffer: { stdout: false, stderr: true },
  maxBuffer: 4_096,
  reject: false,
  detached: true,
  cleanup: false,
} as const;

const neverStarted: Companion = {
  pid: null,
  write: () => undefined,
  firstOutput: Promise.resolve(null),
  ended: Promise.resolve(outOfDescriptors),
  terminate: () => Promise.resolve(),
  finish: () => Promise.resolve(),
};

/** @param program absolute and checked by the caller, as for runProgram. */
export function startCompanion(
  program: string,
  args: readonly string[],
): Companion {
  const child = unlessOutOfDescriptors(() =>
    execa(program, args, { ...options, env: cleanEnvironment() }),
  );
  if (child === null) return neverStarted;
  // It may end before it has read everything; its end tells that already.
  child.stdin.on("error", () => undefined);
  const ended = child.then((result) =>
    result.stderr === "" ? (result.originalMessage ?? "") : result.stderr,
  );
  const firstOutput = new Promise<string | null>((resolve) => {
    child.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString()));
    void ended.then(() => resolve(null));
  });
  return {
    pid: child.pid ?? null,
    write: (text) => void child.stdin.write(text),
    firstOutput,
    ended,
    async terminate() {
      endGroup(child.pid);
      await within(limitMs, ended);
    },
    async finish() {
      child.stdin.end();
      if (await within(limitMs, ended)) return;
      endGroup(child.pid);
      await within(limitMs, ended);
    },
  };
}

/** A child may have been stopped (SIGSTOP), or wait for a disk, where not even KILL ends it. */
const limitMs = 2_000;

/** False where it was too long; nothing is kept waiting by it. */
async function within(
  waitMs: number,
  event: Promise<unknown>,
): Promise<boolean> {
  const late = delay(waitMs, false, { ref: false });
  return Promise.race([event.then(() => true), late]);
}

/** KILL: it holds nothing that it would have to put in order. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
