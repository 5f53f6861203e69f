/**
 * Publish: puts sound certificates where other services expect them, before any Nginx is looked at, since it may be one of
 * those services. What is published already and what a person has taken back is left alone.
 */
import { isMeantBy } from "../../adapters/certbot/lineage-of-path.ts";
import { findLineage } from "../../adapters/certbot/lineages.ts";
import { warningsOf } from "../../adapters/store/failure.ts";
import type { Lineage } from "../../core/lineage/lineage.ts";
import type { PublicationReport } from "../../core/report/document.ts";
import {
  mainFile,
  publishedPaths,
  type PublicationSetting,
} from "../../core/settings/publications.ts";
import { LivecertError } from "../../errors.ts";
import { lineageFiles } from "../candidates.ts";
import {
  examineSource,
  patienceWithNamed,
  sourceId,
  type Examined,
} from "../examine.ts";
import type { RunRequest, World } from "../world.ts";
import { goBack } from "./go-back.ts";
import { failed, type Outcome, type Task } from "./outcome.ts";
import { recordPublications } from "./record.ts";
import { bringUpToDate } from "./update.ts";

export interface Published {
  readonly reports: readonly PublicationReport[];
  /** Those that were handed in, and what had to be examined besides. */
  readonly examined: ReadonlyMap<string, Examined>;
  /** What could not be written down. */
  readonly warnings: readonly string[];
}

/** One after the other: there are few, and each is quick. Nothing that goes wrong keeps the next from being published. */
export async function publishAll(
  world: World,
  request: RunRequest,
  examined: ReadonlyMap<string, Examined>,
): Promise<Published> {
  const known = new Map(examined);
  const done: Outcome[] = [];
  const asked = world.settings.publish.filter((setting) =>
    isAsked(world, request, setting),
  );
  for (const setting of asked) {
    world.signal.throwIfAborted();
    done.push(await publishOne({ world, request, setting, known }));
  }
  const results = request.isDryRun
    ? []
    : await recordPublications(world, request, done);
  return {
    reports: done.map(({ report }) => report),
    examined: known,
    warnings: warningsOf(results),
  };
}

/** Whether somebody has gone back here, so that what Nginx loads from here is meant to be old. */
export async function rolledBackFiles(
  world: World,
): Promise<ReadonlySet<string>> {
  const files = await Promise.all(
    world.settings.publish.map(async (setting) => {
      const record = await world.store.publications.get(setting.name);
      return record?.held == null
        ? []
        : publishedPaths(setting).map(({ path }) => path);
    }),
  );
  return new Set(files.flat());
}

function isAsked(
  { settings: { certbotDir } }: World,
  { scope, rollback }: RunRequest,
  setting: PublicationSetting,
): boolean {
  if (rollback !== undefined && rollback === setting.name) return true;
  if (scope.kind !== "named") return true;
  return (
    scope.lineages.some((lineage) =>
      isMeantBy(setting.lineage, lineage, certbotDir),
    ) || scope.certificates.includes(mainFile(setting))
  );
}

async function publishOne(task: Task): Promise<Outcome> {
  const { world, setting } = task;
  const record = await world.store.publications.get(setting.name);
  let lineage: Lineage;
  try {
    lineage = await findLineage(setting.lineage, world.settings.certbotDir);
  } catch (error) {
    if (!(error instanceof LivecertError)) throw error;
    return failed(task, null, record, {
      reason: error.message,
      remedy: error.remedy,
    });
  }
  const examined = await examineOnce(task, lineage);
  return task.request.rollback === setting.name
    ? goBack(task, lineage, examined, record)
    : bringUpToDate(task, lineage, examined, record);
}

async function examineOnce(
  { world, request, known }: Task,
  lineage: Lineage,
): Promise<Examined> {
  const files = lineageFiles(lineage);
  const id = sourceId(files);
  const examined =
    known.get(id) ??
    (await examineSource(world, files, {
      record: await world.store.sources.get(id),
      patience: patienceWithNamed(request),
      knownIssuers: [],
    }));
  known.set(id, examined);
  return examined;
}
