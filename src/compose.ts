/** The wiring: from settings to the adapters that a run needs. Alone in knowing both sides. */
import { randomUUID } from "node:crypto";
import type { CertbotProcess } from "./adapters/certbot/at-work.ts";
import { keepDefaults } from "./adapters/nginx/kept-defaults.ts";
import type { OtherMaster } from "./adapters/nginx/master.ts";
import { openStore } from "./adapters/store/store.ts";
import { findTargets } from "./adapters/targets/find.ts";
import { hostTarget } from "./adapters/targets/host.ts";
import { machineRoots, type TrustRoots } from "./adapters/tls/roots.ts";
import type { Invocation } from "./cli/invocation.ts";
import { startStopwatch } from "./pipeline/stopwatch.ts";
import type { World } from "./pipeline/world.ts";

type Surroundings = Pick<
  Invocation<unknown>,
  "settings" | "log" | "signal" | "now" | "environment"
>;

export interface Circumstances {
  /** The Certbot that runs us as its hook; null by hand or under the service. */
  readonly certbot?: CertbotProcess | null;
  /** Nothing is kept on the disk then, not even what only makes the next run faster. */
  readonly isDryRun?: boolean;
}

/** What a run may touch. Nothing is read or written before it is asked for. */
export async function composeWorld(
  { settings, log, signal, now, environment }: Surroundings,
  { certbot = null, isDryRun = false }: Circumstances = {},
): Promise<World> {
  const { nginx, limits, stateDir, runDir } = settings;
  const searchPath = environment["PATH"] ?? "";
  const named = settings.targets.find(({ kind }) => kind === "host");
  const host = hostTarget({
    ...(named?.kind === "host" ? { name: named.name } : {}),
    settings: nginx,
    limits,
    searchPath,
    ...(isDryRun ? {} : { cache: keepDefaults(runDir) }),
  });
  const store = await openStore({ stateDir, log });
  const targets = await findTargets({
    settings,
    environment,
    signal,
    mayWrite: !isDryRun,
    host,
    knownTargets: async () =>
      (await store.models.list()).map(({ target }) => target),
  });
  return {
    settings,
    log,
    signal,
    now,
    certbot,
    store,
    targets,
    stopwatch: startStopwatch(log),
    roots: once(() => machineRoots(settings.roots)),
    program: process.argv[1] ?? "",
    otherMasters: () => host.otherMasters().map(describeMaster),
  };
}

/** Names a run in log, journal and document. */
export function newRunId(): string {
  return randomUUID();
}

function once(make: () => Promise<TrustRoots>): () => Promise<TrustRoots> {
  let made: Promise<TrustRoots> | null = null;
  return () => (made ??= make());
}

function describeMaster({
  pid,
  executable,
  configuration,
  isElsewhere,
}: OtherMaster): string {
  const place = isElsewhere ? " in a container or namespace of its own" : "";
  const file = configuration === null ? "" : ` with ${configuration}`;
  return `another Nginx${place} (${executable}${file}, pid ${String(pid)})`;
}
