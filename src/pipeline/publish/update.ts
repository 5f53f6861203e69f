/** Publishes what is sound and not published yet. */
import {
  snapshotLineage,
  type LineageFiles,
} from "../../adapters/certbot/snapshot.ts";
import { contentsFor, digestOf } from "../../adapters/publish/contents.ts";
import { seenAt } from "../../adapters/publish/publish.ts";
import { assertNever } from "../../core/assert-never.ts";
import type { Certificate } from "../../core/certificate/certificate.ts";
import { filesKey } from "../../core/decision/generations.ts";
import type { Lineage } from "../../core/lineage/lineage.ts";
import { decidePublication } from "../../core/publish/decide.ts";
import {
  adoptedId,
  versionId,
  withVersion,
  type PublicationRecord,
  type PublishedVersion,
} from "../../core/publish/record.ts";
import { findingIdentity } from "../../core/validation/finding.ts";
import type { Examined } from "../examine.ts";
import type { World } from "../world.ts";
import {
  failed,
  outcomeOf,
  quiet,
  untilThen,
  type Outcome,
  type Task,
} from "./outcome.ts";
import { write } from "./write.ts";

export async function bringUpToDate(
  task: Task,
  lineage: Lineage,
  examined: Examined,
  record: PublicationRecord | null,
): Promise<Outcome> {
  const { world, request, setting } = task;
  const files = await readFiles(world, lineage);
  const digest = files === null ? null : digestOf(setting, files);
  const { leaf, findings } = examined.examination;
  const decision = decidePublication({
    findings,
    fingerprint256: leaf?.fingerprint256 ?? null,
    record,
    digest,
    seen: record === null ? null : seenAt(setting),
    isForced: request.isForced,
    now: world.now(),
  });
  switch (decision.kind) {
    case "unchanged":
      return quiet(task, lineage, record, "unchanged", null);
    case "held":
      return quiet(
        task,
        lineage,
        record,
        "held",
        `somebody went back to an earlier version at ${decision.since}; ${untilThen(lineage)}`,
      );
    case "refused":
      return outcomeOf(task, lineage, record, {
        state: "rejected",
        outcome: "rejected",
        reason: decision.because.message,
        remedy: decision.because.hint,
      });
    case "publish":
      return request.isDryRun
        ? quiet(task, lineage, record, "due", "is not published yet")
        : publishNew(task, lineage, record, { examined, files, digest });
    default:
      return assertNever(decision);
  }
}

/** null where they are no one version, which the examination has told already. */
async function readFiles(
  { signal }: World,
  lineage: Lineage,
): Promise<LineageFiles | null> {
  const snapshot = await snapshotLineage(lineage, {
    settleMs: 0,
    secondLook: "not-needed",
    signal,
  });
  return snapshot.kind === "consistent" ? snapshot.files : null;
}

async function publishNew(
  task: Task,
  lineage: Lineage,
  record: PublicationRecord | null,
  what: {
    readonly examined: Examined;
    readonly files: LineageFiles | null;
    readonly digest: string | null;
  },
): Promise<Outcome> {
  const { world, setting } = task;
  const { leaf } = what.examined.examination;
  const contents =
    what.files === null || !isExamined(what.examined, what.files)
      ? null
      : contentsFor(setting, what.files);
  if (leaf === null || contents === null)
    return failed(task, lineage, record, {
      reason: `${lineage.name} was written anew while it was looked at`,
      remedy: "livecert retry",
    });
  const version = versionOf(world, leaf, what.examined);
  const known = record?.versions ?? [];
  const result = await write(task, {
    version: version.id,
    contents,
    adopt: setting.keep > 1 ? adoptedId : null,
    kept: withVersion(
      { versions: known, current: record?.current ?? null },
      version,
      setting.keep,
    ).map(({ id }) => id),
  });
  if (result.kind === "failed") return failed(task, lineage, record, result);
  // Something new is there: another directory, or one that was made anew, has none of the known versions.
  const isAdopted =
    result.adopted === "now" ||
    (result.adopted === "before" && known.length === 0);
  const before = isAdopted
    ? { versions: [adoptedVersion(world)], current: adoptedId }
    : { versions: known, current: record?.current ?? null };
  const newer: PublicationRecord = {
    schema: 1,
    name: setting.name,
    lineage,
    versions: withVersion(before, version, setting.keep),
    current: version.id,
    digest: what.digest,
    seen: result.seen,
    held: null,
  };
  const stored = await world.store.publications.put(setting.name, newer);
  world.log.info("published", {
    publication: setting.name,
    lineage: lineage.name,
    fingerprint: leaf.fingerprint256,
  });
  const telling = { reason: null, remedy: null } as const;
  return outcomeOf(
    task,
    lineage,
    newer,
    { state: "published", outcome: "published", ...telling },
    [stored],
  );
}

/** What was read to be published is what was judged. */
function isExamined(
  { filesKey: examined }: Examined,
  { fullchain, privkey }: LineageFiles,
): boolean {
  const identities = [fullchain, privkey].flatMap((reading) =>
    reading.kind === "read" ? reading.identity : [],
  );
  return filesKey(identities) === examined;
}

function versionOf(
  world: World,
  { fingerprint256, notBefore, notAfter }: Certificate,
  { examination }: Examined,
): PublishedVersion {
  const now = world.now();
  return {
    id: versionId(now, fingerprint256),
    at: now.toISOString(),
    fingerprint256,
    notBefore: notBefore.toISOString(),
    notAfter: notAfter.toISOString(),
    regressions: examination.findings
      .filter(({ severity }) => severity === "regression")
      .map(findingIdentity),
  };
}

function adoptedVersion(world: World): PublishedVersion {
  return {
    id: adoptedId,
    at: world.now().toISOString(),
    fingerprint256: null,
    notBefore: null,
    notAfter: null,
    regressions: [],
  };
}
