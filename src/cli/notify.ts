/** A failure that nobody may be looking at is told by livecert's own means, after the state is written. */
import { setTimeout as delay } from "node:timers/promises";
import { tellSyslog } from "../adapters/log/syslog.ts";
import { isFailure } from "../core/decision/outcome.ts";
import type { PendingEntry } from "../core/decision/record.ts";
import type { LineageReport, RunDocument } from "../core/report/document.ts";
import { pendingKey } from "../core/settings/publications.ts";
import { isPublication } from "../pipeline/pending.ts";
import type { World } from "../pipeline/world.ts";
import { sendWaiting } from "../service/delivery.ts";
import { readPresence } from "../service/presence.ts";
import type { Invocation } from "./invocation.ts";

/** What a run may give to sending at its end; the next one, or the retry timer, goes on. */
const atEndMs = 900;

/** What failed of a run: a lineage, or what was to be published of one. */
type Failed = Pick<LineageReport, "outcome" | "reason" | "remedy"> & {
  readonly name: string;
  /** Of the last attempt; null where none could be kept. */
  readonly pending: PendingEntry | null;
};

/** One line for each failure through syslog, where there is no terminal; repeated failures at growing distance. */
export async function reportFailure(
  { stderr }: Pick<Invocation<unknown>, "stderr">,
  world: World,
  document: RunDocument,
): Promise<void> {
  if (stderr.terminal) return;
  for (const failed of await failuresOf(world, document))
    if (isWorthTelling(world, failed)) await tellSyslog(sentence(failed));
}

async function failuresOf(
  world: World,
  { lineages, publications }: RunDocument,
): Promise<readonly Failed[]> {
  const hasFailed = ({ outcome }: Pick<Failed, "outcome">): boolean =>
    outcome !== null && isFailure(outcome);
  const sources = lineages.filter(hasFailed);
  const published = publications.filter(hasFailed);
  if (sources.length + published.length === 0) return [];
  const pending = await world.store.pending.list();
  const ofSources = pending.filter((entry) => !isPublication(world, entry));
  return [
    ...sources.map((report) => ({
      ...report,
      name: report.name ?? report.path,
      pending: pendingFor(report, ofSources),
    })),
    ...published.map((report) => ({
      ...report,
      pending: pending.find(({ key }) => key === pendingKey(report)) ?? null,
    })),
  ];
}

/**
 * Sends what the run left in the outbox, where no watcher does: after the answer was given, and briefly. Whatever is still
 * under way then ends with the process.
 */
export async function sendAtEnd(
  invocation: Pick<Invocation<unknown>, "environment" | "log">,
  world: World,
): Promise<void> {
  const { settings, log } = world;
  if (settings.notify.length === 0) return;
  if ((await readPresence(settings.runDir)) !== null) return;
  const limit = AbortSignal.timeout(atEndMs);
  const sending = sendWaiting({
    ...world,
    signal: AbortSignal.any([world.signal, limit]),
    credentialsDirectory: credentialsOf(invocation),
  }).catch((error: unknown) => {
    if (!limit.aborted) log.error("messages cannot be sent", { error });
  });
  await Promise.race([sending, delay(atEndMs, null, { ref: false })]);
}

/** Where systemd put the unit's credentials (systemd.exec(5)). */
export function credentialsOf({
  environment,
}: Pick<Invocation<unknown>, "environment">): string | null {
  return environment["CREDENTIALS_DIRECTORY"] ?? null;
}

function pendingFor(
  { path }: LineageReport,
  pending: readonly PendingEntry[],
): PendingEntry | null {
  return (
    pending.find(
      ({ lineage, certificate }) =>
        lineage?.path === path || certificate === path,
    ) ?? null
  );
}

/**
 * The 1st, 2nd, 4th, 8th … time. Nginx that is stopped is told only after a while: a hook of Certbot's may have stopped it
 * and another start it.
 */
function isWorthTelling(
  { now, settings }: World,
  { outcome, pending }: Failed,
): boolean {
  if (pending === null) return true;
  if (outcome === "not-running") {
    const waitedMs = now().getTime() - Date.parse(pending.since);
    return (
      waitedMs >= settings.limits.certbotWaitMs &&
      Number.isInteger(Math.log2(pending.attempts))
    );
  }
  return Number.isInteger(Math.log2(pending.attempts));
}

function sentence({ name, outcome, reason, remedy }: Failed): string {
  const what = `${name}: ${outcome ?? "failed"}: ${reason ?? "see livecert status"}`;
  return remedy === null ? what : `${what}; ${remedy}`;
}
