/** With what Certbot is started, by cron, by timers and by the settings of Fedora's unit: reloads in there are as blind as in hooks. */
import { basename, dirname } from "node:path";
import { readTextNow } from "../adapters/files/read-file.ts";
import { fewOf, unknown, warning, type Diagnosis } from "./check.ts";
import { deedOf, stopsNginx } from "./hook-script.ts";
import type { Machine } from "./machine.ts";
import { asRoot, quoted } from "./remedies.ts";
import {
  cronLines,
  isFor,
  isInert,
  readCron,
  readTimers,
  startsRenewal,
  type CronEntry,
  type Timer,
} from "./schedule.ts";

/** `PRE_HOOK=`, `POST_HOOK=`, `DEPLOY_HOOK=` and `CERTBOT_ARGS=` of certbot-renew.service (certbot, Fedora's package). */
const unitSettings = "/etc/sysconfig/certbot";

export async function lookAtStarts(
  machine: Machine,
): Promise<readonly Diagnosis[]> {
  const [{ timers, reason }, { entries, unreadable }] = await Promise.all([
    readTimers(machine, startsRenewal),
    readCron(startsRenewal),
  ]);
  const settings = readTextNow(unitSettings) ?? "";
  const { certbotDir } = machine.settings;
  const unread = [...unreadable, ...(reason === null ? [] : [reason])];
  return [
    ...entries
      .filter((one) => isFor(certbotDir, one))
      .filter(({ text }) => !(machine.hasSystemd && isInert(text)))
      .flatMap(judgeEntry),
    ...timers
      .filter((one) => one.isActive && isFor(certbotDir, one))
      .flatMap(judgeTimer),
    ...(isFor(certbotDir, { text: settings })
      ? judgeUnitSettings(settings)
      : []),
    ...(unread.length === 0
      ? []
      : [unknown(`not looked at for reloads: ${fewOf(unread)}`, asRoot)]),
  ];
}

export function judgeEntry({ file, text }: CronEntry): readonly Diagnosis[] {
  const isPersonal = dirname(file).startsWith("/var/spool/cron");
  return judgeStart(
    text,
    `${file} starts certbot renew`,
    isPersonal ? `crontab -u ${quoted(basename(file))} -e` : edit(file),
  );
}

export function judgeTimer({
  service,
  text,
}: Pick<Timer, "service" | "text">): readonly Diagnosis[] {
  return judgeStart(
    text,
    `${service} starts certbot renew`,
    `systemctl edit --full ${quoted(service)}`,
  );
}

export function judgeUnitSettings(text: string): readonly Diagnosis[] {
  return judgeStart(
    cronLines(text).join("\n"),
    `${unitSettings} has a hook`,
    edit(unitSettings),
  );
}

function judgeStart(
  text: string,
  what: string,
  remedy: string,
): readonly Diagnosis[] {
  const isBlind = commandsBeside(text).some(
    (command) => deedOf(command) === "blind-reload",
  );
  // What starts an Nginx that was stopped for Certbot must stay.
  if (!isBlind || stopsNginx(text)) return [];
  return [
    warning(
      `${what}, and reloads Nginx as well, without any check of the certificate`,
      remedy,
    ),
  ];
}

const hookOption =
  /--(?:deploy|renew|post)-hook(?:=|\s+)(?:"([^"]*)"|'([^']*)'|(\S+))/g;

/** What is run after Certbot: by its hooks, each by itself, and by commands beside it, whose own words do not count. */
function commandsBeside(text: string): readonly string[] {
  const hooks = [...text.matchAll(hookOption)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? "",
  );
  const others = text
    .replaceAll(hookOption, " ")
    .split(/[\n;&|]+/)
    .filter((command) => !/\b(?:certbot|letsencrypt)/.test(command));
  return [...hooks, ...others];
}

function edit(file: string): string {
  return `\${EDITOR:-vi} ${quoted(file)}`;
}
