/**
 * What a plug-in of Nagios, Icinga or Zabbix says: one line with performance data, and an exit code.
 * Source: https://nagios-plugins.org/doc/guidelines.html
 */
import type { StatusDocument } from "./document.ts";
import {
  describeHealth,
  isCritical,
  judgeHealth,
  type Health,
} from "./health.ts";
import { printable } from "./text.ts";

export interface PluginAnswer {
  readonly line: string;
  readonly exitCode: 0 | 1 | 2 | 3;
}

const words = ["OK", "WARNING", "CRITICAL", "UNKNOWN"] as const;

export function pluginAnswer(
  document: Pick<StatusDocument, "lineages" | "publications" | "nginx">,
  now: Date,
): PluginAnswer {
  const { nginx } = document;
  const health = judgeHealth(document, now);
  const refused =
    nginx?.configOk === false
      ? "; Nginx's own test of its configuration fails"
      : "";
  const next =
    health.next === null ? "" : `; ${describeNext(health.next, now)}`;
  return answer(
    codeOf(health, refused !== ""),
    `${describeHealth(health)}${refused}${next}`,
    performance(health, now),
  );
}

/** What has hours left is not said to have a day. */
function describeNext(
  { name, notAfter }: NonNullable<Health["next"]>,
  now: Date,
): string {
  const days = Math.floor(Math.abs(daysUntil(notAfter, now)));
  const distance =
    days === 0 ? "less than a day" : `${days} ${days === 1 ? "day" : "days"}`;
  return notAfter > now
    ? `the next expires in ${distance} (${name})`
    : `the first expired ${distance} ago (${name})`;
}

/** Where nothing could be found out. */
export function unknownAnswer(message: string): PluginAnswer {
  return answer(3, message, "");
}

function codeOf(health: Health, isRefused: boolean): PluginAnswer["exitCode"] {
  const { overdue, unverified, unjudged, inUse } = health;
  if (isCritical(health)) return 2;
  if (inUse === 0 && !isRefused) return 3;
  const doubts = overdue.length + unverified.length + unjudged.length;
  if (doubts > 0 || isRefused) return 1;
  return 0;
}

/** A bar would begin the performance data, a line end the long output. */
function answer(
  exitCode: PluginAnswer["exitCode"],
  text: string,
  data: string,
): PluginAnswer {
  const harmless = printable(text).replaceAll(/\s+/g, " ").replaceAll("|", "_");
  const line = `LIVECERT ${words[exitCode]} - ${harmless}`;
  return { line: data === "" ? line : `${line} | ${data}`, exitCode };
}

/** `label=value;warn;crit;min` each. */
function performance(health: Health, now: Date): string {
  const { expired, ending, notLive, overdue, unverified, inUse } = health;
  const { unpublished, next } = health;
  return [
    `certificates=${inUse};;;0`,
    `not_live=${notLive.length};;0;0`,
    `expired=${expired.length};;0;0`,
    `overdue=${overdue.length + ending.length};0;;0`,
    `unverified=${unverified.length};0;;0`,
    `not_published=${unpublished.length};;0;0`,
    ...(next === null
      ? []
      : [`next_expiry_days=${daysUntil(next.notAfter, now).toFixed(1)}`]),
  ].join(" ");
}

function daysUntil(at: Date, now: Date): number {
  return (at.getTime() - now.getTime()) / 86_400_000;
}
