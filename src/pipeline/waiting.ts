/**
 * A run that gets no lock, or does not end within its limit, cannot write the book of incidents, which is the holder's. It
 * keeps one of its own, of what waits in the queue, and tells of it; the next run that comes to its end takes that over, and
 * tells what has become of it.
 */
import { join } from "node:path";
import { warningsOf, type Written } from "../adapters/store/failure.ts";
import { tryLock, type Lock } from "../adapters/store/lock.ts";
import type { Queued } from "../adapters/store/queue.ts";
import {
  familyOf,
  type Condition,
  type Incident,
} from "../core/incidents/incident.ts";
import type { IncidentBook } from "../core/incidents/record.ts";
import { review } from "../core/incidents/review.ts";
import type { LivecertError } from "../errors.ts";
import { messagesOf } from "./alert-messages.ts";
import { readBook, together, writeBook } from "./book.ts";
import type { RunRequest, World } from "./world.ts";

/** What waits, and for what. */
export interface Waiting {
  readonly queued: readonly Queued[];
  readonly cause: LivecertError;
}

/** Nothing where nobody listens. What cannot be told is logged: the run has failed already. */
export async function keepWaiting(
  world: World,
  request: RunRequest,
  waiting: Waiting,
): Promise<void> {
  const { settings, log } = world;
  if (settings.notify.length === 0) return;
  try {
    const kept = await keepInBook(world, request, waiting);
    for (const warning of warningsOf(kept)) log.warn(warning);
  } catch (error) {
    log.warn("that renewals wait cannot be told", { error });
  }
}

/** What others have told, which tell no more while it is held. */
export interface Taken extends Disposable {
  readonly book: IncidentBook;
  /** Once what it holds stands in the book of all. */
  readonly remove: () => Promise<Written>;
}

/** null: there is none, or a run is writing it at the moment, and the next one takes it over. */
export async function takeWaiting(
  world: World,
  { command }: RunRequest,
): Promise<Taken | null> {
  const { incidents } = world.store;
  if ((await incidents.get("waiting")) === null) return null;
  const lock = await lockWaiting(world, command);
  if (lock === null) return null;
  return {
    book: await readBook(world, "waiting"),
    remove: () => incidents.remove("waiting"),
    [Symbol.dispose]: () => lock[Symbol.dispose](),
  };
}

/** Whoever reads the book to change it holds this; null: another process does. */
function lockWaiting(
  { settings: { runDir }, signal }: Pick<World, "settings" | "signal">,
  command: string,
): Promise<Lock | null> {
  return tryLock({ runDir: join(runDir, "waiting"), command, signal });
}

/** Nothing where another run does the same at the moment. */
async function keepInBook(
  world: World,
  request: RunRequest,
  waiting: Waiting,
): Promise<readonly Written[]> {
  using lock = await lockWaiting(world, request.command);
  if (lock === null) return [];
  const { settings, now } = world;
  const book = await readBook(world, "waiting");
  const { incidents } = await readBook(world, "all");
  const reviewed = review({
    incidents: together(incidents.filter(isOfWaiting), book.incidents),
    conditions: conditionsOf(world, waiting, incidents),
    wasLookedAt: () => false,
    isHeard: true,
    remindMs: settings.alerts.remindMs,
    now: now(),
  });
  const about = { ...request, run: `${request.run}-waiting` };
  const messages = await messagesOf(world, about, reviewed.announcements);
  return await writeBook(world, "waiting", book, {
    ...book,
    incidents: reviewed.incidents,
    unsent: [...book.unsent, ...messages],
  });
}

/** Of one that fails otherwise as well people know already. */
function conditionsOf(
  { targets, settings, now }: World,
  { queued, cause }: Waiting,
  incidents: readonly Incident[],
): readonly Condition[] {
  // Of several targets nobody has been asked yet whose it is.
  const target = targets[0]?.name ?? "host";
  const failing = new Set(
    incidents
      .filter((one) => one.closedAt === null && !isOfWaiting(one))
      .filter((one) => familyOf(one) === "deployment")
      .map(({ source }) => source),
  );
  const tellFrom = new Date(
    now().getTime() + settings.limits.certbotWaitMs,
  ).toISOString();
  return queued
    .filter(({ entry: { lineage } }) => !failing.has(lineage.path))
    .map(({ entry: { lineage } }) => ({
      ...{ target, source: lineage.path, name: lineage.name, kind: "locked" },
      ...{ reason: cause.message, remedy: cause.remedy, tellFrom },
      ...{ hostNames: [], notAfter: null },
    }));
}

export function isOfWaiting({ kind }: Pick<Incident, "kind">): boolean {
  return kind === "locked";
}
