/**
 * Which Nginx there are to look after: those of the configuration, or else the host's own and the containers that ask for
 * it by their label. What talks to an engine is loaded only where there is one.
 */
import type { Settings } from "../../core/settings/settings.ts";
import type { TargetSetting } from "../../core/settings/targets.ts";
import type { Target } from "../../ports.ts";
import {
  findEndpoints,
  parseEndpoint,
  type Endpoint,
  type Environment,
} from "../containers/endpoint.ts";
import type { EngineFailure } from "../containers/request.ts";
import type { HostTarget } from "./host.ts";
import { targetNames, type TargetNames } from "./names.ts";
import { sidecarTarget } from "./sidecar.ts";

export interface TargetSearch {
  readonly settings: Pick<
    Settings,
    "targets" | "limits" | "runDir" | "certbotDir"
  >;
  readonly environment: Environment;
  readonly signal: AbortSignal;
  readonly mayWrite: boolean;
  readonly host: HostTarget;
  /** Names of targets that the state knows. */
  readonly knownTargets: () => Promise<readonly string[]>;
}

type NamedSearch = TargetSearch & { readonly names: TargetNames };

export async function findTargets(
  given: TargetSearch,
): Promise<readonly Target[]> {
  const { targets } = given.settings;
  const search = { ...given, names: targetNames() };
  if (targets.length === 0) return implicitTargets(search);
  for (const setting of targets)
    if (setting.kind !== "container")
      search.names.give(setting.name, setting.kind, setting.kind);
  const found: Target[] = [];
  for (const setting of targets)
    found.push(...(await targetsOf(setting, search)));
  // Two selectors may mean the same container.
  const byName = new Map(found.map((target) => [target.name, target]));
  return [...byName.values()];
}

async function targetsOf(
  setting: TargetSetting,
  search: NamedSearch,
): Promise<readonly Target[]> {
  const { settings, host, environment } = search;
  switch (setting.kind) {
    case "host":
      return [host];
    case "sidecar":
      return [sidecarTarget({ name: setting.name, limits: settings.limits })];
    case "container": {
      const { configuredContainers } = await import("./containers.ts");
      const endpoints =
        setting.engine === null
          ? findEndpoints(environment)
          : [parseEndpoint(setting.engine, null)];
      return configuredContainers(setting, endpoints, search);
    }
    case "command": {
      const { commandTarget } = await import("./command.ts");
      return [commandTarget({ setting, limits: settings.limits })];
    }
  }
}

/** The engines that the targets are looked for at, each with why it could not be asked. */
export async function askEngines({
  settings,
  environment,
  signal,
}: Pick<TargetSearch, "settings" | "environment" | "signal">): Promise<
  readonly {
    readonly endpoint: Endpoint;
    readonly failure: EngineFailure | null;
  }[]
> {
  const named = settings.targets.flatMap((target) =>
    target.kind === "container" && target.engine !== null
      ? [parseEndpoint(target.engine, null)]
      : [],
  );
  const endpoints = [...findEndpoints(environment), ...named];
  if (endpoints.length === 0) return [];
  const { openEngine } = await import("../containers/engine.ts");
  return Promise.all(
    endpoints.map(async (endpoint) => {
      const engine = openEngine(endpoint, settings.limits.engineMs);
      const answer = await engine.list([], signal);
      const failure = answer.kind === "failed" ? answer.failure : null;
      return { endpoint, failure };
    }),
  );
}

/** The host's Nginx is left out where containers have one, and there is none here or it was never seen to run. */
async function implicitTargets(
  search: NamedSearch,
): Promise<readonly Target[]> {
  const { host, environment, signal } = search;
  const endpoints = findEndpoints(environment);
  if (endpoints.length === 0) return [host];
  const containers = await labelledTargets(endpoints, search);
  if (containers.length === 0) return [host];
  const { kind } = await host.inspect(signal);
  const isMeant =
    kind === "running" ||
    kind === "foreign" ||
    (kind === "not-running" &&
      (await search.knownTargets()).includes(host.name));
  return isMeant ? [host, ...containers] : containers;
}

/** An engine that cannot be asked matters where containers were looked after before; others have it for other ends. */
async function labelledTargets(
  endpoints: readonly Endpoint[],
  search: NamedSearch,
): Promise<readonly Target[]> {
  const { labelledContainers } = await import("./containers.ts");
  const { targets, failures } = await labelledContainers(endpoints, search);
  if (failures.length === 0) return targets;
  const { unreachableTarget } = await import("./unreachable.ts");
  const known = await search.knownTargets();
  const missing = known.filter(
    (name) =>
      name !== search.host.name && !targets.some((one) => one.name === name),
  );
  const [{ endpoint, failure }] = failures as [(typeof failures)[number]];
  const { certbotDir } = search.settings;
  const reason = `the container engine at ${endpoint.name} ${failure.message}`;
  const remedy = failure.remedy ?? "livecert doctor";
  return [
    ...targets,
    ...missing.map((name) =>
      unreachableTarget({ name, reason, remedy, certbotDir }),
    ),
  ];
}
