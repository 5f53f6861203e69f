/** From a selector to targets: one for each container that it means, replicas included. */
import { join } from "node:path";
import type { Container } from "../../core/containers/container.ts";
import type { Settings } from "../../core/settings/settings.ts";
import type { ContainerTargetSetting } from "../../core/settings/targets.ts";
import type { Target } from "../../ports.ts";
import type { Endpoint } from "../containers/endpoint.ts";
import { openEngine, type Engine } from "../containers/engine.ts";
import type { EngineFailure } from "../containers/request.ts";
import {
  describeSelector,
  enablingLabel,
  selectContainers,
  selectorName,
} from "../containers/selection.ts";
import {
  neighbouringNetworks,
  ownContainer,
} from "../containers/standpoint.ts";
import { containerTarget, type ContainerTarget } from "./container.ts";
import type { TargetNames } from "./names.ts";
import { unreachableTarget } from "./unreachable.ts";

export interface ContainerSearch {
  readonly settings: Pick<Settings, "limits" | "runDir" | "certbotDir">;
  readonly signal: AbortSignal;
  /** Certificates that no mount shows are copied to the run directory. */
  readonly mayWrite: boolean;
  readonly names: TargetNames;
}

/** What a target of the configuration means; never nothing, so that what is missing is told. */
export async function configuredContainers(
  setting: ContainerTargetSetting,
  endpoints: readonly Endpoint[],
  search: ContainerSearch,
): Promise<readonly Target[]> {
  const name = selectorName(setting.select);
  const { certbotDir } = search.settings;
  let failure: EngineFailure | null = null;
  for (const endpoint of endpoints) {
    const found = await lookAt(endpoint, setting, search);
    if (found.kind === "failed") failure ??= found.failure;
    else if (found.containers.length > 0)
      return openAll(found, setting, search);
  }
  const engine = endpoints[0]?.name ?? "";
  const lack = lackOf(setting, endpoints.length, failure, engine);
  const own = search.names.give(name, `${name} at ${engine}`, engine);
  return [unreachableTarget({ name: own, certbotDir, ...lack })];
}

/** Containers that carry `livecert.enable=true`; an engine that cannot be asked is told of by `failures`. */
export async function labelledContainers(
  endpoints: readonly Endpoint[],
  search: ContainerSearch,
): Promise<{
  readonly targets: readonly ContainerTarget[];
  readonly failures: readonly {
    readonly endpoint: Endpoint;
    readonly failure: EngineFailure;
  }[];
}> {
  const setting: ContainerTargetSetting = {
    kind: "container",
    select: enablingLabel,
    engine: null,
    nginx: null,
    addresses: {},
    paths: {},
  };
  const found = await Promise.all(
    endpoints.map(async (endpoint) => ({
      endpoint,
      ...(await lookAt(endpoint, setting, search)),
    })),
  );
  return {
    // One after the other, so that each time the same one is given its name.
    targets: found.flatMap((one) =>
      one.kind === "ok" ? openAll(one, setting, search) : [],
    ),
    failures: found.flatMap((one) => (one.kind === "failed" ? [one] : [])),
  };
}

interface Found {
  readonly kind: "ok";
  readonly engine: Engine;
  readonly endpoint: Endpoint;
  /** Without our own. */
  readonly containers: readonly Container[];
  readonly own: Container | null;
}

async function lookAt(
  endpoint: Endpoint,
  setting: ContainerTargetSetting,
  { settings, signal }: ContainerSearch,
): Promise<
  Found | { readonly kind: "failed"; readonly failure: EngineFailure }
> {
  const engine = openEngine(endpoint, settings.limits.engineMs);
  const found = await selectContainers(engine, setting.select, signal);
  if (found.kind === "failed") return found;
  const own =
    found.value.length === 0 ? null : await ownContainer(engine, signal);
  const containers = found.value.filter(({ id }) => id !== own?.id);
  return { kind: "ok", engine, endpoint, containers, own };
}

function openAll(
  { engine, endpoint, containers, own }: Found,
  setting: ContainerTargetSetting,
  search: ContainerSearch,
): readonly ContainerTarget[] {
  const isRouted = neighbouringNetworks();
  return containers.map((container) => {
    // The state keeps the host's own under this name.
    const wanted =
      container.name === "host" ? "container host" : container.name;
    const name = search.names.give(wanted, container.id, endpoint.name);
    return openTarget({
      ...{ name, engine, setting, container, own, isRouted, search },
    });
  });
}

function openTarget(given: {
  readonly name: string;
  readonly engine: Engine;
  readonly setting: ContainerTargetSetting;
  readonly container: Container;
  readonly own: Container | null;
  readonly isRouted: (address: string) => boolean;
  readonly search: ContainerSearch;
}): ContainerTarget {
  const { search, container, ...rest } = given;
  const { limits, runDir } = search.settings;
  return containerTarget({
    ...rest,
    container,
    limits,
    copyDirectory: search.mayWrite
      ? join(runDir, "containers", encodeURIComponent(rest.name))
      : null,
  });
}

function lackOf(
  { select }: ContainerTargetSetting,
  endpoints: number,
  failure: EngineFailure | null,
  engine: string,
): { readonly reason: string; readonly remedy: string } {
  const missing = `there is no ${describeSelector(select)}`;
  if (endpoints === 0)
    return {
      reason: `${missing}: no container engine was found`,
      remedy: "name its socket with engine: unix:///PATH in the target",
    };
  if (failure === null || failure.reason === "not-found")
    return {
      reason: missing,
      remedy: "start it, or correct its target in the configuration",
    };
  return {
    reason: `the container engine at ${engine} ${failure.message}`,
    remedy: failure.remedy ?? "livecert doctor",
  };
}
