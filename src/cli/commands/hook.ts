import { runningCertbot } from "../../adapters/certbot/at-work.ts";
import { readHookEnvironment } from "../../adapters/certbot/environment.ts";
import { canonicalLineage } from "../../adapters/certbot/lineage-of-path.ts";
import { readRenewalConfiguration } from "../../adapters/certbot/renewal.ts";
import { currentVersion } from "../../adapters/certbot/snapshot.ts";
import { tellSyslog } from "../../adapters/log/syslog.ts";
import { composeWorld, newRunId } from "../../compose.ts";
import type { Lineage } from "../../core/lineage/lineage.ts";
import type { RunDocument } from "../../core/report/document.ts";
import { deferLineage } from "../../pipeline/defer.ts";
import {
  isDelay,
  lockedRun,
  type LockedRunOptions,
} from "../../pipeline/locked-run.ts";
import { dueEntries, queueEntry } from "../../pipeline/queue.ts";
import type { RunRequest, Scope, World } from "../../pipeline/world.ts";
import type { HookArguments, Invocation } from "../invocation.ts";
import { reportFailure, sendAtEnd } from "../notify.ts";
import { printRun } from "../print-run.ts";
import { measureAtEnd } from "../textfile.ts";

/**
 * What Certbot runs. Certbot ignores the exit code and, with `-q`, every word, so a failure is told by livecert's own means
 * too.
 */
export async function run(
  invocation: Invocation<HookArguments>,
): Promise<number> {
  let world: World | null = null;
  try {
    world = await composeOwn(invocation);
    return await answer(invocation, world);
  } catch (error) {
    if (!invocation.stderr.terminal) await tellSyslog(`hook: ${words(error)}`);
    // It has left a message of what waits.
    if (world !== null && !isDryRun(world) && isDelay(error))
      await sendAtEnd(invocation, world);
    throw error;
  }
}

async function composeOwn(
  invocation: Invocation<HookArguments>,
): Promise<World> {
  const certbot = runningCertbot();
  const isDryRun = certbot?.isDryRun ?? false;
  if (isDryRun) invocation.leaveNoTrace();
  return composeWorld(invocation, { certbot, isDryRun });
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function answer(
  invocation: Invocation<HookArguments>,
  world: World,
): Promise<number> {
  const document =
    invocation.arguments.mode === "flush"
      ? await flush(world)
      : await renewed(invocation, world);
  if (document === null) return 0;
  if (isDryRun(world)) return printRun(invocation, document);
  await reportFailure(invocation, world, document);
  const exitCode = await printRun(invocation, document);
  await sendAtEnd(invocation, world);
  await measureAtEnd(world, document);
  return exitCode;
}

/**
 * At the end of a Certbot run: one run over all that it queued, and over what a killed one left behind. null: nothing is
 * queued, or this Certbot only tries whether it could renew.
 */
async function flush(world: World): Promise<RunDocument | null> {
  if (isDryRun(world)) return null;
  const due = await dueEntries(world);
  if (due.length === 0) return null;
  const lineages = due.map(({ entry }) => entry.lineage);
  return lockedRun(
    world,
    hookRequest(world, { kind: "named", lineages, certificates: [] }),
    hookLimits(world, []),
  );
}

async function renewed(
  invocation: Invocation<HookArguments>,
  world: World,
): Promise<RunDocument> {
  const lineage = canonicalLineage(
    readHookEnvironment(invocation.environment).lineage,
    world.settings.certbotDir,
  );
  const request = hookRequest(world, {
    kind: "named",
    lineages: [lineage],
    certificates: [],
  });
  if (await isDeferred(invocation, world, lineage)) {
    const deferred = await deferLineage(world, request, lineage);
    if (deferred !== null) return deferred;
  }
  const own = queueEntry(world, lineage, currentVersion(lineage));
  return lockedRun(world, request, {
    ...hookLimits(world, [own]),
    leavesDeferred: isFlushedLater(invocation, world),
  });
}

/**
 * Certbot calls again at the end of the run only under `renew` with its directory hooks on. Its own Nginx installer reloads
 * after the deploy hook, so that lineage is verified afterwards.
 */
async function isDeferred(
  invocation: Invocation<HookArguments>,
  world: World,
  lineage: Lineage,
): Promise<boolean> {
  if (world.certbot === null || isDryRun(world)) return false;
  if (isFlushedLater(invocation, world)) return true;
  const { certbotDir } = world.settings;
  const renewal = await readRenewalConfiguration(lineage, certbotDir);
  return renewal?.installer === "nginx";
}

function isFlushedLater(
  { arguments: { mode } }: Invocation<HookArguments>,
  { certbot }: World,
): boolean {
  return (
    mode === "defer" &&
    certbot?.subcommand === "renew" &&
    certbot.directoryHooks
  );
}

/** `certbot renew --dry-run --run-deploy-hooks` calls with the files as they are: that is looked at, and nothing else. */
function isDryRun({ certbot }: World): boolean {
  return certbot?.isDryRun ?? false;
}

function hookRequest(world: World, scope: Scope): RunRequest {
  return {
    run: newRunId(),
    command: "hook",
    trigger: "hook",
    scope,
    isForced: false,
    isDryRun: isDryRun(world),
    settleMs: world.settings.limits.settleHookMs,
  };
}

function hookLimits(
  { settings: { limits } }: World,
  own: LockedRunOptions["own"],
): LockedRunOptions {
  return { own, lockWaitMs: limits.lockHookMs, limitMs: limits.hookMs };
}
