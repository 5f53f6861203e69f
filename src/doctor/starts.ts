/** With what Certbot is started, by cron, by timers and by the settings of Fedora's unit: reloads in there are as blind as in hooks. */
import { basename, dirname } from "node:path";
import { warning, type Diagnosis } from "./check.ts";
import { deedOf, stopsNginx } from "./hook-script.ts";
import type { Machine } from "./machine.ts";
import { quoted } from "./remedies.ts";
import {
  cronLines,
  isFor,
  readCron,
  readText,
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
  const [{ timers }, { entries }, settings] = await Promise.all([
    readTimers(machine, startsRenewal),
    readCron(startsRenewal),
    readText(unitSettings),
  ]);
  const { certbotDir } = machine.settings;
  const ours = <One extends { readonly text: string }>(all: readonly One[]) =>
    all.filter((one) => isFor(certbotDir, one));
  return [
    ...ours(entries).flatMap(judgeEntry),
    ...ours(timers).flatMap(judgeTimer),
    ...judgeUnitSettings(settings ?? ""),
  ];
}

export function judgeEntry({ file, text }: CronEntry): readonly Diagnosis[] {
  const isPersonal = /^\/var\/spool\/cron/.test(dirname(file));
  return judgeStart(
    text,
    `${file} starts certbot renew`,
    isPersonal ? `crontab -u ${quoted(basename(file))} -e` : edit(file),
  );
}

export function judgeTimer({ name, text }: Timer): readonly Diagnosis[] {
  const unit = name.replace(/\.timer$/, ".service");
  return judgeStart(
    text,
    `${unit} starts certbot renew`,
    `systemctl edit --full ${quoted(unit)}`,
  );
}

export function judgeUnitSettings(text: string): readonly Diagnosis[] {
  return judgeStart(
    cronLines(text).join("\n"),
    `${unitSettings} has a hook`,
    edit(unitSettings),
  );
}

/** What starts an Nginx that was stopped for Certbot must stay. */
function judgeStart(
  text: string,
  what: string,
  remedy: string,
): readonly Diagnosis[] {
  if (deedOf(text) !== "blind-reload" || stopsNginx(text)) return [];
  return [
    warning(
      `${what}, and reloads Nginx as well, without any check of the certificate`,
      remedy,
    ),
  ];
}

function edit(file: string): string {
  return `\${EDITOR:-vi} ${quoted(file)}`;
}
