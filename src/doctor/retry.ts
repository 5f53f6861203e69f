/** Who takes up what failed. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pendingEntry } from "../adapters/store/shapes.ts";
import type { PendingEntry } from "../core/decision/record.ts";
import { readPresence } from "../service/presence.ts";
import {
  counted,
  fewOf,
  ok,
  problem,
  unknown,
  warning,
  type Diagnosis,
} from "./check.ts";
import type { Machine } from "./machine.ts";
import { readJson } from "./read-json.ts";
import { asRoot, installCommand } from "./remedies.ts";
import { isCronRunning, readCron, readTimers } from "./schedule.ts";

/** What waits, and who takes it up. */
export interface Retry {
  readonly pending: readonly Pick<PendingEntry, "lineage" | "certificate">[];
  readonly queuedCount: number;
  /** The timer or cron entry that runs; null: none. */
  readonly helper: string | null;
  /** One that is there and does not run, with the command that starts it. */
  readonly idle: { readonly words: string; readonly remedy: string } | null;
}

export async function lookAtRetry(machine: Machine): Promise<Diagnosis> {
  const state = join(machine.settings.stateDir, "v1");
  const pending = await readPending(join(state, "pending"));
  const queued = await readdir(join(state, "queue")).catch(() => []);
  if (pending === null)
    return unknown("what is pending cannot be read", asRoot);
  const { helper, idle } = await findHelper(machine);
  return judgeRetry(
    {
      pending,
      queuedCount: queued.filter((name) => name.endsWith(".json")).length,
      helper,
      idle,
    },
    installCommand(machine),
  );
}

/** Null where the directory may not be read; nothing is moved or mended here. */
async function readPending(
  directory: string,
): Promise<readonly PendingEntry[] | null> {
  let names: readonly string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? [] : null;
  }
  const values = await Promise.all(
    names
      .filter((name) => name.endsWith(".json"))
      .map((name) => readJson(join(directory, name))),
  );
  return values.filter(pendingEntry);
}

async function findHelper(
  machine: Machine,
): Promise<Pick<Retry, "helper" | "idle">> {
  const watcher = await readPresence(machine.settings.runDir);
  if (watcher !== null)
    return { helper: `livecert watch (pid ${watcher.pid})`, idle: null };
  const { timers } = await readTimers(machine, isRetry);
  const active = timers.find(({ isActive }) => isActive);
  if (active !== undefined) return { helper: active.name, idle: null };
  const [cron] = (await readCron(isRetry)).entries;
  if (cron !== undefined && isCronRunning())
    return { helper: cron.file, idle: null };
  const [timer] = timers;
  if (timer !== undefined)
    return {
      helper: null,
      idle: {
        words: `${timer.name} is not active`,
        remedy: `systemctl enable --now ${timer.name}`,
      },
    };
  return {
    helper: null,
    idle:
      cron === undefined
        ? null
        : {
            words: `${cron.file} is there, but no cron runs on this machine`,
            remedy: "apt-get install cron && service cron start",
          },
  };
}

/** `livecert retry` of a timer or crontab. */
export function isRetry(text: string): boolean {
  return /\blivecert(?:\.js)?["']?\s.*?\bretry\b/.test(text);
}

export function judgeRetry(
  { pending, queuedCount, helper, idle }: Retry,
  install: string,
): Diagnosis {
  const names = pending.map(
    ({ lineage, certificate }) => lineage?.name ?? certificate ?? "",
  );
  const waiting = [
    ...(pending.length === 0
      ? []
      : [`${counted(pending.length, "failure")} pending (${fewOf(names)})`]),
    ...(queuedCount === 0 ? [] : [`${String(queuedCount)} queued`]),
  ].join(", ");
  if (helper !== null)
    return waiting === ""
      ? ok(`nothing is pending; ${helper} takes up what fails`)
      : warning(`${waiting}; ${helper} takes that up`, "livecert retry");
  const nobody =
    idle?.words ?? "no timer and no cron entry takes up what fails";
  const remedy = idle?.remedy ?? install;
  return waiting === ""
    ? warning(`nothing is pending, but ${nobody}`, remedy)
    : problem(`${waiting}, and ${nobody}`, remedy);
}
