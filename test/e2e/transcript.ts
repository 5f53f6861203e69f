import { realpath } from "node:fs/promises";
import { livecertProgram } from "../support/livecert.ts";
import { run, type RunOptions } from "../support/run.ts";
import {
  temporaryDirectory,
  type TemporaryDirectory,
} from "../support/temporary.ts";

/** An environment in which nothing of the test's own says anything to livecert. */
export const bareEnvironment: NodeJS.ProcessEnv = {
  PATH: process.env["PATH"],
  TZ: "UTC",
};

/** A clock that stands still at noon of this day. */
export const frozenClock = [
  "faketime",
  "--exclude-monotonic",
  "-f",
  "2026-11-23 12:00:00",
] as const;

/** A place to call livecert from, with state and run directories of its own. */
export class Terminal implements AsyncDisposable {
  readonly directory: string;
  readonly #owned: TemporaryDirectory;
  readonly #shown = new Map<string, string>();

  private constructor(owned: TemporaryDirectory, directory: string) {
    this.#owned = owned;
    this.directory = directory;
    this.show(directory, "$DIR");
  }

  static async open(): Promise<Terminal> {
    const owned = await temporaryDirectory();
    return new Terminal(owned, await realpath(owned.path));
  }

  /** Shows `text` as `name` in transcripts, since it differs from run to run. */
  show(text: string, name: string): void {
    this.#shown.set(text, name);
  }

  /** `$ livecert …`, what it prints on stdout, then on stderr, and its exit code unless that is 0. */
  async transcript(
    words: readonly string[],
    options: RunOptions = {},
  ): Promise<string> {
    const { stdout, stderr, exitCode, signal } = await this.run(words, options);
    const text = [
      `$ livecert ${words.join(" ")}\n`,
      stdout,
      stderr,
      exitCode === 0 ? "" : `exit ${String(exitCode ?? signal)}\n`,
    ].join("");
    return [...this.#shown].reduce(
      (shown, [from, to]) => shown.replaceAll(from, to),
      text,
    );
  }

  run(words: readonly string[], options: RunOptions = {}) {
    return run(process.execPath, [livecertProgram, ...words], {
      cwd: this.directory,
      ...options,
      environment: {
        ...bareEnvironment,
        LIVECERT_CERTBOT_DIR: `${this.directory}/letsencrypt`,
        LIVECERT_STATE_DIR: `${this.directory}/state`,
        LIVECERT_RUN_DIR: `${this.directory}/run`,
        ...options.environment,
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned[Symbol.asyncDispose]();
  }
}
