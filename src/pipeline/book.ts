import type { Store } from "../adapters/store/store.ts";
import { emptyBook, type IncidentBook } from "../core/incidents/record.ts";

/** There is one book. */
export const bookId = "all";

export async function readBook({
  store,
}: {
  readonly store: Pick<Store, "incidents">;
}): Promise<IncidentBook> {
  return (await store.incidents.get(bookId)) ?? emptyBook;
}
