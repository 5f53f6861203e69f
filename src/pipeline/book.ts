/** Where incidents are kept, and handed over as messages. */
import type { Written } from "../adapters/store/failure.ts";
import {
  emptyBook,
  outboxId,
  type IncidentBook,
  type OutboxEntry,
} from "../core/incidents/record.ts";
import type { Incident } from "../core/incidents/incident.ts";
import { keyOf } from "../core/incidents/review.ts";
import type { World } from "./world.ts";

/** `all`: the holder of the lock writes it. `waiting`: whoever gets no lock does (waiting.ts). */
export type BookName = "all" | "waiting";

export async function readBook(
  { store }: { readonly store: Pick<World["store"], "incidents"> },
  name: BookName,
): Promise<IncidentBook> {
  return (await store.incidents.get(name)) ?? emptyBook;
}

/** First the book with the messages in it, then the outbox, then the book without them. */
export async function writeBook(
  { store, settings, now }: Pick<World, "store" | "settings" | "now">,
  name: BookName,
  before: IncidentBook,
  book: IncidentBook,
): Promise<readonly Written[]> {
  const isHandedOver = book.unsent.length === 0;
  if (isHandedOver && JSON.stringify(book) === JSON.stringify(before))
    return [];
  const kept = await store.incidents.put(name, book);
  if (kept.kind !== "written" || isHandedOver) return [kept];
  const results: Written[] = [];
  for (const message of book.unsent)
    for (const channel of settings.notify) {
      const entry: OutboxEntry = {
        schema: 1,
        channel: channel.name,
        message,
        attempts: 0,
        nextAt: now().toISOString(),
        error: null,
      };
      results.push(await store.outbox.put(outboxId(entry), entry));
    }
  if (results.some(({ kind }) => kind !== "written")) return results;
  return [await store.incidents.put(name, { ...book, unsent: [] })];
}

/** What stands in both is as people were told it last: a run that was killed may have left what the other has gone on with. */
export function together(
  all: readonly Incident[],
  waiting: readonly Incident[],
): readonly Incident[] {
  const found = new Map(all.map((one) => [keyOf(one), one]));
  for (const one of waiting) {
    const other = found.get(keyOf(one));
    if (other === undefined || (one.toldAt ?? "") >= (other.toldAt ?? ""))
      found.set(keyOf(one), one);
  }
  return [...found.values()];
}
