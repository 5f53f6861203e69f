import type { Generation, ProcessIdentity } from "./core/decision/record.ts";
import type { FileIdentity } from "./core/lineage/lineage.ts";
import type { NginxModel, ProbePoint } from "./core/nginx/model.ts";
import type { Reach } from "./core/nginx/reach.ts";

/**
 * An Nginx that can be dumped, tested, reloaded and reached. The one seam with several implementations: the host's own
 * Nginx, one in a container, and one behind the user's commands (adapters/targets). Every method has a time limit of its
 * own, obeys `signal`, and returns expected failures as values.
 */
export interface Target {
  readonly name: string;
  readonly kind: "host" | "container" | "command";

  /** Looks for the master. Never runs a program that could leave traces while Nginx is stopped. */
  inspect(signal: AbortSignal): Promise<TargetState>;

  /** `nginx -T`: the configuration test and, only where it passes, the dump. */
  dump(signal: AbortSignal): Promise<DumpResult>;

  /** `nginx -t`. */
  test(signal: AbortSignal): Promise<TestResult>;

  /** Triggers a reload; what it says proves nothing. */
  reload(signal: AbortSignal): Promise<ReloadResult>;

  /** The master's workers now; null when the master has gone. */
  generation(master: ProcessIdentity): Promise<Generation | null>;

  /** Whether the master has children that are on their way to be workers and not known as such yet. */
  isStarting(master: ProcessIdentity): Promise<boolean>;

  /** Remembers where the error logs end, so that what a reload adds can be read. */
  markErrorLogs(model: NginxModel): Promise<ErrorLogMark>;

  /** True while the master is busy (running, its CPU time grows between two looks, or new workers are not ready yet). */
  isBusy(master: ProcessIdentity): Promise<boolean>;

  /** Addresses at which listeners can be reached from here. */
  localAddresses(): readonly string[];

  /** Where a point's address (`127.0.0.1:443`, `unix:/path`) is to be connected to from here. */
  reach(address: string, master: ProcessIdentity): Reach;

  /** Whether the socket that answered at the point's address belongs to this target; null: cannot be told. */
  answers(
    point: ProbePoint,
    connection: ConnectionEnds | null,
    master: ProcessIdentity,
  ): Promise<boolean | null>;

  /** A path of the target's configuration as livecert can open it (container paths are mapped); null: cannot be reached. */
  localPath(path: string): string | null;

  /** Identities of the dump's files; those that are gone are left out. */
  identify(paths: readonly string[]): Promise<readonly FileIdentity[]>;

  /** What keeps a renewal of this file from Nginx whatever is reloaded; null: nothing. */
  obstruction(path: string): Promise<Obstruction | null>;
}

/** A reload cannot help: Nginx does not see the file that a renewal writes. */
export interface Obstruction {
  /** `pinned`: mounted singly, so it keeps the file of that day. `copied`: it lies in the container's own file system. */
  readonly kind: "pinned" | "copied";
  /** In the user's terms. */
  readonly reason: string;
  readonly remedy: string;
}

export type TargetState =
  | {
      readonly kind: "running";
      readonly generation: Generation;
      /** Wall clock, ms since the epoch. */ readonly oldestWorkerStartMs:
        number | null;
      readonly stopped: boolean;
    }
  | {
      readonly kind: "not-running";
      readonly reason: string;
      /** What starts it, where that can be told. */
      readonly remedy?: string;
    }
  /** Something is there that must not be trusted: nothing is executed or signalled on its account. */
  | { readonly kind: "foreign"; readonly reason: string }
  | {
      readonly kind: "absent";
      readonly reason: string;
      readonly remedy?: string;
    };

export type DumpResult =
  | {
      readonly kind: "ok";
      readonly text: string;
      readonly warnings: readonly string[];
      /** Nginx's prefix, against which `pid` and logs are resolved. */
      readonly prefix: string;
    }
  | { readonly kind: "refused"; readonly errors: readonly string[] }
  /** Not Nginx's verdict: the program could not be run, or not in time. */
  | { readonly kind: "failed"; readonly reason: string };

export type TestResult =
  | Exclude<DumpResult, { kind: "ok" }>
  | { readonly kind: "ok"; readonly warnings: readonly string[] };

export type ReloadResult =
  | {
      readonly kind: "triggered";
      /** What the reload command wrote, redacted; empty for a signal. */
      readonly said: readonly string[];
    }
  | {
      readonly kind: "failed";
      readonly reason: string;
      readonly remedy: string | null;
    };

export interface ErrorLogMark {
  /** Complete lines of level `emerg`, `alert` or `crit` written by this master since the mark, redacted. */
  refusals(master: ProcessIdentity): Promise<readonly string[]>;
  /** False where no error log can be read (stderr, syslog). */
  readonly readable: boolean;
}

/** The two ends of a TCP connection as our side sees them; null for unix sockets. */
export interface ConnectionEnds {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
}
