/** One step back, to the version that was published before. */
import type { Lineage } from "../../core/lineage/lineage.ts";
import {
  versionBefore,
  type PublicationRecord,
  type PublishedVersion,
} from "../../core/publish/record.ts";
import type { Examined } from "../examine.ts";
import type { World } from "../world.ts";
import {
  failed,
  outcomeOf,
  untilThen,
  type Outcome,
  type Task,
} from "./outcome.ts";
import { write } from "./write.ts";

/** The version before is put back, and this lineage's present leaf is not published again by itself. */
export async function goBack(
  task: Task,
  lineage: Lineage,
  examined: Examined,
  record: PublicationRecord | null,
): Promise<Outcome> {
  const { world, setting } = task;
  const before = record === null ? null : versionBefore(record);
  if (record === null || before === null)
    return failed(task, lineage, record, {
      reason: "no earlier version is kept",
      remedy: null,
    });
  const result = await write(task, {
    version: before.id,
    contents: new Map(),
    adopt: null,
    kept: record.versions.map(({ id }) => id),
  });
  if (result.kind === "failed") return failed(task, lineage, record, result);
  const published = record.versions.find(({ id }) => id === record.current);
  const fingerprint256 =
    examined.examination.leaf?.fingerprint256 ??
    published?.fingerprint256 ??
    "";
  const older: PublicationRecord = {
    ...record,
    current: before.id,
    digest: null,
    seen: result.seen,
    held: { at: world.now().toISOString(), fingerprint256 },
  };
  const stored = await world.store.publications.put(setting.name, older);
  world.log.info("went back to an earlier version", {
    publication: setting.name,
    version: before.id,
  });
  const expired = hasEnded(world, before) ? ", which has expired since" : "";
  const reason = `went back to what was published at ${before.at}${expired}; ${untilThen(lineage)}`;
  return outcomeOf(
    task,
    lineage,
    older,
    { state: "rolled-back", outcome: "published", reason, remedy: null },
    [stored],
  );
}

function hasEnded(world: World, { notAfter }: PublishedVersion): boolean {
  return notAfter !== null && Date.parse(notAfter) < world.now().getTime();
}
