/** What failed and is taken up again: named the way schedule and runs name it, and forgotten once nobody can mean it any more. */
import { access } from "node:fs/promises";
import { join } from "node:path";
import { fileName } from "../adapters/store/records.ts";
import type { PendingEntry } from "../core/decision/record.ts";
import type { Lineage } from "../core/lineage/lineage.ts";
import { pendingKey } from "../core/settings/publications.ts";
import type { Candidate } from "./assess.ts";
import { candidatesOf } from "./candidates.ts";
import { sourceId, type SourceFiles } from "./examine.ts";
import type { World } from "./world.ts";

/** The sources of the configurations that were last seen; null where there never was one. */
export async function rememberedCandidates(
  world: World,
  lineages: readonly Lineage[],
): Promise<readonly Candidate[] | null> {
  const found = await Promise.all(
    world.targets.map(async (target) => {
      const known = await world.store.models.get(target.name);
      return known === null
        ? []
        : [candidatesOf(world, target, known.model, lineages)];
    }),
  );
  const remembered = found.flat();
  return remembered.length === 0 ? null : remembered.flat();
}

/**
 * Everything that is pending. What no configuration uses any more (a deleted lineage, a removed server block) goes; a
 * lineage that exists stays, since a run tells that it is unused.
 */
export async function pendingNow(
  world: World,
): Promise<readonly PendingEntry[]> {
  const entries = await world.store.pending.list();
  if (entries.length === 0) return [];
  const lineages = entries.flatMap(({ lineage }) => lineage ?? []);
  const candidates = await rememberedCandidates(world, lineages);
  if (candidates === null) return entries;
  const used = new Set(candidates.map(({ files }) => sourceId(files)));
  const kept: PendingEntry[] = [];
  for (const entry of entries) {
    const isKept =
      used.has(idOf(entry)) ||
      isPublication(world, entry) ||
      (await isLineageItself(entry));
    if (isKept) kept.push(entry);
    else await forget(world, entry);
  }
  return kept;
}

async function forget(world: World, entry: PendingEntry): Promise<void> {
  await world.store.pending.remove(idOf(entry));
  world.log.info("what failed is no longer used", {
    lineage: entry.lineage?.name ?? null,
    certificate: entry.certificate,
    outcome: entry.outcome,
  });
}

/** The name of its file in the state. */
export function recordOf(entry: PendingEntry): string {
  return fileName(idOf(entry));
}

function idOf({ certificate, key }: PendingEntry): string {
  const files: Pick<SourceFiles, "certificate" | "key"> = {
    certificate: certificate ?? "",
    key,
  };
  return sourceId(files);
}

/** What could not be published, where it still is to be published. */
export function isPublication(world: World, { key }: PendingEntry): boolean {
  return world.settings.publish.some((setting) => pendingKey(setting) === key);
}

async function isLineageItself({
  lineage,
  certificate,
}: PendingEntry): Promise<boolean> {
  if (lineage === null || certificate !== join(lineage.path, "fullchain.pem"))
    return false;
  return access(lineage.path).then(
    () => true,
    () => false,
  );
}
