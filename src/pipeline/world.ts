import type { CertbotProcess } from "../adapters/certbot/at-work.ts";
import type { Log } from "../adapters/log/log.ts";
import type { Store } from "../adapters/store/store.ts";
import type { TrustRoots } from "../adapters/tls/roots.ts";
import type { Lineage } from "../core/lineage/lineage.ts";
import type { Settings } from "../core/settings/settings.ts";
import type { Target } from "../ports.ts";
import type { Stopwatch } from "./stopwatch.ts";

/** What a run may touch. Built in compose.ts; tests hand in their own. */
export interface World {
  readonly settings: Settings;
  readonly log: Log;
  readonly store: Store;
  readonly targets: readonly Target[];
  /** Ends the run: a signal from outside or the limit of the whole run. */
  readonly signal: AbortSignal;
  readonly now: () => Date;
  readonly stopwatch: Stopwatch;
  readonly roots: () => Promise<TrustRoots>;
  /** This very program's file, which a child may have to run as somebody else. */
  readonly program: string;
  /** Other Nginx masters on this machine, in words; only asked where a lineage seems unused. */
  readonly otherMasters: () => readonly string[];
  /** The Certbot that runs us as its hook; null by hand or under the service. */
  readonly certbot: CertbotProcess | null;
}

export interface RunRequest {
  /** Identifies the run in log, journal and document. */
  readonly run: string;
  readonly command: string;
  /** Who wants it. `automatic` (watcher, retry timer) lets edited configuration rest; the others are asked for. */
  readonly trigger: "hook" | "person" | "automatic";
  readonly scope: Scope;
  readonly isForced: boolean;
  /** Looks and reports; takes no lock, writes nothing, reloads nothing. */
  readonly isDryRun: boolean;
  /** How long a lineage that is half written is waited for. */
  readonly settleMs: number;
  /** A publication that goes back to the version before, instead of being compared with its lineage. */
  readonly rollback?: string;
}

export type Scope =
  /** Every lineage, and every certificate source that is none. */
  | { readonly kind: "all" }
  /** `unsettled`: beside the named ones every source that is not known to be served as it is on disk. */
  | {
      readonly kind: "named" | "unsettled";
      readonly lineages: readonly Lineage[];
      /** Certificate files of sources that are no lineage. */
      readonly certificates: readonly string[];
    };
