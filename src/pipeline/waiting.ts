/**
 * A run that gets no lock, or does not end within its limit, cannot write the book of incidents, which is the holder's. It
 * keeps one of its own, of what waits in the queue, and tells of it; the next run that comes to its end takes that over, and
 * tells what has become of it.
 */
import { join } from "node:path";
import { warningsOf, type Written } from "../adapters/store/failure.ts";
import { tryLock } from "../adapters/store/lock.ts";
import type { Condition, Incident } from "../core/incidents/incident.ts";
import { review } from "../core/incidents/review.ts";
import type { LivecertError } from "../errors.ts";
import { messagesOf } from "./alert-messages.ts";
import { readBook, together, writeBook } from "./book.ts";
import { dueEntries } from "./queue.ts";
import type { RunRequest, World } from "./world.ts";

/** Nothing where nobody listens. What cannot be told is logged: the run has failed already. */
export async function keepWaiting(
  world: World,
  request: RunRequest,
  cause: LivecertError,
): Promise<void> {
  const { settings, log } = world;
  if (settings.notify.length === 0) return;
  try {
    const kept = await keepInBook(world, request, cause);
    for (const warning of warningsOf(kept)) log.warn(warning);
  } catch (error) {
    log.warn("that renewals wait cannot be told", { error });
  }
}

/** Nothing where another run does the same at the moment. */
async function keepInBook(
  world: World,
  request: RunRequest,
  cause: LivecertError,
): Promise<readonly Written[]> {
  const { settings, signal, now } = world;
  using lock = await tryLock({
    runDir: join(settings.runDir, "waiting"),
    command: request.command,
    signal,
  });
  if (lock === null) return [];
  const book = await readBook(world, "waiting");
  const reviewed = review({
    incidents: together(await toldOf(world), book.incidents),
    conditions: await conditionsOf(world, cause),
    wasLookedAt: () => false,
    isHeard: true,
    remindMs: settings.alerts.remindMs,
    now: now(),
  });
  const messages = await messagesOf(world, request, reviewed.announcements);
  return await writeBook(world, "waiting", book, {
    ...book,
    incidents: reviewed.incidents,
    unsent: [...book.unsent, ...messages],
  });
}

/** What people were told before of that kind, as far as the holder of the lock has written it down. */
async function toldOf(world: World): Promise<readonly Incident[]> {
  const { incidents } = await readBook(world, "all");
  return incidents.filter(({ kind }) => kind === "locked");
}

async function conditionsOf(
  world: World,
  { message, remedy }: LivecertError,
): Promise<readonly Condition[]> {
  const { targets, settings } = world;
  const due = await dueEntries(world);
  return due.map(({ entry: { lineage, at } }): Condition => {
    const tellFromMs = Date.parse(at) + settings.limits.certbotWaitMs;
    return {
      // Of several targets nobody has been asked yet whose it is.
      target: targets[0]?.name ?? "host",
      source: lineage.path,
      name: lineage.name,
      kind: "locked",
      reason: message,
      remedy,
      hostNames: [],
      notAfter: null,
      tellFrom: new Date(tellFromMs).toISOString(),
    };
  });
}
