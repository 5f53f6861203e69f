/** Does somebody start Certbot, is Certbot new enough, and can it read what it remembers of each lineage? */
import { lookForCertbot } from "../adapters/certbot/at-work.ts";
import { programPath } from "../adapters/process/environment.ts";
import { describeEnd, runProgram } from "../adapters/process/run.ts";
import { findProgram } from "../adapters/process/trust.ts";
import {
  counted,
  fewOf,
  foundOr,
  ok,
  problem,
  unknown,
  warning,
  type Check,
  type Diagnosis,
} from "./check.ts";
import type { Machine, Renewal } from "./machine.ts";
import { asRoot, quoted } from "./remedies.ts";
import {
  defaultDirectory,
  isCronRunning,
  isFor,
  isInert,
  readCron,
  readTimers,
  startsRenewal,
  type CronEntry,
  type Timer,
} from "./schedule.ts";

export const renewalChecks: readonly Check[] = [
  {
    group: "renewal",
    name: "schedule",
    looksAt: "the systemd timers and cron entries that start certbot renew",
    look: async (machine) => [await lookAtSchedule(machine)],
  },
  {
    group: "renewal",
    name: "configuration",
    looksAt: "renewal/NAME.conf, what Certbot remembers of each lineage",
    look: lookAtConfigurations,
  },
  {
    group: "renewal",
    name: "certbot",
    looksAt: "Certbot's version",
    look: async (machine) => [await lookAtCertbot(machine)],
  },
];

/** Everything that was found of who starts Certbot. */
export interface Schedule {
  readonly certbotDir: string;
  readonly hasSystemd: boolean;
  readonly timers: readonly Timer[];
  readonly cron: readonly CronEntry[];
  readonly isCronRunning: boolean;
  /** What could not be looked at, in words. */
  readonly unread: readonly string[];
}

async function lookAtSchedule(machine: Machine): Promise<Diagnosis> {
  const [{ timers, reason }, { entries, unreadable }] = await Promise.all([
    readTimers(machine, startsRenewal),
    readCron(startsRenewal),
  ]);
  return judgeSchedule({
    certbotDir: machine.settings.certbotDir,
    hasSystemd: machine.hasSystemd,
    timers,
    cron: entries,
    isCronRunning: isCronRunning(),
    unread: [...unreadable, ...(reason === null ? [] : [reason])],
  });
}

export function judgeSchedule(schedule: Schedule): Diagnosis {
  const { certbotDir, hasSystemd, unread } = schedule;
  const timers = schedule.timers.filter((one) => isFor(certbotDir, one));
  const cron = schedule.cron.filter((one) => isFor(certbotDir, one));
  const timer = timers.find(({ isActive }) => isActive);
  if (timer !== undefined) return ok(`${timer.name} starts certbot renew`);
  const willing = cron.find(({ text }) => !(hasSystemd && isInert(text)));
  if (willing !== undefined && schedule.isCronRunning)
    return ok(`${willing.file} starts certbot renew`);
  const [idle] = timers;
  if (idle !== undefined)
    return problem(
      `${idle.name} is not active, and nothing else starts certbot renew`,
      `systemctl enable --now ${idle.name}`,
    );
  if (willing !== undefined)
    return problem(
      `${willing.file} would start certbot renew, but no cron runs on this machine`,
      hasSystemd
        ? "systemctl enable --now cron"
        : "apt-get install cron && service cron start",
    );
  const [inert] = cron;
  if (inert !== undefined)
    return problem(
      `${inert.file} does nothing where systemd runs, and no timer starts certbot renew`,
      "systemctl enable --now certbot.timer",
    );
  if (unread.length > 0)
    return unknown(
      `nothing was found that starts certbot renew; not looked at: ${fewOf(unread)}`,
      asRoot,
    );
  if (certbotDir !== defaultDirectory)
    return unknown(
      `no timer and no cron entry names ${certbotDir}: how its certificates are renewed cannot be told`,
    );
  return problem(
    "no timer and no cron entry starts certbot renew, so certificates expire",
    hasSystemd
      ? "systemctl enable --now certbot.timer"
      : "echo '17 0,12 * * * root certbot -q renew' > /etc/cron.d/certbot-renew",
  );
}

async function lookAtConfigurations(
  machine: Machine,
): Promise<readonly Diagnosis[]> {
  const renewals = await machine.renewals();
  const { problems } = await machine.lineages();
  if (renewals.length === 0 && problems.length > 0)
    return [unknown("no file of renewal/ could be looked at", asRoot)];
  return foundOr(
    renewals.flatMap(judgeConfiguration),
    renewals.length === 0
      ? "Certbot renews no lineage yet"
      : `${counted(renewals.length, "file")} that Certbot can read`,
  );
}

/** ConfigObj takes `%(name)s` for a reference to another value, and Certbot then reads nothing of the file. */
export function judgeConfiguration({
  path,
  text,
}: Pick<Renewal, "path" | "text">): readonly Diagnosis[] {
  if (text.trim() === "")
    return [
      problem(
        `${path} is empty, so Certbot cannot renew this lineage`,
        `rm ${quoted(path)}`,
      ),
    ];
  const lines = text.split("\n");
  const index = lines.findIndex((line) => /^[^#]*=.*%\([^)]*\)s/.test(line));
  return index < 0
    ? []
    : [
        problem(
          `${path} line ${String(index + 1)} holds "%(": Certbot takes it for a reference, cannot read the file, and never renews this lineage`,
          `sed -i '${String(index + 1)}d' ${quoted(path)}`,
        ),
      ];
}

/** Where snap and pip put it, after the system's directories. */
const certbotPath = `${programPath}:/snap/bin:/opt/certbot/bin`;
const versionLimitMs = 5_000;

async function lookAtCertbot(machine: Machine): Promise<Diagnosis> {
  const program = await findProgram("certbot", certbotPath);
  if (program.kind === "absent")
    return warning(
      "there is no certbot program here; it may run elsewhere",
      "apt-get install certbot",
    );
  if (program.kind === "untrusted")
    return warning(
      `certbot is not asked for its version: ${program.reason}`,
      null,
    );
  const presence = await lookForCertbot(machine.settings.certbotDir);
  if (presence.kind === "at-work")
    return unknown(
      `a Certbot is at work (pid ${String(presence.pid)}), so it is not asked for its version`,
    );
  const result = await runProgram({
    program: program.path,
    args: ["--version"],
    timeoutMs: versionLimitMs,
    signal: machine.signal,
    maxOutputBytes: 64 * 1024,
  });
  return result.kind === "exited"
    ? judgeVersion(program.path, result.stdout + result.stderr)
    : unknown(`${program.path} ${describeEnd(result)}`);
}

export function judgeVersion(program: string, said: string): Diagnosis {
  const version = /^certbot (\d+)\.(\d[\w.]*)/m.exec(said);
  const [, major = "", rest = ""] = version ?? [];
  if (version === null)
    return unknown(`${program} --version does not tell its version`);
  const words = `${program} is ${major}.${rest}`;
  return Number(major) >= 1
    ? ok(words)
    : problem(
        `${words}; livecert needs 1.0 or newer`,
        "install a newer Certbot, for example snap install --classic certbot",
      );
}
