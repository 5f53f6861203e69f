/** The metrics as a file for node_exporter's textfile collector, for machines without a watcher. */
import { hostname } from "node:os";
import { dirname } from "node:path";
import { listLineages } from "../adapters/certbot/lineages.ts";
import { sweepLeftovers, writeReadable } from "../adapters/store/files.ts";
import { renderMetrics } from "../core/metrics/exposition.ts";
import { metricFamilies, targetFamilies } from "../core/metrics/families.ts";
import { statusOf } from "../core/report/board.ts";
import type { LineageReport, RunDocument } from "../core/report/document.ts";
import { redact } from "../core/report/redact.ts";
import { unusedLineages } from "../pipeline/candidates.ts";
import { rememberedCandidates } from "../pipeline/pending.ts";
import type { World } from "../pipeline/world.ts";
import { version } from "../version.ts";
import { lastSeenOf, learn } from "./knowledge.ts";
import { measureTargets } from "./measure.ts";

/** A run that left a certificate to another one, or to a later one, has not looked at it: the record says more. */
function isWhole({ leaf, findings }: LineageReport): boolean {
  return leaf !== null || findings.length > 0;
}

/** What this run has found, and of all other certificates what is on record. Throws what the system throws. */
export async function writeTextfile(
  world: World,
  path: string,
  document: RunDocument,
): Promise<void> {
  const { lineages } = await listLineages(world.settings.certbotDir);
  const used = (await rememberedCandidates(world, lineages)) ?? [];
  const knowledge = await learn(world, null, {
    document: { ...document, lineages: document.lineages.filter(isWhole) },
    isWhole: false,
    subjects: null,
    lineages,
    candidates: [...used, ...unusedLineages(used, lineages)],
  });
  const status = statusOf(knowledge.board, {
    host: hostname(),
    at: world.now(),
    run: document.run,
    watcher: null,
    events: [],
  });
  const families = [
    ...metricFamilies({
      version,
      status,
      totals: knowledge.totals,
      lastSeen: lastSeenOf(knowledge),
      targets: world.targets.map(({ name }) => name),
      watcher: null,
    }),
    ...targetFamilies(await measureTargets(world)),
  ];
  sweepLeftovers(dirname(path), world.now());
  await writeReadable(path, redact(renderMetrics(families, "text")));
}
