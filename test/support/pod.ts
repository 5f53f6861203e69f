/** A process namespace with its own /proc, such as the containers of one pod share; everything in it ends with it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Cleanup } from "./cleanup.ts";
import { childrenOf, hasEnded } from "./processes.ts";
import { waitFor } from "./wait.ts";

export class PodBed implements AsyncDisposable {
  /** Its first process, as seen from outside. */
  readonly #pid: number;
  readonly #cleanup: Cleanup;

  private constructor(pid: number, cleanup: Cleanup) {
    this.#pid = pid;
    this.#cleanup = cleanup;
  }

  static async start(): Promise<PodBed> {
    const child = spawn(
      "unshare",
      [
        ...["--pid", "--mount", "--fork", "--mount-proc"],
        ...["--kill-child", "sleep", "3600"],
      ],
      { stdio: "ignore" },
    );
    await once(child, "spawn");
    const cleanup = new Cleanup();
    cleanup.defer(async () => {
      child.kill("SIGKILL");
      await waitFor("the pod ends", () => hasEnded(child.pid ?? 0));
    });
    const first = await waitFor("the pod starts", () => {
      const children = childrenOf(child.pid ?? 0);
      return children.find(({ title }) => title.startsWith("sleep"));
    });
    return new PodBed(first.pid, cleanup);
  }

  /** Words before a program that is to run inside. */
  get through(): readonly string[] {
    return ["nsenter", "--target", String(this.#pid), "--pid", "--mount"];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }
}
