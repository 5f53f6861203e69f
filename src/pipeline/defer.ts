/** Inside a Certbot run that will call again: validate now, so that a bad certificate is told where it belongs, and queue. */
import type { Lineage } from "../core/lineage/lineage.ts";
import type { RunDocument } from "../core/report/document.ts";
import { lineageFiles } from "./candidates.ts";
import { examineSource, patienceWithNamed, sourceId } from "./examine.ts";
import { queueEntry } from "./queue.ts";
import {
  briefDocument,
  briefReport,
  renewalDueOf,
  reportLeaf,
} from "./report.ts";
import type { RunRequest, World } from "./world.ts";

/** null: it has a fatal fault or cannot be queued, which a whole run must deal with now. */
export async function deferLineage(
  world: World,
  request: RunRequest,
  lineage: Lineage,
): Promise<RunDocument | null> {
  const files = lineageFiles(lineage);
  const record = await world.store.sources.get(sourceId(files));
  const examined = await world.stopwatch.time("validate", () =>
    examineSource(world, files, {
      record,
      patience: patienceWithNamed(request),
      knownIssuers: [],
    }),
  );
  const { findings, leaf, bundle } = examined.examination;
  if (leaf === null || findings.some(({ severity }) => severity === "fatal"))
    return null;
  const queued = await world.store.queue.put(
    queueEntry(world, lineage, examined.version),
  );
  if (queued.kind === "not-written") return null;
  const report = briefReport(
    lineage,
    "deferred",
    "sound; waits for the one reload at the end of this Certbot run",
  );
  return briefDocument(world, request, [
    {
      ...report,
      leaf: reportLeaf(leaf, bundle?.bundle256 ?? null),
      renewalDue: renewalDueOf(leaf, world),
      valid: findings.every(({ severity }) => severity === "warning"),
      findings,
    },
  ]);
}
