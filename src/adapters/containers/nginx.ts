/**
 * Nginx's own program in its container, run with the options that its master has: it tests and dumps there. A signal to the
 * master makes it read its files anew; the container itself is never restarted.
 */
import { describeContainer } from "../../core/containers/container.ts";
import type { Limits } from "../../core/settings/settings.ts";
import type {
  DumpResult,
  ReloadResult,
  Target,
  TestResult,
} from "../../ports.ts";
import { parseDefaults } from "../nginx/binary.ts";
import { readReload, reloadBySignal } from "../nginx/reload.ts";
import { readDump, readVerdict } from "../nginx/run.ts";
import type { ProgramResult } from "../process/run.ts";
import type { Copies } from "./copies.ts";
import type { Engine } from "./engine.ts";
import type { InnerMaster } from "./inside.ts";
import type { ContainerLookup, SeenNginx } from "./lookup.ts";
import { copyUnmounted } from "./unmounted.ts";

export interface InnerNginxOptions {
  readonly engine: Engine;
  /** The program inside; null: the one that the master runs. */
  readonly program: string | null;
  readonly copies: Copies;
  readonly limits: Pick<
    Limits,
    "nginxCommandMs" | "reloadCommandMs" | "engineMs"
  >;
}

export function innerNginx(
  lookup: ContainerLookup,
  options: InnerNginxOptions,
): Pick<Target, "dump" | "test" | "reload"> {
  const call = async <Result>(
    signal: AbortSignal,
    how: (call: Call) => Promise<Result>,
  ): Promise<Result | Failed> => {
    const found = await lookup.known(signal);
    return found.kind === "found"
      ? how({ ...options, nginx: found.nginx, signal })
      : { kind: "failed", reason: found.reason };
  };
  return {
    dump: (signal) => call(signal, dump),
    test: (signal) => call(signal, test),
    reload: async (signal) => {
      const result = await call(signal, reload);
      return result.kind === "failed" ? { remedy: null, ...result } : result;
    },
  };
}

type Failed = Extract<DumpResult, { kind: "failed" }>;

/** What one question or order needs. */
interface Call extends InnerNginxOptions {
  readonly nginx: SeenNginx;
  readonly signal: AbortSignal;
}

async function dump(call: Call): Promise<DumpResult> {
  const { nginx, engine, copies, limits, signal } = call;
  const result = await ask(call, "-T");
  const prefix = await prefixOf(nginx.sighting.master, result, () =>
    ask(call, "-V"),
  );
  const dumped = readDump(question(call), result, prefix);
  if (dumped.kind !== "ok") return dumped;
  const unread = await copyUnmounted(dumped, nginx, copies, {
    engine,
    timeoutMs: limits.engineMs,
    signal,
  });
  return { ...dumped, warnings: [...dumped.warnings, ...unread] };
}

async function test(call: Call): Promise<TestResult> {
  return readVerdict(question(call), await ask(call, "-t"));
}

/** By the signal itself, by the engine, or by the program inside: the first that can be given. */
async function reload(call: Call): Promise<ReloadResult> {
  const { nginx, engine, limits, signal } = call;
  const { container, processes, sighting } = nginx;
  const { master } = sighting;
  if (processes.isVisible) {
    const signalled = reloadBySignal(master);
    if (signalled.kind === "triggered") return signalled;
  } else if (master.innerPid === 1) {
    const killed = await engine.kill(container.id, "HUP", signal);
    if (killed.kind === "ok") return { kind: "triggered", said: [] };
  }
  const result = await run(call, limits.reloadCommandMs, "-s", "reload");
  return readReload(
    `${programOf(call)} -s reload in ${describeContainer(container)}`,
    result,
    `docker exec ${container.name} nginx -t`,
  );
}

function ask(call: Call, option: "-T" | "-t" | "-V"): Promise<ProgramResult> {
  return run(call, call.limits.nginxCommandMs, option);
}

function run(
  call: Call,
  timeoutMs: number,
  ...action: readonly string[]
): Promise<ProgramResult> {
  const { nginx, engine, signal } = call;
  const options = startOptions(nginx.sighting.master);
  return engine.execute(nginx.container.id, {
    words: [programOf(call), ...options, ...action],
    timeoutMs,
    signal,
  });
}

function programOf({ program, nginx }: Call): string {
  return program ?? nginx.sighting.master.program;
}

function question(call: Call): Parameters<typeof readVerdict>[0] {
  return {
    program: `${programOf(call)} in ${describeContainer(call.nginx.container)}`,
    restriction: null,
  };
}

/** Those that decide which configuration it reads. */
function startOptions({ options }: InnerMaster): readonly string[] {
  if (options === null) return [];
  const { prefix, configuration, directives, errorLog } = options;
  return [
    ...(prefix === null ? [] : ["-p", prefix]),
    ...(configuration === null ? [] : ["-c", configuration]),
    ...(directives === null ? [] : ["-g", directives]),
    ...(errorLog === null ? [] : ["-e", errorLog]),
  ];
}

/** Of no use but for a pid file or an error log that is named without its directory. */
async function prefixOf(
  { options }: InnerMaster,
  dumped: ProgramResult,
  askVersion: () => Promise<ProgramResult>,
): Promise<string> {
  const given = options?.prefix;
  if (given?.startsWith("/") === true) return given;
  if (!/^\s*(?:pid|error_log)\s+[^/\s]/m.test(dumped.stdout)) return "/";
  const version = await askVersion();
  return parseDefaults(version.stderr)?.prefix ?? "/";
}
