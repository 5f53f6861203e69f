/**
 * What the watcher sends a child for, which is this very program. Whatever takes memory is done there and given back whole
 * when the child ends: the watcher itself rests most of its time, over ten thousand lineages as over one. And what hangs
 * there can be ended.
 *
 * The order comes on standard input, which stays open for as long as the watcher lives; the answer goes to standard output.
 */
import type { ErrorCode } from "../../errors.ts";
import type { Failing } from "../failing.ts";
import type { Settings } from "../../core/settings/settings.ts";
import type { Work } from "../../core/schedule/schedule.ts";
import type { WatcherRun } from "../../core/report/document.ts";
import type { Present } from "../present.ts";
import type { Surroundings } from "../meanings.ts";
import type { Told } from "../documents.ts";

export interface Order {
  /** Of the livecert that asks. */
  readonly version: string;
  readonly settings: Settings;
  readonly errand: Errand;
}

export type Errand =
  /** What there is to look after? */
  | { readonly kind: "survey" }
  /** Through the pipeline; everything that is found out is kept on file. */
  | { readonly kind: "run"; readonly work: Work }
  /** Writes what is answered over HTTP. */
  | { readonly kind: "tell"; readonly present: Present }
  /** Sends the messages that wait. */
  | { readonly kind: "deliver" };

export interface Answers {
  readonly survey: Surroundings;
  readonly run: RunAnswer;
  readonly tell: Told;
  readonly deliver: null;
}

export interface RunAnswer {
  /** Identifies the run in log, journal and document; empty: there was none. */
  readonly id: string;
  /** null: there was nothing to be done after all. */
  readonly run: WatcherRun | null;
  /** Everything that is pending now, whoever found it. */
  readonly failing: readonly Failing[];
  /** As they are after a run that was about everything; null after others. */
  readonly surroundings: Surroundings | null;
}

export type Reply<Answer = unknown> =
  | { readonly kind: "done"; readonly answer: Answer }
  | {
      readonly kind: "failed";
      /** null: a defect. */
      readonly code: ErrorCode | null;
      readonly reason: string;
      readonly remedy: string | null;
    }
  /** The program on disk is another one by now. */
  | { readonly kind: "replaced"; readonly version: string };
