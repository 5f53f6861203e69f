/**
 * Hook, watcher and people never talk to each other: the queue and the lock are all they share. Every run writes its own
 * lineages to the queue, takes the lock, and deals with everything that is queued and not another living Certbot's.
 */
import { isAlive } from "../adapters/process/processes.ts";
import type { Queued } from "../adapters/store/queue.ts";
import { isSameProcess } from "../core/decision/generations.ts";
import type { ProcessIdentity, QueueEntry } from "../core/decision/record.ts";
import type { Lineage } from "../core/lineage/lineage.ts";
import type { World } from "./world.ts";

/** Queues a lineage for this run, or for the end of its Certbot run; an earlier entry of it is replaced. */
export function queueEntry(
  world: World,
  lineage: Lineage,
  version: number | null,
): QueueEntry {
  const at = world.now().toISOString();
  return { schema: 1, lineage, version, at, certbot: ownCertbot(world) };
}

/** What this run must deal with: everything but what waits for another Certbot that is still at work. */
export async function dueEntries(world: World): Promise<readonly Queued[]> {
  const queued = await world.store.queue.list();
  return queued.filter(({ entry }) => isDue(world, entry));
}

/** Whether it was queued by a hook of the very Certbot run that calls us. */
export function isOfOwnCertbot(world: World, { certbot }: QueueEntry): boolean {
  const own = ownCertbot(world);
  return own !== null && certbot !== null && isSameProcess(own, certbot);
}

function isDue(world: World, entry: QueueEntry): boolean {
  const { certbot, at } = entry;
  if (certbot === null || !isAlive(certbot)) return true;
  if (isOfOwnCertbot(world, entry)) return true;
  const waitedMs = world.now().getTime() - Date.parse(at);
  // A clock that was set back, or nonsense in the entry, must not make it wait for ever.
  return !(waitedMs >= 0 && waitedMs < world.settings.limits.certbotWaitMs);
}

function ownCertbot(world: World): ProcessIdentity | null {
  return world.certbot?.identity ?? null;
}
