/** A real Docker engine of the test's own. test/slow/docker.sh makes what it needs: namespaces, a tmpfs and an image. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cleanup } from "./cleanup.ts";
import { hasEnded } from "./processes.ts";
import { mustRun, run, type RunOptions, type RunResult } from "./run.ts";
import { temporaryDirectory } from "./temporary.ts";
import { waitFor } from "./wait.ts";

/** A Debian with Nginx, supervisord, tini and Node.js. */
export const nginxImage = "livecert-test/nginx";

/** Debian's client, of the engine's own release. */
const dockerProgram = "/usr/bin/docker";

/** Building an image asks for packages where there is no network, which takes its time to fail. */
const commandLimitMs = 600_000;

/** Engines that follow one another keep their images here. */
const dataDirectory = join(tmpdir(), "docker");

export class DockerEngine implements AsyncDisposable {
  /** Where the engine answers. */
  readonly socket: string;
  readonly #directory: string;
  readonly #cleanup: Cleanup;
  #engine: ChildProcess | null = null;

  private constructor(directory: string, cleanup: Cleanup) {
    this.#directory = directory;
    this.socket = join(directory, "docker.sock");
    this.#cleanup = cleanup;
  }

  /** Started, with the image. */
  static async start(): Promise<DockerEngine> {
    const cleanup = new Cleanup();
    const { path } = cleanup.use(await temporaryDirectory());
    const engine = new DockerEngine(path, cleanup);
    cleanup.defer(() => engine.stop());
    try {
      await engine.start();
      await engine.#import();
      return engine;
    } catch (error) {
      await cleanup[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts it again after `stop`. */
  async start(): Promise<void> {
    await mkdir(dataDirectory, { recursive: true });
    const pidFile = join(this.#directory, "engine.pid");
    // One that was stopped in a hurry leaves it.
    await rm(pidFile, { force: true });
    const log = await open(join(this.#directory, "engine.log"), "a");
    const child = spawn(
      "setpriv",
      [
        ...["--pdeathsig", "TERM", "dockerd", "--log-level", "error"],
        ...["--iptables=false", "--ip-forward=false", "--ip-masq=false"],
        ...["--cgroup-parent", process.env["LIVECERT_TEST_CGROUP"] ?? ""],
        ...["--data-root", dataDirectory],
        ...["--exec-root", join(this.#directory, "exec")],
        ...["--pidfile", pidFile],
        ...["--host", `unix://${this.socket}`],
      ],
      { detached: true, stdio: ["ignore", log.fd, log.fd] },
    );
    await once(child, "spawn");
    await log.close();
    child.unref();
    this.#engine = child;
    await waitFor("the engine answers", async () => {
      if (child.exitCode !== null)
        throw new Error(`the engine has ended:\n${await this.#log()}`);
      return (await this.docker("version")).exitCode === 0;
    });
  }

  /** As a restart of the machine's service would: its containers end as well. Nothing where it does not run. */
  async stop(): Promise<void> {
    const engine = this.#engine;
    if (engine === null) return;
    this.#engine = null;
    engine.kill("SIGTERM");
    await waitFor("the engine ends", () => hasEnded(engine.pid ?? 0));
  }

  /** What a client needs to talk to this engine and to none of the user's. */
  get environment(): NodeJS.ProcessEnv {
    return {
      PATH: process.env["PATH"],
      HOME: this.#directory,
      DOCKER_HOST: `unix://${this.socket}`,
      DOCKER_CONFIG: this.#directory,
      DOCKER_BUILDKIT: "0",
    };
  }

  /** `docker ARGS…`, whatever comes of it. */
  docker(...args: readonly string[]): Promise<RunResult> {
    return run(dockerProgram, args, this.#options);
  }

  /** The same where it must succeed: what it printed. */
  async do(...args: readonly string[]): Promise<string> {
    return (await mustRun(dockerProgram, args, this.#options)).stdout.trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }

  get #options(): RunOptions {
    return { environment: this.environment, limitMs: commandLimitMs };
  }

  async #log(): Promise<string> {
    return readFile(join(this.#directory, "engine.log"), "utf8");
  }

  async #import(): Promise<void> {
    if ((await this.do("images", "--quiet", nginxImage)) !== "") return;
    const file = process.env["LIVECERT_TEST_IMAGE"];
    if (file === undefined) throw new Error("run test/slow/docker.sh");
    await this.do("import", file, nginxImage);
  }
}
