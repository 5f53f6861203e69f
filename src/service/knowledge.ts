/** What the watcher knows, kept from run to run: nobody who asks it causes a handshake. */
import type { JournalEntry } from "../core/decision/record.ts";
import type { Lineage } from "../core/lineage/lineage.ts";
import type { LastSeen, TargetMeasure } from "../core/metrics/families.ts";
import { noTotals, type Totals } from "../core/metrics/totals.ts";
import {
  emptyBoard,
  onlyPaths,
  withDocument,
  type Board,
} from "../core/report/board.ts";
import type { RunDocument } from "../core/report/document.ts";
import { lastFailures } from "../core/report/events.ts";
import type { Candidate } from "../pipeline/assess.ts";
import { totalsId } from "../pipeline/count.ts";
import { subjectOf } from "../pipeline/pending.ts";
import { recall } from "../pipeline/recall.ts";
import type { World } from "../pipeline/world.ts";

export interface Knowledge {
  readonly board: Board;
  readonly totals: Totals;
  /** Newest first. */
  readonly journal: readonly JournalEntry[];
}

export const nothingLearnt: Knowledge = {
  board: emptyBoard,
  totals: noTotals,
  journal: [],
};

export interface News {
  /** What the watcher's own run found; null: none was worth it. */
  readonly document: RunDocument | null;
  /** The run looked at everything. */
  readonly isWhole: boolean;
  /** What it was about; null: everything. */
  readonly subjects: readonly string[] | null;
  readonly lineages: readonly Lineage[];
  readonly candidates: readonly Candidate[];
}

/** As far as failures are told by the metrics. */
const journalLines = 500;

/** Beside its own run, what hooks and people have recorded meanwhile. */
export async function learn(
  world: World,
  { board }: Knowledge,
  news: News,
): Promise<Knowledge> {
  const { document, isWhole, subjects, candidates } = news;
  const at = world.now();
  const own =
    document === null ? board : withDocument(board, document, { at, isWhole });
  const meant =
    subjects === null
      ? candidates
      : candidates.filter((one) => subjects.includes(pathOf(one)));
  const recalled = await recall(world, own, meant);
  return {
    board:
      candidates.length === 0 ? recalled : onlyPaths(recalled, paths(news)),
    totals: (await world.store.totals.get(totalsId)) ?? noTotals,
    journal: await world.store.journal.read({ limit: journalLines }),
  };
}

function paths({ lineages, candidates }: News): ReadonlySet<string> {
  return new Set([
    ...lineages.map(({ path }) => path),
    ...candidates.map(pathOf),
  ]);
}

function pathOf({ lineage, files }: Candidate): string {
  return subjectOf({ lineage, certificate: files.certificate });
}

export function lastSeenOf({ board, journal }: Knowledge): readonly LastSeen[] {
  const failures = lastFailures(journal);
  return [...board.entries].map(([path, { report, liveSince }]) => ({
    path,
    successAt: liveSince,
    failures: failures.get(report.name ?? path) ?? [],
  }));
}

/** A look at the process table of each Nginx. */
export async function measureTargets(
  world: World,
): Promise<readonly TargetMeasure[]> {
  return Promise.all(
    world.targets.map(async (target) => {
      const state = await target.inspect(world.signal);
      const generation = state.kind === "running" ? state.generation : null;
      return {
        target: target.name,
        isRunning: generation !== null,
        accepting: generation?.workers.length ?? 0,
        draining: generation?.draining.length ?? 0,
      };
    }),
  );
}
