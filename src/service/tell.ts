/** What the watcher says: a dozen lines for a story, with the levels by which `journalctl -p warning` shows what matters. */
import type { Log, LogFields } from "../adapters/log/log.ts";
import { assertNever } from "../core/assert-never.ts";
import { fallbackPollMs, type Refused } from "../adapters/watcher/watching.ts";
import { worstOf, type Outcome } from "../core/decision/outcome.ts";
import type { RunDocument, WatcherReport } from "../core/report/document.ts";
import type { Telling } from "../core/schedule/retries.ts";
import type { Failing } from "./failing.ts";

/** A line for people who read no journal: syslog, where the log goes nowhere that lasts. */
export type Alarm = (line: string) => void;

/** As many names as a line holds; the number of all of them stands beside. */
const shownNames = 10;

export function tellDeployed(log: Log, document: RunDocument): void {
  const deployed = document.lineages.filter(
    ({ outcome }) =>
      outcome === "deployed" ||
      (outcome === "unverified" && document.reloads > 0),
  );
  if (deployed.length > 0)
    log.info(
      "certificates went live",
      namesOf(deployed.map(({ name, path }) => name ?? path)),
    );
  for (const warning of document.warnings) log.warn(warning);
}

/** @param about what is failing, and what has been */
export function tellAll(
  log: Log,
  tellings: readonly Telling[],
  about: ReadonlyMap<string, Failing>,
  alarm: Alarm,
): void {
  const failures = tellings.filter((telling) => telling.kind === "failing");
  tellFailing(log, failures, about, alarm);
  const recovered = tellings.filter(({ kind }) => kind === "recovered");
  if (recovered.length > 0)
    log.info(
      "no longer failing",
      namesOf(
        recovered.flatMap((telling) =>
          "subject" in telling
            ? [about.get(telling.subject)?.name ?? telling.subject]
            : [],
        ),
      ),
    );
  for (const telling of tellings) tellOne(log, telling);
}

function tellOne(log: Log, telling: Telling): void {
  switch (telling.kind) {
    case "failing":
    case "recovered":
      return;
    case "waiting-for-certbot": {
      log.info("Certbot is at work, its end is waited for");
      return;
    }
    case "broken": {
      log.error("a run did not come to its end", {
        reason: telling.reason,
        times: telling.times,
        againInSeconds: Math.round(telling.againMs / 1_000),
      });
      return;
    }
    case "mended": {
      log.info("runs come to their end again", {
        failed: telling.times,
      });
      return;
    }
    default:
      assertNever(telling);
  }
}

type TellFailing = Extract<Telling, { kind: "failing" }>;

/** Directories that are polled because the kernel gives no events for them, in one line for each reason. */
export function tellRefused(log: Log, refused: readonly Refused[]): void {
  const reasons = new Set(refused.map(({ reason }) => reason));
  for (const reason of reasons) {
    const directories = refused
      .filter((one) => one.reason === reason)
      .map(({ directory }) => directory);
    const remedy = remedies[reason];
    log.warn("the kernel gives no events, so these are polled", {
      directories: directories.slice(0, shownNames),
      number: directories.length,
      intervalSeconds: fallbackPollMs / 1_000,
      reason,
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
}

/** Source: inotify(7), "/proc interfaces". */
const remedies: Readonly<Record<string, string>> = {
  ENOSPC:
    "sysctl fs.inotify.max_user_watches=524288 (and in /etc/sysctl.d), then systemctl restart livecert",
  EMFILE:
    "sysctl fs.inotify.max_user_instances=1024 (and in /etc/sysctl.d), then systemctl restart livecert",
};

/** What failed for the same reason is one line: an Nginx that is stopped fails for all. */
function tellFailing(
  log: Log,
  tellings: readonly TellFailing[],
  about: ReadonlyMap<string, Failing>,
  alarm: Alarm,
): void {
  const groups = new Map<string, Group>();
  for (const telling of tellings) {
    const one = about.get(telling.subject);
    if (one === undefined) continue;
    const key = [one.outcome, one.detail, telling.times].join("\n");
    const { alike } = groups.get(key) ?? { alike: [] };
    groups.set(key, { telling, alike: [...alike, one] });
  }
  for (const group of groups.values()) tellGroup(log, group, alarm);
}

interface Group {
  readonly telling: TellFailing;
  readonly alike: readonly Failing[];
}

function tellGroup(log: Log, { telling, alike }: Group, alarm: Alarm): void {
  const [first] = alike;
  if (first === undefined) return;
  const names = alike.map(({ name }) => name);
  const { outcome, detail, remedy } = first;
  const fields = {
    ...namesOf(names),
    outcome,
    reason: detail,
    ...(remedy === null ? {} : { remedy }),
    times: telling.times,
    againAt: new Date(telling.dueMs).toISOString(),
  };
  if (isPassing(outcome) && telling.times === 1)
    log.warn("not live yet", fields);
  else {
    log.error("not live", fields);
    alarm(sentence(names, first));
  }
}

/** Mostly over by itself before anybody has looked. */
function isPassing(outcome: Outcome): boolean {
  return ["not-running", "reloading", "blocked", "locked"].includes(outcome);
}

function sentence(
  names: readonly string[],
  { outcome, detail, remedy }: Failing,
): string {
  const what = `${listNames(names)}: ${outcome}: ${detail}`;
  return remedy === null ? what : `${what}; ${remedy}`;
}

function namesOf(names: readonly string[]): LogFields {
  const [only] = names;
  if (names.length === 1) return { certificate: only };
  return { certificates: names.slice(0, shownNames), number: names.length };
}

function listNames(names: readonly string[]): string {
  const more = names.length - shownNames;
  const shown = names.slice(0, shownNames).join(", ");
  return more > 0 ? `${shown} and ${String(more)} more` : shown;
}

/** `3 deployed, 1 rejected`; what was fine already is not counted. */
export function summarise({ lineages }: RunDocument): string {
  const counts = new Map<Outcome, number>();
  for (const { outcome } of lineages)
    if (outcome !== null) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const told = [...counts].filter(
    ([outcome]) => outcome !== "live" && outcome !== "unused",
  );
  return told.length === 0
    ? "all live"
    : told.map(([outcome, count]) => `${String(count)} ${outcome}`).join(", ");
}

/** For `systemctl status`. */
export function statusLine({
  sources,
  lastRun,
  retries,
}: Omit<WatcherReport, "pid">): string {
  const watched = `looking after ${String(sources)} ${sources === 1 ? "certificate" : "certificates"}`;
  if (lastRun === null) return watched;
  const last = `last run ${lastRun.at.slice(0, 19)}Z: ${lastRun.summary}`;
  const worst = worstRetry(retries);
  return worst === null
    ? `${watched}; ${last}`
    : `${watched}; ${last}; ${worst}`;
}

function worstRetry(retries: WatcherReport["retries"]): string | null {
  const next = [...retries].sort((one, other) =>
    one.at < other.at ? -1 : 1,
  )[0];
  if (next === undefined) return null;
  const outcome = worstOf(retries.map(({ outcome: one }) => one as Outcome));
  return `${listNames(retries.map(({ name }) => name))} ${outcome ?? "failing"}, tried again at ${next.at.slice(0, 19)}Z`;
}
