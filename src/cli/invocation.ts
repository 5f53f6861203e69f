import type { Log } from "../adapters/log/log.ts";
import type { Origins } from "../core/settings/merge.ts";
import type { OptionValues } from "../core/settings/options.ts";
import type { Settings } from "../core/settings/settings.ts";

/**
 * One call of the program, as every command module gets it: `run(invocation): Promise<number>` answers with the exit code.
 * Only this record connects a command with the process, so that a command can be called from a test.
 */
export interface Invocation<Arguments> {
  readonly command: string;
  readonly arguments: Arguments;
  readonly settings: Settings;
  /**
   * Reads the settings again, as the configuration file is now; from then on the log has its level by them.
   *
   * @throws LivecertError as at the start of the program
   */
  readonly readSettings: () => Promise<Settings>;
  /** The same as `settings`, one value per row of the option table. */
  readonly values: OptionValues;
  /** Where each setting came from. */
  readonly origins: Origins;
  readonly log: Log;
  /** Results. */
  readonly stdout: Output;
  /** What is said beside results and is no log line. */
  readonly stderr: Output;
  /** All of standard input; the hook never asks for it. */
  readonly readStdin: () => Promise<Uint8Array | null>;
  readonly environment: Environment;
  readonly workingDirectory: string;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** Nothing is kept on the disk any more that only makes the next call faster. */
  readonly leaveNoTrace: () => void;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** A stream for people or programs. Everything written passes the redactor; in `hook` it also becomes ASCII. */
export interface Output {
  readonly write: (text: string) => void;
  /** Tables are for terminals only. */
  readonly terminal: boolean;
  /** NO_COLOR and FORCE_COLOR are already considered. */
  readonly colours: boolean;
  /** Width of the terminal; 80 where there is none. */
  readonly columns: number;
}

export interface HookArguments {
  readonly mode: "deploy" | "defer" | "flush";
}

export interface DeployArguments {
  /** As given: names below `live/` or paths; empty: all. */
  readonly lineages: readonly string[];
  readonly force: boolean;
  readonly dryRun: boolean;
}

export interface CheckArguments {
  /** As given: names below `live/`, directories or files; empty: all lineages. */
  readonly subjects: readonly string[];
  /** `--name`: names that each certificate must cover. */
  readonly names: readonly string[];
}

export interface UsesArguments {
  /** A saved output of `nginx -T`, `-` for standard input; null: ask Nginx. */
  readonly dump: string | null;
}

export interface HistoryArguments {
  readonly lineage: string | null;
  /** How many of the newest entries. */
  readonly newest: number;
}

export interface RollbackArguments {
  /** The name of an entry of `publish`. */
  readonly publication: string;
}

export interface StatusArguments {
  /** One line and the exit code of a monitoring plug-in. */
  readonly nagios: boolean;
}

export interface ConfigArguments {
  readonly action: "show" | "check" | "schema";
}

export interface CompletionArguments {
  readonly shell: "bash" | "zsh" | "fish";
}

export interface NotifyArguments {
  /** A test through every channel, instead of what waits. */
  readonly isTest: boolean;
}

/** Of `retry`, `status` and `doctor`. */
export type NoArguments = Readonly<Record<string, never>>;
