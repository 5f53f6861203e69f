/**
 * Runs a program as another user, in a directory that is held open here: the child changes there before it gives up its
 * rights, so its owner needs no way to it, and none that leads elsewhere helps him.
 */
import { execa } from "execa";
import { outOfDescriptors, unlessOutOfDescriptors } from "./descriptors.ts";
import { cleanEnvironment } from "./environment.ts";

export interface RunAsRequest {
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  readonly user: { readonly uid: number; readonly gid: number };
  /** Descriptor of ours. */
  readonly directory: number;
  readonly input: Uint8Array;
  /** What the program reads from descriptor 3: a pipe, as for the input. */
  readonly descriptor3: Uint8Array;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export type RunAsResult =
  | { readonly kind: "ended"; readonly stdout: string }
  /** In words that follow the program's name. */
  | { readonly kind: "failed"; readonly reason: string };

const maxOutputBytes = 65_536;
const killAfterMs = 1_000;

/** Every end is a value. The other user's groups are that one alone. */
export async function runAs(request: RunAsRequest): Promise<RunAsResult> {
  const { user, directory, timeoutMs, signal } = request;
  const child = unlessOutOfDescriptors(() =>
    execa(request.program, request.args, {
      env: cleanEnvironment({ HOME: "/" }),
      extendEnv: false,
      cwd: `/proc/${String(process.pid)}/fd/${String(directory)}`,
      uid: user.uid,
      gid: user.gid,
      stdio: [request.input, "pipe", "pipe", request.descriptor3],
      timeout: timeoutMs,
      cancelSignal: signal,
      forceKillAfterDelay: killAfterMs,
      maxBuffer: maxOutputBytes,
      reject: false,
    }),
  );
  if (child === null) return { kind: "failed", reason: outOfDescriptors };
  const result = await child;
  if (result.exitCode === 0) return { kind: "ended", stdout: result.stdout };
  const words = result.stderr.trimEnd().split("\n").at(-1) ?? "";
  const reason = words === "" ? (result.shortMessage ?? "failed") : words;
  return { kind: "failed", reason };
}
