import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Cleanup } from "./cleanup.ts";
import { hasEnded } from "./processes.ts";
import { temporaryDirectory } from "./temporary.ts";
import { waitFor } from "./wait.ts";

const program = join(import.meta.dirname, "programs", "syslog");

/**
 * A syslog daemon in a mount namespace of its own: what `logger` says there is
 * read here, and the machine's own syslog is left alone. Needs root.
 */
export class SyslogBed implements AsyncDisposable {
  /** Words before a program that is to run in the namespace. */
  readonly through: readonly string[];
  readonly #file: string;
  readonly #cleanup: Cleanup;

  private constructor(pid: number, file: string, cleanup: Cleanup) {
    this.through = ["nsenter", `--mount=/proc/${pid}/ns/mnt`, "--wd=/", "--"];
    this.#file = file;
    this.#cleanup = cleanup;
  }

  static async start(): Promise<SyslogBed> {
    const cleanup = new Cleanup();
    const { path } = cleanup.use(await temporaryDirectory());
    const file = join(path, "syslog");
    const child = spawn(
      "setpriv",
      [
        ...["--pdeathsig", "KILL", "unshare", "--mount"],
        ...["/usr/bin/python3", program, file],
      ],
      {
        detached: true,
        stdio: "ignore",
        env: { ...process.env, TMPDIR: path },
      },
    );
    await once(child, "spawn");
    child.unref();
    const pid = child.pid ?? 0;
    cleanup.defer(async () => {
      child.kill("SIGKILL");
      await waitFor("the syslog ends", () => hasEnded(pid));
    });
    const bed = new SyslogBed(pid, file, cleanup);
    await waitFor("the syslog listens", async () =>
      (await bed.#text()).startsWith("listening\n"),
    );
    return bed;
  }

  /** What was logged, one message a line, each with its `<priority>`. */
  async messages(): Promise<readonly string[]> {
    return (await this.#text()).split("\n").slice(1, -1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }

  #text(): Promise<string> {
    return readFile(this.#file, "utf8").catch(() => "");
  }
}
