/** What the watcher knows, kept from run to run: nobody who asks it causes a handshake. */
import type { JournalEntry } from "../core/decision/record.ts";
import type { Lineage } from "../core/lineage/lineage.ts";
import { subjectOf } from "../core/lineage/subject.ts";
import type { LastSeen } from "../core/metrics/families.ts";
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
import { recall } from "../pipeline/recall.ts";
import type { World } from "../pipeline/world.ts";

export interface Knowledge {
  readonly board: Board;
  readonly totals: Totals;
  /** Newest first. */
  readonly journal: readonly JournalEntry[];
}

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

/**
 * Beside its own run, what hooks and people have recorded meanwhile.
 *
 * @param known null: everything is taken from what is on record
 */
export async function learn(
  world: World,
  known: Board | null,
  news: News,
): Promise<Knowledge> {
  const { document, isWhole, subjects, candidates } = news;
  const board = known ?? emptyBoard;
  const at = world.now();
  const own =
    document === null ? board : withDocument(board, document, { at, isWhole });
  const meant =
    subjects === null || known === null
      ? candidates
      : candidates.filter((one) => subjects.includes(pathOf(one)));
  const recalled = await recall(world, own, meant);
  return withRecords(
    world,
    candidates.length === 0 ? recalled : onlyPaths(recalled, paths(news)),
  );
}

/** The board and what the state says beside it. */
export async function withRecords(
  { store }: World,
  board: Board,
): Promise<Knowledge> {
  return {
    board,
    totals: (await store.totals.get(totalsId)) ?? noTotals,
    journal: await store.journal.read({ limit: journalLines }),
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
