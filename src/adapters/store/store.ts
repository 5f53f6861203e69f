/**
 * What livecert remembers between runs: records, never the truth. Whatever is lost here is found again by looking at the
 * files and at what Nginx serves, so a corrupt file is moved aside and a full disk is a warning.
 */
import type {
  ModelRecord,
  PendingEntry,
  SourceRecord,
  TargetRecord,
} from "../../core/decision/record.ts";
import type { PublicationRecord } from "../../core/publish/record.ts";
import type { Totals } from "../../core/metrics/totals.ts";
import type { IncidentBook, OutboxEntry } from "../../core/incidents/record.ts";
import type { Log } from "../log/log.ts";
import { incidentBook, outboxEntry } from "./alert-shapes.ts";
import { openJournal, type Journal } from "./journal.ts";
import { openPlace } from "./place.ts";
import { openQueue, type Queue } from "./queue.ts";
import { openRecords, type Records } from "./records.ts";
import {
  modelRecord,
  pendingEntry,
  publicationRecord,
  sourceRecord,
  targetRecord,
  totals,
} from "./shapes.ts";

export interface Store {
  /** By the certificate source's id. */
  readonly sources: Records<SourceRecord>;
  /** By the id of the source, or the path of the lineage where no source is known. */
  readonly pending: Records<PendingEntry>;
  readonly queue: Queue;
  /** By the target's name. */
  readonly models: Records<ModelRecord>;
  /** By the target's name. */
  readonly targets: Records<TargetRecord>;
  /** One record: what has been counted over all runs. */
  readonly totals: Records<Totals>;
  /** By the publication's name. */
  readonly publications: Records<PublicationRecord>;
  /** One record: what is wrong, and what people know of it. */
  readonly incidents: Records<IncidentBook>;
  /** By outboxId. */
  readonly outbox: Records<OutboxEntry>;
  readonly journal: Journal;
}

/**
 * Writes nothing yet; the directory is made with the first record.
 *
 * @throws LivecertError `configuration-unsafe` where others may write to the state, `state-newer` where a newer livecert
 *   has written it. Every access may throw `state-newer` or `state-unwritable` later.
 */
export async function openStore(options: {
  readonly stateDir: string;
  readonly log: Log;
}): Promise<Store> {
  const place = await openPlace(options.stateDir, options.log);
  return {
    sources: openRecords(place, "sources", sourceRecord),
    pending: openRecords(place, "pending", pendingEntry),
    queue: openQueue(place),
    models: openRecords(place, "models", modelRecord),
    targets: openRecords(place, "targets", targetRecord),
    totals: openRecords(place, "totals", totals),
    publications: openRecords(place, "publications", publicationRecord),
    incidents: openRecords(place, "incidents", incidentBook),
    outbox: openRecords(place, "outbox", outboxEntry),
    journal: openJournal(place),
  };
}
