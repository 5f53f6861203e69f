/** The host's Nginx: is it there, does it run, does it accept its configuration, and can it be reloaded? */
import { basename } from "node:path";
import type { OtherMaster } from "../adapters/nginx/master.ts";
import { readUnits } from "../adapters/systemd/units.ts";
import { findProgram } from "../adapters/process/trust.ts";
import { assertNever } from "../core/assert-never.ts";
import {
  counted,
  fewOf,
  ok,
  problem,
  unknown,
  warning,
  type Check,
  type Diagnosis,
} from "./check.ts";
import type { Machine, NginxView } from "./machine.ts";
import {
  asRoot,
  nginxCommand,
  quoted,
  reloadCommand,
  startCommand,
  type Surroundings,
} from "./remedies.ts";

export const nginxChecks: readonly Check[] = [
  {
    group: "nginx",
    name: "program",
    looksAt:
      "the Nginx program, by --nginx-bin or by the known names of Nginx and its forks",
    look: async (machine) => judgeProgram(machine, await machine.nginx()),
  },
  {
    group: "nginx",
    name: "master",
    looksAt: "the master process that the pid file names",
    look: async (machine) => [judgeMaster(machine, await machine.nginx())],
  },
  {
    group: "nginx",
    name: "configuration",
    looksAt: "what Nginx's own test says of the configuration on disk",
    look: async (machine) => [
      judgeConfiguration(machine, await machine.nginx()),
    ],
  },
  {
    group: "nginx",
    name: "pending-configuration",
    looksAt:
      "configuration files that were changed after Nginx last loaded them",
    look: async (machine) => [judgePending(machine, await machine.nginx())],
  },
  {
    group: "nginx",
    name: "reload",
    looksAt:
      "whether Nginx can be reloaded in the way that nginx.reload-by says",
    look: async (machine) => [
      await lookAtReload(machine, await machine.nginx()),
    ],
  },
  {
    group: "nginx",
    name: "error-log",
    looksAt:
      "the error log, which alone tells why Nginx refused a reload that its own test had passed",
    look: async (machine) => [
      await lookAtErrorLog(machine, await machine.nginx()),
    ],
  },
  {
    group: "nginx",
    name: "other-masters",
    looksAt: "further Nginx masters on this machine",
    look: async (machine) => {
      await machine.nginx();
      return [judgeOthers(machine.host.otherMasters())];
    },
  },
];

type Who = Pick<Machine, "isRoot">;

export function judgeProgram(
  { isRoot }: Who,
  { state, refusal, found }: Pick<NginxView, "state" | "refusal" | "found">,
): readonly Diagnosis[] {
  if (refusal !== null) return [problem(refusal.message, refusal.remedy)];
  const passedOver = (found?.refused ?? []).map((sentence) =>
    warning(`an Nginx was passed over: ${sentence}`, remedyFor(sentence)),
  );
  const { installation = null } = found ?? {};
  if (installation === null && state.kind !== "running")
    return [
      isRoot
        ? problem(state.reason, "set --nginx-bin to the Nginx program")
        : unknown(state.reason, asRoot),
      ...passedOver,
    ];
  const program = installation?.binary.path ?? "Nginx";
  const version = installation?.defaults.version ?? "unknown version";
  return [ok(`${program} (${version})`), ...passedOver];
}

/** `… is not run: PATH belongs to uid 1000, not to root`: the path in the sentence is what must be mended. */
function remedyFor(sentence: string): string | null {
  const path = /is not run: (.+) (?:belongs to|can be written by) /.exec(
    sentence,
  )?.[1];
  if (path === undefined) return null;
  return `chown root ${quoted(path)} && chmod go-w ${quoted(path)}`;
}

export function judgeMaster(
  machine: Pick<Machine, "isRoot" | "hasSystemd" | "settings">,
  view: Pick<NginxView, "state" | "found">,
): Diagnosis {
  const { state, found } = view;
  switch (state.kind) {
    case "running":
      return state.stopped
        ? problem(
            `the master with pid ${String(state.generation.master.pid)} is stopped by a signal and answers none`,
            `kill -CONT ${String(state.generation.master.pid)}`,
          )
        : ok(describeRunning(state, found));
    case "not-running":
      return problem(
        `Nginx is not running: ${state.reason}`,
        startCommand(machine, view),
      );
    case "foreign":
      return machine.isRoot
        ? problem(
            `Nginx is not trusted, so it is neither run nor signalled: ${state.reason}`,
            "set --nginx-bin, --nginx-conf and --nginx-prefix to the Nginx that is meant",
          )
        : unknown(state.reason, asRoot);
    case "absent":
      return unknown(`no master was looked for: ${state.reason}`);
    default:
      return assertNever(state);
  }
}

function describeRunning(
  state: Extract<NginxView["state"], { kind: "running" }>,
  found: NginxView["found"],
): string {
  const { master, workers, draining } = state.generation;
  const configuration = found?.installation?.configuration ?? "";
  const old =
    draining.length === 0
      ? ""
      : `, ${counted(draining.length, "old worker")} still serving`;
  return `pid ${String(master.pid)}, ${counted(workers.length, "worker")}${old}, ${configuration}`;
}

export function judgeConfiguration(
  machine: Pick<Machine, "settings" | "isRoot">,
  view: Pick<NginxView, "dump" | "found" | "state">,
): Diagnosis {
  const { dump, state } = view;
  if (dump === null)
    return unknown(
      state.kind === "not-running"
        ? "not tested: a test while Nginx is stopped leaves an empty pid file"
        : "not tested: Nginx was not found",
    );
  const test = nginxCommand(machine, view, "-t");
  switch (dump.kind) {
    case "refused":
      return problem(
        ["Nginx refuses its configuration:", ...dump.errors].join("\n"),
        test,
      );
    case "failed":
      return unknown(
        `not tested: ${dump.reason}`,
        machine.isRoot ? test : asRoot,
      );
    case "ok":
      return dump.warnings.length === 0
        ? ok("Nginx accepts its configuration")
        : warning(
            [
              "Nginx accepts its configuration and warns:",
              ...dump.warnings,
            ].join("\n"),
            test,
          );
    default:
      return assertNever(dump);
  }
}

export function judgePending(
  machine: Surroundings,
  view: Pick<NginxView, "state" | "files" | "found" | "model">,
): Diagnosis {
  const { state, files, model } = view;
  if (state.kind !== "running" || model === null)
    return unknown("what Nginx has loaded cannot be compared with its files");
  if (state.oldestWorkerStartMs === null)
    return unknown("there is no worker whose start could be compared");
  const newer = filesNotLoaded(view);
  if (newer.length === 0)
    return ok(`${counted(files.length, "file")}, all older than the workers`);
  return warning(
    `Nginx may not have loaded what was changed: ${fewOf(newer)}; the next renewal's reload puts that live too`,
    reloadCommand(machine, view),
  );
}

/** Paths of configuration files that were written after the oldest worker started. */
export function filesNotLoaded({
  state,
  files,
}: Pick<NginxView, "state" | "files">): readonly string[] {
  const start = state.kind === "running" ? state.oldestWorkerStartMs : null;
  if (start === null) return [];
  return files
    .filter(({ modifiedNs }) => Number(BigInt(modifiedNs) / 1_000_000n) > start)
    .map(({ path }) => path);
}

async function lookAtReload(
  machine: Machine,
  { found }: NginxView,
): Promise<Diagnosis> {
  const { reloadBy, unit } = machine.settings.nginx;
  switch (reloadBy) {
    case "signal":
      return machine.isRoot
        ? ok("by a signal to the master")
        : unknown("only root may signal the master", asRoot);
    case "nginx":
      return found?.installation
        ? ok(`by ${found.installation.binary.path} -s reload`)
        : problem(
            "by nginx -s reload, but there is no Nginx program that may be run",
            "set nginx.reload-by to signal",
          );
    case "systemctl":
      return lookAtUnit(machine, unit);
    default:
      return assertNever(reloadBy);
  }
}

async function lookAtUnit(
  { hasSystemd, signal, settings }: Machine,
  unit: string,
): Promise<Diagnosis> {
  const remedy = "set nginx.reload-by to signal";
  const systemctl = await findProgram("systemctl");
  if (systemctl.kind !== "found" || !hasSystemd)
    return problem(
      systemctl.kind === "found"
        ? `by systemctl reload ${unit}, but systemd does not run this machine`
        : `by systemctl reload ${unit}, but there is no systemctl that may be run`,
      remedy,
    );
  const timeoutMs = settings.limits.reloadCommandMs;
  const reading = await readUnits([unit], { timeoutMs, signal });
  if (reading.kind === "failed") return unknown(reading.reason);
  const state = reading.units[0];
  if (state?.isLoaded !== true)
    return problem(
      `by systemctl reload ${unit}, but there is no such unit`,
      "set nginx.unit to Nginx's unit",
    );
  return state.isActive
    ? ok(`by systemctl reload ${unit}`)
    : problem(
        `by systemctl reload ${unit}, but that unit is not active`,
        `systemctl start ${unit}`,
      );
}

async function lookAtErrorLog(
  { host, isRoot }: Machine,
  { model }: NginxView,
): Promise<Diagnosis> {
  if (model === null)
    return unknown("which error log there is could not be asked");
  if ((await host.markErrorLogs(model)).readable)
    return ok(
      model.errorLogs.length === 0
        ? "it can be read"
        : `${fewOf(model.errorLogs)} can be read`,
    );
  const message =
    "no error log can be read, so a reload that Nginx refuses cannot be explained";
  return isRoot
    ? warning(message, "name a file in Nginx's error_log directive")
    : unknown(message, asRoot);
}

export function judgeOthers(others: readonly OtherMaster[]): Diagnosis {
  if (others.length === 0) return ok("there is no other Nginx");
  const reachable = others.find(({ isElsewhere }) => !isElsewhere);
  return warning(
    `livecert does not look after ${fewOf(others.map(describeOther))}; certificates that only ${others.length === 1 ? "this Nginx loads" : "these load"} are not put live`,
    reachable === undefined ? null : statusCommand(reachable),
  );
}

function statusCommand({ executable, configuration }: OtherMaster): string {
  const program = executable.replace(/ \(deleted\)$/, "");
  const words = ["--nginx-bin", program];
  return ["livecert", "status", ...words]
    .concat(configuration === null ? [] : ["--nginx-conf", configuration])
    .map(quoted)
    .join(" ");
}

function describeOther({
  pid,
  executable,
  configuration,
  isElsewhere,
}: OtherMaster): string {
  const place = isElsewhere ? " in a container or namespace of its own" : "";
  const file = configuration === null ? "" : ` with ${configuration}`;
  return `${basename(executable)}${file}${place} (pid ${String(pid)})`;
}
