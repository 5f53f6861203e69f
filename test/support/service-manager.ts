import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Cleanup } from "./cleanup.ts";
import { hasEnded } from "./processes.ts";
import { temporaryDirectory } from "./temporary.ts";
import { waitFor } from "./wait.ts";

const program = join(import.meta.dirname, "programs", "notify-socket");

/** What a service tells its manager by sd_notify(3), without a manager: the socket alone. */
export class ServiceManagerBed implements AsyncDisposable {
  /** For NOTIFY_SOCKET. */
  readonly socket: string;
  readonly #file: string;
  readonly #cleanup: Cleanup;

  private constructor(directory: string, cleanup: Cleanup) {
    this.socket = join(directory, "notify");
    this.#file = join(directory, "messages");
    this.#cleanup = cleanup;
  }

  static async start(): Promise<ServiceManagerBed> {
    const cleanup = new Cleanup();
    const { path } = cleanup.use(await temporaryDirectory());
    const bed = new ServiceManagerBed(path, cleanup);
    const child = spawn(
      "setpriv",
      [
        ...["--pdeathsig", "KILL", "/usr/bin/python3"],
        ...[program, bed.socket, bed.#file],
      ],
      { stdio: "ignore" },
    );
    await once(child, "spawn");
    child.unref();
    cleanup.defer(async () => {
      child.kill("SIGKILL");
      await waitFor("the socket's end", () => hasEnded(child.pid ?? 0));
    });
    await waitFor("the socket listens", async () =>
      (await bed.#text()).startsWith("listening\n"),
    );
    return bed;
  }

  /** The messages so far, in their order; the fields of each, as `NAME=value`. */
  async messages(): Promise<readonly (readonly string[])[]> {
    const lines = (await this.#text()).split("\n").slice(1, -1);
    return lines.map((line) => JSON.parse(line) as string[]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }

  #text(): Promise<string> {
    return readFile(this.#file, "utf8").catch(() => "");
  }
}
