/** What becomes of one publication: what the run tells of it, and whether that is worth a line in the journal. */
import type { Written } from "../../adapters/store/failure.ts";
import type { Lineage } from "../../core/lineage/lineage.ts";
import type { PublicationRecord } from "../../core/publish/record.ts";
import type { PublicationReport } from "../../core/report/document.ts";
import { quoted } from "../../core/report/explain.ts";
import {
  publishedPaths,
  type PublicationSetting,
} from "../../core/settings/publications.ts";
import type { Examined } from "../examine.ts";
import type { RunRequest, World } from "../world.ts";

export interface Task {
  readonly world: World;
  readonly request: RunRequest;
  readonly setting: PublicationSetting;
  /** Grows by what is examined on the way. */
  readonly known: Map<string, Examined>;
}

/** What became of one publication. */
export interface Outcome {
  readonly setting: PublicationSetting;
  readonly lineage: Lineage | null;
  readonly report: PublicationReport;
  readonly isNews: boolean;
  readonly results: readonly Written[];
}

export type Telling = Pick<
  PublicationReport,
  "state" | "outcome" | "reason" | "remedy"
>;

export function quiet(
  task: Task,
  lineage: Lineage,
  record: PublicationRecord | null,
  state: "unchanged" | "held" | "due",
  reason: string | null,
): Outcome {
  const telling = { state, outcome: null, reason, remedy: null };
  return { ...outcomeOf(task, lineage, record, telling), isNews: false };
}

export function failed(
  task: Task,
  lineage: Lineage | null,
  record: PublicationRecord | null,
  { reason, remedy }: Pick<Telling, "reason" | "remedy">,
): Outcome {
  return outcomeOf(task, lineage, record, {
    state: "failed",
    outcome: "unpublished",
    reason,
    remedy,
  });
}

export function outcomeOf(
  { setting }: Task,
  lineage: Lineage | null,
  record: PublicationRecord | null,
  telling: Telling,
  results: readonly Written[] = [],
): Outcome {
  const current = record?.versions.find(({ id }) => id === record.current);
  return {
    setting,
    lineage,
    isNews: true,
    results,
    report: {
      name: setting.name,
      lineage: setting.lineage,
      files: publishedPaths(setting).map(({ path }) => path),
      ...telling,
      version: current?.id ?? null,
      fingerprint256: current?.fingerprint256 ?? null,
    },
  };
}

export function untilThen({ name }: Lineage): string {
  return `the present ${name} is not published again until it is renewed, or by livecert deploy ${quoted(name)} --force`;
}
