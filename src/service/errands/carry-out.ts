/** What the child does. */
import type { RunDocument, WatcherRun } from "../../core/report/document.ts";
import { pendingNow } from "../../pipeline/pending.ts";
import type { Work } from "../../core/schedule/schedule.ts";
import type { World } from "../../pipeline/world.ts";
import { readBoard, writeBoard } from "../board-file.ts";
import { carryOut } from "../carry-out.ts";
import { sendWaiting } from "../delivery.ts";
import { writeDocuments, type Told } from "../documents.ts";
import { failingNow } from "../failing-now.ts";
import { learn, withRecords, type Knowledge } from "../knowledge.ts";
import type { Present } from "../present.ts";
import { findSources, lookAround, type Sources } from "../surroundings.ts";
import { summarise, tellDeployed } from "../tell.ts";
import type { Answers, Errand, RunAnswer } from "./errand.ts";

export interface Circumstances {
  /** Identifies a run. */
  readonly id: string;
  /** `$CREDENTIALS_DIRECTORY`. */
  readonly credentialsDirectory: string | null;
}

export async function carryOutErrand(
  world: World,
  errand: Errand,
  { id, credentialsDirectory }: Circumstances,
): Promise<Answers[Errand["kind"]]> {
  switch (errand.kind) {
    case "survey":
      return lookAround(world, await findSources(world));
    case "run":
      return runFor(world, errand.work, id);
    case "tell":
      return tell(world, errand.present);
    case "deliver":
      await sendWaiting({ ...world, credentialsDirectory });
      return null;
  }
}

async function runFor(
  world: World,
  work: Work,
  id: string,
): Promise<RunAnswer> {
  let before: Promise<Sources> | null = null;
  const sourcesBefore = () => (before ??= findSources(world));
  const document = await carryOut(world, sourcesBefore, work, id);
  if (document !== null) tellDeployed(world.log, document);
  const pending = await pendingNow(world);
  // What was looked through may have brought another configuration to light.
  const sources =
    work.kind === "subjects" ? await sourcesBefore() : await findSources(world);
  const known = await readBoard(world.settings.runDir);
  const { board } = await learn(world, known, {
    ...sources,
    document,
    isWhole: work.kind === "sweep",
    subjects: work.kind === "subjects" ? work.subjects : null,
  });
  await writeBoard(world.settings.runDir, board).catch((error: unknown) =>
    world.log.warn("what a run found out could not be kept", { error }),
  );
  return {
    id: document === null ? "" : id,
    run: document === null ? null : summaryOf(document, world.now()),
    failing: failingNow(pending, document),
    surroundings:
      work.kind === "subjects" ? null : await lookAround(world, sources),
  };
}

function summaryOf(document: RunDocument, at: Date): WatcherRun {
  const { reloads } = document;
  return { at: at.toISOString(), summary: summarise(document), reloads };
}

async function tell(world: World, present: Present): Promise<Told> {
  const { runDir } = world.settings;
  const board = await readBoard(runDir);
  const knowledge =
    board === null
      ? await learnFromRecords(world)
      : await withRecords(world, board);
  const targets = world.targets.map(({ name }) => name);
  return writeDocuments(runDir, knowledge, {
    present,
    targets,
    now: world.now(),
  });
}

async function learnFromRecords(world: World): Promise<Knowledge> {
  const news = { document: null, isWhole: false, subjects: null };
  return learn(world, null, { ...news, ...(await findSources(world)) });
}
