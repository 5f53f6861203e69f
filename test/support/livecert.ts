import { access, mkdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type {
  RunDocument,
  WatcherReport,
} from "../../src/core/report/document.ts";
import { Cleanup } from "./cleanup.ts";
import type { CertbotDirectory } from "./lineage.ts";
import type { NginxBed } from "./nginx.ts";
import {
  start,
  type RunningProgram,
  type RunOptions,
  type RunResult,
} from "./run.ts";
import { temporaryDirectory } from "./temporary.ts";
import { waitFor } from "./wait.ts";

/** The built program. */
export const livecertProgram = resolve(
  import.meta.dirname,
  "../../dist/livecert.js",
);

/**
 * The built program as an administrator runs it, with a state and a run
 * directory of its own and every option pointing to the beds of the test.
 */
export class LivecertBed implements AsyncDisposable {
  readonly stateDirectory: string;
  readonly runDirectory: string;
  readonly #beds: LivecertBeds;
  readonly #cleanup: Cleanup;

  private constructor(directory: string, beds: LivecertBeds, cleanup: Cleanup) {
    this.stateDirectory = join(directory, "state");
    this.runDirectory = join(directory, "run");
    this.#beds = beds;
    this.#cleanup = cleanup;
  }

  static async create(beds: LivecertBeds): Promise<LivecertBed> {
    await access(livecertProgram).catch(() => {
      throw new Error("dist/livecert.js is not built: run `npm run build`");
    });
    const cleanup = new Cleanup();
    const { path } = cleanup.use(await temporaryDirectory());
    const bed = new LivecertBed(path, beds, cleanup);
    await mkdir(bed.stateDirectory, { mode: 0o700 });
    await mkdir(bed.runDirectory, { mode: 0o700 });
    return bed;
  }

  /** The options that point to the beds. */
  get options(): readonly string[] {
    const { nginx } = this.#beds;
    return [
      ...["--state-dir", this.stateDirectory, "--run-dir", this.runDirectory],
      ...["--certbot-dir", this.#beds.certbot.path],
      ...(nginx === undefined
        ? []
        : [
            ...["--nginx-bin", nginx.program, "--nginx-prefix", nginx.prefix],
            ...["--nginx-conf", nginx.configuration],
          ]),
    ];
  }

  /** The same as variables, for where Certbot or the installed hooks start the program; `base` is what else is set. */
  environment(base: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
    const { nginx, roots } = this.#beds;
    return {
      ...base,
      LIVECERT_STATE_DIR: this.stateDirectory,
      LIVECERT_RUN_DIR: this.runDirectory,
      LIVECERT_CERTBOT_DIR: this.#beds.certbot.path,
      ...(nginx === undefined
        ? {}
        : {
            LIVECERT_NGINX_BIN: nginx.program,
            LIVECERT_NGINX_PREFIX: nginx.prefix,
            LIVECERT_NGINX_CONF: nginx.configuration,
          }),
      ...(roots === undefined ? {} : { LIVECERT_ROOTS: roots }),
    };
  }

  /** `livecert ARGS…` to its end. */
  async run(
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<RunResult> {
    return (await this.start(args, options)).ended;
  }

  /** `livecert ARGS…`, to be watched or killed under way. */
  start(
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<RunningProgram> {
    const [command = "", ...rest] = args;
    return start(
      process.execPath,
      [livecertProgram, command, ...this.options, ...rest],
      { ...options, environment: this.environment(options.environment) },
    );
  }

  /** `livecert ARGS… --json`: the document that it printed. Throws where it printed none. */
  async document(
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<RunDocument> {
    const { stdout, stderr } = await this.run([...args, "--json"], options);
    try {
      return JSON.parse(stdout) as RunDocument;
    } catch {
      throw new Error(`no document on stdout:\n${stdout}\n${stderr}`);
    }
  }

  /** Waits until a watcher with this pid has completed its first run; what it then says of itself. */
  async firstPresence(pid: number, limitMs?: number): Promise<WatcherReport> {
    const file = join(this.runDirectory, "watcher.json");
    return waitFor(
      "the watcher has looked everything through",
      async () => {
        const text = await readFile(file, "utf8").catch(() => "");
        if (text === "") return null;
        const report = JSON.parse(text) as WatcherReport;
        return report.pid === pid && report.lastRun !== null ? report : null;
      },
      limitMs,
    );
  }

  /**
   * One line for `--deploy-hook`, as people would write it: nothing depends on the environment. Certbot looks for the
   * first word in PATH as it stands, with its quotes if it has any.
   */
  hookCommand(...args: readonly string[]): string {
    const words = [process.execPath, livecertProgram, "hook"];
    return [...words, ...this.options, ...args].map(quoted).join(" ");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }
}

export interface LivecertBeds {
  readonly certbot: CertbotDirectory;
  readonly nginx?: NginxBed;
  /** A file with further trust roots. */
  readonly roots?: string;
}

/** A word for the shell; none of ours holds a quote. */
function quoted(word: string): string {
  return /^[\w./=-]+$/.test(word) ? word : `'${word}'`;
}
