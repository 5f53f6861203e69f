/**
 * What a plug-in of Nagios, Icinga or Zabbix says: one line with performance data, and an exit code.
 * Source: https://nagios-plugins.org/doc/guidelines.html
 */
import type { StatusDocument } from "./document.ts";
import { describeHealth, judgeHealth, type Health } from "./health.ts";
import { printable } from "./text.ts";

export interface PluginAnswer {
  readonly line: string;
  readonly exitCode: 0 | 1 | 2 | 3;
}

const words = ["OK", "WARNING", "CRITICAL", "UNKNOWN"] as const;

export function pluginAnswer(
  { lineages, nginx }: Pick<StatusDocument, "lineages" | "nginx">,
  now: Date,
): PluginAnswer {
  const health = judgeHealth(lineages, now);
  const refused =
    nginx?.configOk === false
      ? "; Nginx's own test of its configuration fails"
      : "";
  const next =
    health.next === null
      ? ""
      : `; the next expires in ${daysUntil(health.next.notAfter, now).toFixed(0)} days (${health.next.name})`;
  return answer(
    codeOf(health, refused !== ""),
    `${describeHealth(health)}${refused}${next}`,
    performance(health, now),
  );
}

/** Where nothing could be found out. */
export function unknownAnswer(message: string): PluginAnswer {
  return answer(3, message, "");
}

function codeOf(health: Health, isRefused: boolean): PluginAnswer["exitCode"] {
  const { expired, ending, notLive, overdue, unverified, inUse } = health;
  if (expired.length + ending.length + notLive.length > 0) return 2;
  if (overdue.length + unverified.length > 0 || isRefused) return 1;
  return inUse === 0 ? 3 : 0;
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
  const { expired, ending, notLive, overdue, unverified, inUse, next } = health;
  return [
    `certificates=${inUse};;;0`,
    `not_live=${notLive.length};;0;0`,
    `expired=${expired.length};;0;0`,
    `overdue=${overdue.length + ending.length};0;;0`,
    `unverified=${unverified.length};0;;0`,
    ...(next === null
      ? []
      : [`next_expiry_days=${daysUntil(next.notAfter, now).toFixed(1)}`]),
  ].join(" ");
}

function daysUntil(at: Date, now: Date): number {
  return (at.getTime() - now.getTime()) / 86_400_000;
}
