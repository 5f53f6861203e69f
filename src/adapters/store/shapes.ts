import type {
  Generation,
  JournalEntry,
  LastSeen,
  ModelRecord,
  PendingEntry,
  ProcessIdentity,
  QueueEntry,
  ReloadAttempts,
  SignalledReload,
  SourceRecord,
  TargetRecord,
} from "../../core/decision/record.ts";
import { outcomes, type Outcome } from "../../core/decision/outcome.ts";
import type { Histogram } from "../../core/metrics/histogram.ts";
import type { Totals } from "../../core/metrics/totals.ts";
import type {
  PublicationRecord,
  PublishedVersion,
} from "../../core/publish/record.ts";
import type { FileIdentity, Lineage } from "../../core/lineage/lineage.ts";
import type {
  CertificatePair,
  CertificateReference,
  Listener,
  NginxModel,
  ServerBlock,
} from "../../core/nginx/model.ts";
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
const outcome = literal(...(Object.keys(outcomes) as Outcome[]));
const lineage = record<Lineage>({ name: string, path: string });
const processIdentity = record<ProcessIdentity>({
  pid: number,
  startTicks: string,
});
const generation = record<Generation>({
  master: processIdentity,
  workers: list(processIdentity),
  draining: list(processIdentity),
});
const fileIdentity = record<FileIdentity>({
  path: string,
  resolved: string,
  device: string,
  inode: string,
  sizeBytes: number,
  modifiedNs: string,
  changedNs: string,
  mode: number,
  uid: number,
  gid: number,
});

export const sourceRecord = record<SourceRecord>({
  schema,
  certificate: string,
  key: nullable(string),
  lineage: nullable(lineage),
  deployed: nullable(
    record<NonNullable<SourceRecord["deployed"]>>({
      at: string,
      version: nullable(number),
      fingerprint256: string,
      bundle256: string,
      notBefore: string,
      notAfter: string,
      regressions: list(string),
      leaf: string,
      others: list(string),
    }),
  ),
  seen: list(
    record<LastSeen>({
      at: string,
      target: string,
      files: list(fileIdentity),
      generation,
      bundle256: string,
    }),
  ),
  last: nullable(
    record<NonNullable<SourceRecord["last"]>>({
      at: string,
      run: string,
      outcome,
      version: nullable(number),
      fingerprint256: nullable(string),
      detail: nullable(string),
    }),
  ),
  verdict: nullable(
    record<NonNullable<SourceRecord["verdict"]>>({
      key: string,
      rules: list(string),
    }),
  ),
  rehearsal: nullable(
    record<NonNullable<SourceRecord["rehearsal"]>>({
      files: string,
      bundle256: string,
    }),
  ),
});

export const pendingEntry = record<PendingEntry>({
  schema,
  certificate: nullable(string),
  key: nullable(string),
  lineage: nullable(lineage),
  outcome,
  since: string,
  renewedAt: string,
  fingerprint256: nullable(string),
  attempts: number,
  detail: string,
});

export const queueEntry = record<QueueEntry>({
  schema,
  lineage,
  version: nullable(number),
  at: string,
  certbot: nullable(processIdentity),
});

export const journalEntry = record<JournalEntry>({
  schema,
  at: string,
  run: string,
  command: string,
  lineage: nullable(string),
  certificate: nullable(string),
  outcome,
  fingerprint256: nullable(string),
  servedBefore: nullable(string),
  reloads: number,
  detail: nullable(string),
  durationMs: number,
});

const context = literal("http", "stream", "mail");
const model = record<NginxModel>({
  files: list(string),
  hostname: string,
  servers: list(
    record<ServerBlock>({
      id: string,
      context,
      file: string,
      line: number,
      serverNames: list(string),
      listeners: list(
        record<Listener>({
          address: string,
          ssl: boolean,
          quic: boolean,
          proxyProtocol: boolean,
          default: boolean,
          dualStack: boolean,
        }),
      ),
      pairs: list(
        record<CertificatePair>({
          certificate: string,
          key: nullable(string),
          passwordFile: nullable(string),
          file: string,
          line: number,
          dynamic: boolean,
          inline: boolean,
        }),
      ),
      rejectsHandshake: boolean,
      passesThrough: boolean,
      startTls: boolean,
      certificateByLua: boolean,
      ciphers: nullable(string),
    }),
  ),
  references: list(
    record<CertificateReference>({
      directive: string,
      certificate: string,
      key: nullable(string),
      file: string,
      line: number,
      context,
      servers: list(string),
      dynamic: boolean,
      inline: boolean,
    }),
  ),
  pidFile: nullable(string),
  errorLogs: list(string),
  certificateCount: number,
  objectCacheInheritable: boolean,
  masterProcess: boolean,
  problems: list(
    record<NginxModel["problems"][number]>({
      file: string,
      line: number,
      message: string,
    }),
  ),
});

export const modelRecord = record<ModelRecord>({
  schema,
  target: string,
  at: string,
  readBy: string,
  model,
  files: list(fileIdentity),
  digest: string,
  previous: nullable(
    record<NonNullable<ModelRecord["previous"]>>({ digest: string, model }),
  ),
});

const histogram = record<Histogram>({ counts: list(number), sum: number });

export const totals = record<Totals>({
  schema,
  reloads: list(
    record<Totals["reloads"][number]>({ target: string, count: number }),
  ),
  failures: list(
    record<Totals["failures"][number]>({ outcome, count: number }),
  ),
  retries: number,
  histograms: record<Totals["histograms"]>({
    probe: histogram,
    reload: histogram,
    timeToLive: histogram,
  }),
});

export const targetRecord = record<TargetRecord>({
  schema,
  target: string,
  at: string,
  generations: list(generation),
  loadedDigest: nullable(string),
  attempts: list(
    record<ReloadAttempts>({
      source: string,
      files: string,
      master: processIdentity,
      configuration: string,
      signalled: list(
        record<SignalledReload>({
          generation,
          effect: literal("open", "new-generation", "refused", "unseen"),
        }),
      ),
    }),
  ),
});

export const publicationRecord = record<PublicationRecord>({
  schema,
  name: string,
  lineage,
  versions: list(
    record<PublishedVersion>({
      id: string,
      at: string,
      fingerprint256: nullable(string),
      notBefore: nullable(string),
      notAfter: nullable(string),
      regressions: list(string),
    }),
  ),
  current: nullable(string),
  digest: nullable(string),
  seen: nullable(string),
  held: nullable(
    record<NonNullable<PublicationRecord["held"]>>({
      at: string,
      fingerprint256: string,
    }),
  ),
});
