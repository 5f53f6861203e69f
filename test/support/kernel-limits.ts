import { spawn } from "node:child_process";
import { once } from "node:events";
import { Cleanup } from "./cleanup.ts";
import { hasEnded } from "./processes.ts";
import { waitFor } from "./wait.ts";

/** As below `/proc/sys/user`; inotify(7) tells what they mean. */
export type KernelLimit = "max_inotify_instances" | "max_inotify_watches";

/**
 * A user namespace with a limit of its own for what the kernel grants to all of its programs. Root is the only user
 * there, so an Nginx in it needs `user root;`. Needs root.
 */
export class KernelLimits implements AsyncDisposable {
  /** Words before a program that is to run in the namespace. */
  readonly through: readonly string[];
  readonly #cleanup: Cleanup;

  private constructor(pid: number, cleanup: Cleanup) {
    this.through = [
      ...["nsenter", `--user=/proc/${pid}/ns/user`],
      ...["--preserve-credentials", "--"],
    ];
    this.#cleanup = cleanup;
  }

  static async set(limit: KernelLimit, value: number): Promise<KernelLimits> {
    const cleanup = new Cleanup();
    const script = `echo ${value} >/proc/sys/user/${limit} && echo set && exec cat`;
    const child = spawn(
      "setpriv",
      [
        ...["--pdeathsig", "KILL", "unshare", "--user", "--map-root-user"],
        ...["sh", "-c", script],
      ],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    const pid = child.pid ?? 0;
    cleanup.defer(async () => {
      child.kill("SIGKILL");
      await waitFor("the namespace ends", () => hasEnded(pid));
    });
    await once(child.stdout, "data");
    return new KernelLimits(pid, cleanup);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }
}
