/** Writes down what became of the publications of a run: what is pending, and the journal. */
import { join } from "node:path";
import { written, type Written } from "../../adapters/store/failure.ts";
import { isFailure } from "../../core/decision/outcome.ts";
import type { JournalEntry } from "../../core/decision/record.ts";
import type { PublicationReport } from "../../core/report/document.ts";
import { mainFile, pendingKey } from "../../core/settings/publications.ts";
import { sourceId } from "../examine.ts";
import type { RunRequest, World } from "../world.ts";
import type { Outcome } from "./outcome.ts";

/** Answers with what could not be written. */
export async function recordPublications(
  world: World,
  request: RunRequest,
  done: readonly Outcome[],
): Promise<readonly Written[]> {
  const results: Written[] = done.flatMap(({ results }) => results);
  for (const one of done) results.push(await recordPending(world, one));
  const entries = done
    .filter(({ isNews }) => isNews)
    .map((one) => journalEntry(world, request, one));
  if (entries.length > 0)
    results.push(await world.store.journal.append(entries));
  return results;
}

async function recordPending(
  world: World,
  { setting, lineage, report }: Outcome,
): Promise<Written> {
  const pair = { certificate: mainFile(setting), key: pendingKey(setting) };
  const id = sourceId(pair);
  const earlier = await world.store.pending.get(id);
  const { outcome } = report;
  if (outcome === null || !isFailure(outcome))
    return earlier === null ? written : world.store.pending.remove(id);
  const at = world.now().toISOString();
  return world.store.pending.put(id, {
    schema: 1,
    ...pair,
    lineage,
    outcome,
    since: earlier?.since ?? at,
    renewedAt: earlier?.renewedAt ?? at,
    fingerprint256: report.fingerprint256,
    attempts: (earlier?.attempts ?? 0) + 1,
    detail: sentence(report),
  });
}

function journalEntry(
  world: World,
  { run, command }: RunRequest,
  { lineage, setting, report }: Outcome,
): JournalEntry {
  return {
    schema: 1,
    at: world.now().toISOString(),
    run,
    command,
    lineage: lineage?.name ?? setting.lineage,
    certificate: mainFile(setting),
    outcome: report.outcome ?? "published",
    fingerprint256: report.fingerprint256,
    servedBefore: null,
    reloads: 0,
    detail: sentence(report),
    durationMs: world.stopwatch.readings()["total"] ?? 0,
  };
}

function sentence({ name, reason, files }: PublicationReport): string {
  const place = join(files[0] ?? "", "..");
  return `${name}: ${reason ?? `published in ${place}`}`;
}
