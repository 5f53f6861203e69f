/** What is known of every certificate, put together from runs that each looked at some of them. */
import { outcomes, worstOf, type Outcome } from "../decision/outcome.ts";
import type {
  EventReport,
  LineageReport,
  NginxReport,
  RunDocument,
  StatusDocument,
  WatcherReport,
} from "./document.ts";

export interface Board {
  /** By path, in the order in which they became known. */
  readonly entries: ReadonlyMap<string, BoardEntry>;
  readonly nginx: NginxReport | null;
  readonly publications: RunDocument["publications"];
  readonly warnings: readonly string[];
}

export interface BoardEntry {
  /** As `livecert status` would show it. */
  readonly report: LineageReport;
  /** When it was last looked at. */
  readonly at: Date;
  /** When this version was first seen live, or made live; ISO 8601. null: never, or not known yet. */
  readonly liveSince: string | null;
}

export const emptyBoard: Board = {
  entries: new Map(),
  nginx: null,
  publications: [],
  warnings: [],
};

/** `isWhole`: the run looked at everything, so that what it does not name has gone. */
export function withDocument(
  board: Board,
  document: RunDocument,
  { at, isWhole }: { readonly at: Date; readonly isWhole: boolean },
): Board {
  const entries = new Map(isWhole ? [] : board.entries);
  for (const report of document.lineages)
    entries.set(report.path, {
      report: asStatus(report, at),
      at,
      liveSince: board.entries.get(report.path)?.liveSince ?? null,
    });
  return {
    entries,
    nginx: isWhole ? document.nginx : withNginx(board.nginx, document),
    publications: withPublications(
      isWhole ? [] : board.publications,
      document.publications,
    ),
    warnings: document.warnings,
  };
}

/** A run about some of the certificates does not find out what nothing is known of. */
function withNginx(
  known: Board["nginx"],
  { nginx, lineages }: RunDocument,
): Board["nginx"] {
  if (nginx === null || known === null) return nginx ?? known;
  const seen = new Set(
    lineages.flatMap(({ probes }) => probes.map(({ target }) => target)),
  );
  const unjudged = new Set([
    ...known.unjudged.filter((target) => !seen.has(target)),
    ...nginx.unjudged,
  ]);
  return { ...nginx, unjudged: [...unjudged] };
}

function withPublications(
  known: Board["publications"],
  found: Board["publications"],
): Board["publications"] {
  const names = new Set(found.map(({ name }) => name));
  return [...known.filter(({ name }) => !names.has(name)), ...found];
}

/** Only these paths: the others are looked after no more. */
export function onlyPaths(board: Board, paths: ReadonlySet<string>): Board {
  const kept = [...board.entries].filter(([path]) => paths.has(path));
  return { ...board, entries: new Map(kept) };
}

/** What a run has made live is live from then on, and the run is the last one. */
export function asStatus(report: LineageReport, at: Date): LineageReport {
  const { outcome, reason } = report;
  if (outcome !== "deployed") return report;
  return {
    ...report,
    outcome: "live",
    last: { at: at.toISOString(), outcome, detail: reason },
    reason: null,
    remedy: null,
    probes: report.probes.map((probe) => ({
      ...probe,
      before: probe.after ?? probe.before,
      after: null,
    })),
  };
}

export function statusOf(
  { entries, nginx, publications, warnings }: Board,
  about: {
    readonly host: string;
    readonly at: Date;
    readonly run: string;
    readonly watcher: WatcherReport | null;
    readonly events: readonly EventReport[];
  },
): StatusDocument {
  const lineages = [...entries.values()].map(({ report }) => report);
  const outcome = worstOf(
    lineages.flatMap((one): readonly Outcome[] =>
      one.outcome === null ? [] : [one.outcome],
    ),
  );
  return {
    schema: 1,
    run: about.run,
    command: "status",
    outcome,
    exitCode: outcome === null ? 0 : outcomes[outcome].exitCode,
    reloads: 0,
    nginx,
    lineages,
    publications,
    warnings,
    timingsMs: {},
    host: about.host,
    at: about.at.toISOString(),
    watcher: about.watcher,
    events: about.events,
  };
}
