/** One run of the watcher, through the same pipeline and the same lock as everybody's. */
import { basename } from "node:path";
import { isMeantBy } from "../adapters/certbot/lineage-of-path.ts";
import type { PendingEntry } from "../core/decision/record.ts";
import type { Lineage } from "../core/lineage/lineage.ts";
import { subjectOf } from "../core/lineage/subject.ts";
import type { RunDocument } from "../core/report/document.ts";
import type { Work } from "../core/schedule/schedule.ts";
import type { Candidate } from "../pipeline/assess.ts";
import { notKnownToBeServed } from "../pipeline/known.ts";
import { lockedRun } from "../pipeline/locked-run.ts";
import { pendingNow } from "../pipeline/pending.ts";
import type { Scope, World } from "../pipeline/world.ts";
import type { Sources } from "./surroundings.ts";

/** null: there was nothing to be done after all. Only what is about certain subjects asks for the sources. */
export async function carryOut(
  world: World,
  sources: () => Promise<Sources>,
  work: Work,
  run: string,
): Promise<RunDocument | null> {
  const pending = await pendingNow(world);
  const scope = await scopeOf(world, sources, work, pending);
  if (scope === null) return null;
  const { limits, watch } = world.settings;
  return lockedRun(
    world,
    {
      run,
      command: "watch",
      trigger: "automatic",
      scope,
      isForced: false,
      isDryRun: false,
      settleMs: limits.settleHookMs,
    },
    { own: [], lockWaitMs: limits.lockMs, limitMs: watch.runMs },
  );
}

async function scopeOf(
  world: World,
  sources: () => Promise<Sources>,
  work: Work,
  pending: readonly PendingEntry[],
): Promise<Scope | null> {
  switch (work.kind) {
    case "sweep":
      return { kind: "all" };
    case "reconcile":
      return {
        kind: "unsettled",
        ...(work.subjects.length === 0
          ? { lineages: [], certificates: [] }
          : named(work.subjects, await sources(), pending)),
      };
    case "subjects": {
      const known = await sources();
      const subjects = await worthARun(world, known, work.subjects, pending);
      return subjects.length === 0
        ? null
        : { kind: "named", ...named(subjects, known, pending) };
    }
  }
}

/** A hook has mostly been there before: what is known to be served, and what Nginx does not use, costs no run. */
async function worthARun(
  world: World,
  { candidates }: Sources,
  subjects: readonly string[],
  pending: readonly PendingEntry[],
): Promise<readonly string[]> {
  const failed = new Set(pending.map(subjectOf));
  const queued = await world.store.queue.list();
  const waiting = new Set(queued.map(({ entry }) => entry.lineage.path));
  const asked = candidates.filter((one) =>
    subjects.includes(subjectOfCandidate(one)),
  );
  const unknown = new Set(
    (await unknownToAny(world, asked)).map(subjectOfCandidate),
  );
  return subjects.filter(
    (subject) =>
      failed.has(subject) ||
      waiting.has(subject) ||
      isPublished(world, subject) ||
      unknown.has(subject) ||
      candidates.length === 0,
  );
}

/** Whether it has been published as it is now is the run's to find out. */
function isPublished({ settings }: World, subject: string): boolean {
  const lineage = { name: basename(subject), path: subject };
  return settings.publish.some((setting) =>
    isMeantBy(setting.lineage, lineage, settings.certbotDir),
  );
}

async function unknownToAny(
  world: World,
  candidates: readonly Candidate[],
): Promise<readonly Candidate[]> {
  if (candidates.length === 0) return [];
  const found = await Promise.all(
    world.targets.map(async (target) =>
      notKnownToBeServed(
        world,
        {
          target,
          state: await target.inspect(world.signal),
          known: { target: await world.store.targets.get(target.name) },
        },
        candidates,
      ),
    ),
  );
  return found.flat();
}

function subjectOfCandidate({ lineage, files }: Candidate): string {
  return subjectOf({ lineage, certificate: files.certificate });
}

function named(
  subjects: readonly string[],
  { lineages, candidates }: Sources,
  pending: readonly PendingEntry[],
): {
  readonly lineages: readonly Lineage[];
  readonly certificates: readonly string[];
} {
  const known = new Map(
    [
      ...lineages,
      ...[...candidates, ...pending].flatMap(({ lineage }) => lineage ?? []),
    ].map((lineage) => [lineage.path, lineage]),
  );
  return {
    lineages: subjects.flatMap((subject) => known.get(subject) ?? []),
    certificates: subjects.filter((subject) => !known.has(subject)),
  };
}
