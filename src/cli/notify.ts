/** A failure that nobody may be looking at is told by livecert's own means, after the state is written. */
import { setTimeout as delay } from "node:timers/promises";
import { tellSyslog } from "../adapters/log/syslog.ts";
import { isFailure } from "../core/decision/outcome.ts";
import type { PendingEntry } from "../core/decision/record.ts";
import type { LineageReport, RunDocument } from "../core/report/document.ts";
import type { World } from "../pipeline/world.ts";
import { sendWaiting } from "../service/delivery.ts";
import { readPresence } from "../service/presence.ts";
import type { Invocation } from "./invocation.ts";

/** What a run may give to sending at its end; the next one, or the retry timer, goes on. */
const atEndMs = 900;

/** One line per failed lineage through syslog, where there is no terminal; repeated failures at growing distance. */
export async function reportFailure(
  { stderr }: Pick<Invocation<unknown>, "stderr">,
  world: World,
  document: RunDocument,
): Promise<void> {
  const failed = document.lineages.filter(
    ({ outcome }) => outcome !== null && isFailure(outcome),
  );
  if (failed.length === 0 || stderr.terminal) return;
  const pending = await world.store.pending.list();
  for (const report of failed) {
    if (isWorthTelling(world, report, pendingFor(report, pending)))
      await tellSyslog(sentence(report));
  }
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
  { outcome }: LineageReport,
  pending: PendingEntry | null,
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

function sentence({
  name,
  path,
  outcome,
  reason,
  remedy,
}: LineageReport): string {
  const what = `${name ?? path}: ${outcome ?? "failed"}: ${reason ?? "see livecert status"}`;
  return remedy === null ? what : `${what}; ${remedy}`;
}
