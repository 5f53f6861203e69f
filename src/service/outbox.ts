/** What waits to be sent, and what of it is due. */
import type { Store } from "../adapters/store/store.ts";
import type { OutboxEntry } from "../core/incidents/record.ts";
import { readBook } from "../pipeline/book.ts";

export const longestPauseMs = 3_600_000;

/** Oldest first. What the book still holds is not yet handed over. */
export async function dueEntries(
  store: Store,
  now: Date,
): Promise<readonly OutboxEntry[]> {
  const entries = await store.outbox.list();
  if (entries.length === 0) return [];
  const held = new Set<string>();
  for (const name of ["all", "waiting"] as const)
    for (const { id } of (await readBook({ store }, name)).unsent) held.add(id);
  return entries
    .filter(({ message: { id } }) => !held.has(id))
    .filter(({ nextAt }) => isDue(Date.parse(nextAt), now.getTime()))
    .sort((one, other) => (one.message.at < other.message.at ? -1 : 1));
}

/** No pause is as long as one that a clock which was set back seems to leave. */
function isDue(nextMs: number, nowMs: number): boolean {
  return nextMs <= nowMs || nextMs - nowMs > longestPauseMs;
}
