/** What people are told of incidents, with what only this machine knows of their cause. */
import { hostname } from "node:os";
import { lastLogLines } from "../adapters/certbot/log.ts";
import { isSystemdRunning, readUnits } from "../adapters/systemd/units.ts";
import { familyOf, type Announcement } from "../core/incidents/incident.ts";
import { messageOf, type Message } from "../core/incidents/message.ts";
import type { Settings } from "../core/settings/settings.ts";
import type { RunRequest, World } from "./world.ts";

export async function messagesOf(
  world: World,
  { run }: RunRequest,
  announcements: readonly Announcement[],
): Promise<readonly Message[]> {
  const messages: Message[] = [];
  for (const [index, announcement] of announcements.entries())
    messages.push(
      messageOf(announcement, {
        id: `${run}-${String(index)}`,
        host: hostname(),
        at: world.now(),
        details: await detailsOf(world, announcement),
      }),
    );
  return messages;
}

const logLines = 10;

/** Why Certbot does not renew: the end of its log, and whether anything starts it. */
async function detailsOf(
  { settings, signal }: World,
  { event, incidents }: Announcement,
): Promise<readonly string[]> {
  const [first] = incidents;
  const isAboutCertbot =
    first !== undefined &&
    event !== "recovered" &&
    familyOf(first) === "renewal" &&
    incidents.some(({ name, source }) => name !== source);
  if (!isAboutCertbot) return [];
  const lines = lastLogLines(settings.alerts.certbotLogs, logLines);
  return [
    ...(await timerStates(settings, signal)),
    ...(lines.length === 0
      ? []
      : [`the end of Certbot's log in ${settings.alerts.certbotLogs}:`]),
    ...lines.map((line) => `  ${line}`),
  ];
}

/** As Debian, Fedora and snap call it. */
const certbotTimers = [
  "certbot.timer",
  "certbot-renew.timer",
  "snap.certbot.renew.timer",
];

async function timerStates(
  { limits }: Settings,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (!isSystemdRunning()) return [];
  const reading = await readUnits(certbotTimers, {
    timeoutMs: limits.engineMs,
    signal,
  });
  if (reading.kind === "failed") return [];
  const known = reading.units.filter(({ isLoaded }) => isLoaded);
  return known.length === 0
    ? ["no timer of Certbot's is known to systemd"]
    : known.map(
        ({ name, isActive }) =>
          `${name} is ${isActive ? "active" : "inactive"}`,
      );
}
