/** Nginx in containers: does the engine answer, are they there, and will a renewal reach them? In the user's own terms. */
import type { Endpoint } from "../adapters/containers/endpoint.ts";
import type { EngineFailure } from "../adapters/containers/request.ts";
import type { ContainerTarget } from "../adapters/targets/container.ts";
import { describeContainer } from "../core/containers/container.ts";
import { certificateSources } from "../core/nginx/sources.ts";
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
import type { ContainerView, Machine } from "./machine.ts";

export const containerChecks: readonly Check[] = [
  {
    group: "containers",
    name: "engine",
    looksAt: "whether the container engine that the command line uses answers",
    look: async (machine) => judgeEngines(await machine.engines()),
  },
  {
    group: "containers",
    name: "nginx",
    looksAt:
      "the containers that the configuration names or that carry livecert.enable=true, and the Nginx in each",
    look: async (machine) => judgeContainers(await machine.containers()),
  },
  {
    group: "containers",
    name: "single-files",
    looksAt:
      "certificate and key files that are mounted into a container one by one, so that it keeps the old ones",
    look: async (machine) => lookAtSingleFiles(await machine.containers()),
  },
  {
    group: "containers",
    name: "certificates",
    looksAt:
      "certificates that lie in a container's own file system, where no renewal reaches them",
    look: lookAtOwnFiles,
  },
  {
    group: "containers",
    name: "listeners",
    looksAt:
      "whether the ports at which Nginx listens in a container can be reached from here",
    look: async (machine) => lookAtReach(await machine.containers()),
  },
];

/** One engine, and why it could not be asked. */
export interface EngineView {
  readonly endpoint: Endpoint;
  readonly failure: EngineFailure | null;
}

const nothing = "no container is looked after";

export function judgeEngines(
  engines: readonly EngineView[],
): readonly Diagnosis[] {
  if (engines.length === 0) return [ok("there is no container engine")];
  return engines.map(({ endpoint, failure }) =>
    failure === null
      ? ok(`${endpoint.name} answers`)
      : warning(
          `the container engine at ${endpoint.name} ${failure.message}`,
          failure.remedy,
        ),
  );
}

export function judgeContainers(
  views: readonly Pick<ContainerView, "target" | "state" | "dump">[],
): readonly Diagnosis[] {
  return foundOr(views.flatMap(judgeContainer), nothing);
}

function judgeContainer({
  target,
  state,
  dump,
}: Pick<ContainerView, "target" | "state" | "dump">): readonly Diagnosis[] {
  if (state.kind !== "running") {
    const remedy = "remedy" in state ? (state.remedy ?? null) : null;
    return [problem(`${target.name}: ${state.reason}`, remedy)];
  }
  const { workers, master } = state.generation;
  const test = `docker exec ${target.name} nginx -t`;
  switch (dump?.kind) {
    case "refused":
      return [
        problem(
          [
            `${target.name}: Nginx refuses its configuration:`,
            ...dump.errors,
          ].join("\n"),
          test,
        ),
      ];
    case "failed":
      return [unknown(`${target.name}: not tested: ${dump.reason}`, test)];
    case "ok":
    case undefined:
      return [
        ok(
          `${target.name}: ${counted(workers.length, "worker")}, master's pid here ${String(master.pid)}`,
        ),
      ];
  }
}

function isInspected(
  target: ContainerView["target"],
): target is ContainerTarget {
  return "singleFiles" in target;
}

function certificateFiles({ model }: ContainerView): readonly string[] {
  if (model === null) return [];
  const files = certificateSources(model)
    .filter(({ dynamic }) => !dynamic)
    .flatMap(({ certificate, key }) => [
      certificate,
      ...(key === null ? [] : [key]),
    ]);
  return [...new Set(files)];
}

function lookAtSingleFiles(
  views: readonly ContainerView[],
): readonly Diagnosis[] {
  if (views.length === 0) return [ok(nothing)];
  const found = views.flatMap((view) => {
    if (!isInspected(view.target)) return [];
    const files = view.target.singleFiles(certificateFiles(view));
    if (files.length === 0) return [];
    const words = files.map(({ path, mount }) => `${path} (${mount})`);
    return [
      problem(
        `${describeContainer(view.target.container)} has single files mounted: ${fewOf(words)}; a renewal writes a new file, which such a mount does not show`,
        "mount the directory instead of the file (for Certbot: all of /etc/letsencrypt), then re-create the container",
      ),
    ];
  });
  return foundOr(found, "no certificate file is mounted singly");
}

async function lookAtOwnFiles(machine: Machine): Promise<readonly Diagnosis[]> {
  const views = await machine.containers();
  if (views.length === 0) return [ok(nothing)];
  const found: Diagnosis[] = [];
  for (const view of views) {
    for (const path of certificateFiles(view)) {
      const obstruction = await view.target.obstruction(path);
      if (obstruction?.kind === "copied")
        found.push(warning(obstruction.reason, obstruction.remedy));
    }
  }
  return foundOr(found, "every certificate lies where a renewal reaches it");
}

function lookAtReach(views: readonly ContainerView[]): readonly Diagnosis[] {
  if (views.length === 0) return [ok(nothing)];
  const unreached = views.flatMap((view) =>
    addressesOf(view).flatMap((address) => {
      const { state, target } = view;
      if (state.kind !== "running") return [];
      const reached = target.reach(address, state.generation.master);
      return reached.kind === "unreachable" ? [reached.reason] : [];
    }),
  );
  const distinct = [...new Set(unreached)];
  return foundOr(
    distinct.map((reason) =>
      warning(
        `${reason}; what is served there is not seen`,
        "publish the port, or name where it answers below addresses in the target",
      ),
    ),
    "every TLS listener can be reached",
  );
}

/** A wildcard listener is met at the container's own addresses. */
function addressesOf({ model, target }: ContainerView): readonly string[] {
  if (model === null) return [];
  const listeners = model.servers
    .filter(({ pairs }) => pairs.length > 0)
    .flatMap((server) => server.listeners)
    .filter(({ ssl }) => ssl)
    .map(({ address }) => address);
  const [own = "127.0.0.1"] = target.localAddresses();
  const host = own.includes(":") ? `[${own}]` : own;
  return [...new Set(listeners)].map((address) =>
    address.replace(/^(?:0\.0\.0\.0|\[::\]):/, `${host}:`),
  );
}
