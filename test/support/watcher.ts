/** `livecert watch` on the beds of a test, with every interval short. */
import { Cleanup } from "./cleanup.ts";
import type { LivecertBed } from "./livecert.ts";
import type { RunningProgram } from "./run.ts";
import { waitFor } from "./wait.ts";

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface WatcherOptions {
  /** In place of those below or beside them. */
  readonly flags?: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
  readonly through?: readonly string[];
}

/** What a day, an hour and a minute are for these tests. */
const flags = [
  ...["--watch-quiet", "150ms", "--watch-quiet-unseen", "400ms"],
  ...["--watch-retry-first", "300ms", "--watch-retry-longest", "1s"],
  ...["--watch-reconcile", "1h", "--watch-sweep", "2d"],
];

/** Long enough for a soak; a test that ends earlier ends it. */
const lifetimeMs = 3_600_000;

export class WatcherBed implements AsyncDisposable {
  readonly #program: RunningProgram;
  readonly #cleanup: Cleanup;

  private constructor(program: RunningProgram, cleanup: Cleanup) {
    this.#program = program;
    this.#cleanup = cleanup;
  }

  /** Started, and everything was looked through once. */
  static async start(
    livecert: LivecertBed,
    options: WatcherOptions = {},
  ): Promise<WatcherBed> {
    const bed = await WatcherBed.begin(livecert, options);
    try {
      // With hundreds of lineages that takes a while.
      await livecert.firstPresence(bed.pid, 100_000);
      return bed;
    } catch (error) {
      await bed[Symbol.asyncDispose]();
      throw new Error(`the watcher did not start:\n${bed.text}`, {
        cause: error,
      });
    }
  }

  /** Started, and no more. */
  static async begin(
    livecert: LivecertBed,
    options: WatcherOptions = {},
  ): Promise<WatcherBed> {
    const cleanup = new Cleanup();
    const program = await livecert.start(
      ["watch", ...flags, ...(options.flags ?? [])],
      {
        limitMs: lifetimeMs,
        ...(options.environment === undefined
          ? {}
          : { environment: options.environment }),
        ...(options.through === undefined ? {} : { through: options.through }),
      },
    );
    cleanup.defer(async () => {
      program.signal("SIGKILL");
      await program.ended;
    });
    return new WatcherBed(program, cleanup);
  }

  get pid(): number {
    return this.#program.pid;
  }

  /** All that it has logged. */
  get text(): string {
    return this.#program.stderr();
  }

  get lines(): readonly LogLine[] {
    return this.text
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as LogLine);
  }

  /** Waits until a line with this message has been logged `times` times. */
  async says(message: string, times = 1, limitMs?: number): Promise<void> {
    await waitFor(
      `the watcher says ${JSON.stringify(message)}`,
      () => {
        return this.lines.filter(({ msg }) => msg === message).length >= times;
      },
      limitMs,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.text}`);
    });
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.#program.pid, signal);
  }

  /** Its regular end; answers with the exit code and how long it took. */
  async stop(): Promise<{
    readonly exitCode: number | null;
    readonly tookMs: number;
  }> {
    const beganMs = performance.now();
    this.signal("SIGTERM");
    const { exitCode } = await this.#program.ended;
    return { exitCode, tookMs: performance.now() - beganMs };
  }

  /** `kill -9`, of the watcher alone. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#program.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }
}
