import {
  incidentKinds,
  recoveredPhrases,
  type Family,
  type Incident,
  type IncidentKind,
} from "../../core/incidents/incident.ts";
import type {
  Message,
  MessageCertificate,
} from "../../core/incidents/message.ts";
import type { IncidentBook, OutboxEntry } from "../../core/incidents/record.ts";
import {
  boolean,
  list,
  literal,
  nullable,
  number,
  record,
  string,
} from "./shape.ts";

const schema = literal(1);
const kind = literal(...(Object.keys(incidentKinds) as IncidentKind[]));
const family = literal(...(Object.keys(recoveredPhrases) as Family[]));

const incident = record<Incident>({
  target: string,
  source: string,
  name: string,
  kind,
  reason: string,
  remedy: nullable(string),
  hostNames: list(string),
  notAfter: nullable(string),
  openedAt: string,
  closedAt: nullable(string),
  tellAt: nullable(string),
  toldAt: nullable(string),
  told: number,
  endings: number,
  owesRecovery: boolean,
});

const message = record<Message>({
  schema,
  id: string,
  event: literal("opened", "reminder", "recovered", "test"),
  severity: literal("critical", "warning", "ok"),
  family: nullable(family),
  kind: nullable(kind),
  host: string,
  target: nullable(string),
  at: string,
  title: string,
  count: number,
  certificates: list(
    record<MessageCertificate>({
      name: string,
      path: string,
      hostNames: list(string),
      notAfter: nullable(string),
      since: string,
      reason: string,
      remedy: nullable(string),
    }),
  ),
  details: list(string),
});

export const incidentBook = record<IncidentBook>({
  schema,
  reviewedAt: nullable(string),
  incidents: list(incident),
  unsent: list(message),
});

export const outboxEntry = record<OutboxEntry>({
  schema,
  channel: string,
  message,
  attempts: number,
  nextAt: string,
  error: nullable(string),
});
