import type { Incident } from "./incident.ts";
import type { Message } from "./message.ts";

/** `STATE/v1/incidents/…json`, one record: written by whoever holds the lock. Instants are ISO 8601, UTC. */
export interface IncidentBook {
  readonly schema: 1;
  /** When everything that Nginx serves was last looked at; null: never. */
  readonly reviewedAt: string | null;
  readonly incidents: readonly Incident[];
  /**
   * Messages that are on their way to the outbox. They are written here together with the incidents that they are about, so
   * that a crash neither loses one nor makes a second; nobody sends one that stands here.
   */
  readonly unsent: readonly Message[];
}

/** `STATE/v1/outbox/…json`: one message for one channel, until it is sent. */
export interface OutboxEntry {
  readonly schema: 1;
  /** The channel's name. */
  readonly channel: string;
  readonly message: Message;
  /** Attempts that were begun. */
  readonly attempts: number;
  readonly nextAt: string;
  /** Why the last attempt failed; null: there was none, or it did not come to its end. */
  readonly error: string | null;
}

export const emptyBook: IncidentBook = {
  schema: 1,
  reviewedAt: null,
  incidents: [],
  unsent: [],
};

/** What an entry of the outbox is kept under. */
export function outboxId({
  channel,
  message,
}: Pick<OutboxEntry, "channel" | "message">): string {
  return `${message.id} ${channel}`;
}
