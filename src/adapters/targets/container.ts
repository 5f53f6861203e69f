/**
 * Nginx in a container: the engine says where it is, its own program tests and dumps inside, and a signal to the master
 * makes it read its files anew. What was seen of the container last is what each question is about.
 */
import type { Container } from "../../core/containers/container.ts";
import type { Limits } from "../../core/settings/settings.ts";
import type { ContainerTargetSetting } from "../../core/settings/targets.ts";
import type { Target } from "../../ports.ts";
import { openCopies } from "../containers/copies.ts";
import type { Engine } from "../containers/engine.ts";
import { identifyInner, logFiles } from "../containers/files.ts";
import { markContainerLogs } from "../containers/log.ts";
import { openLookup } from "../containers/lookup.ts";
import { innerNginx } from "../containers/nginx.ts";
import {
  findObstruction,
  singleFiles,
  type SingleFile,
} from "../containers/obstruction.ts";
import { localPath } from "../containers/paths.ts";
import { answers, isShared, reach } from "../containers/reach.ts";
import { localAddresses } from "./host.ts";

export interface ContainerTargetOptions {
  readonly name: string;
  readonly engine: Engine;
  readonly setting: Pick<
    ContainerTargetSetting,
    "nginx" | "addresses" | "paths"
  >;
  /** As it was found when targets were looked for. */
  readonly container: Container;
  /** Ours, where livecert runs in a container of the same engine. */
  readonly own: Container | null;
  readonly limits: Pick<
    Limits,
    "nginxCommandMs" | "reloadCommandMs" | "engineMs"
  >;
  /** Whether an address is in the network of one of our interfaces. */
  readonly isRouted: (address: string) => boolean;
  /** Where certificates are copied to that no mount shows; null: nothing may be written. */
  readonly copyDirectory: string | null;
}

export interface ContainerTarget extends Target {
  readonly kind: "container";
  /** For `doctor`: as it was last seen. */
  readonly container: Container;
  /** Files that are mounted one by one, which a renewal will unhinge. */
  singleFiles(paths: readonly string[]): readonly SingleFile[];
}

/** How long a reload may take to be told of in the container's log. */
const logMs = 60_000;

export function containerTarget(
  options: ContainerTargetOptions,
): ContainerTarget {
  const { name, engine, setting, limits } = options;
  const copies = openCopies(options.copyDirectory);
  const lookup = openLookup(options);
  const { nginx: program } = setting;
  const soon = (): AbortSignal => AbortSignal.timeout(limits.engineMs);
  return {
    name,
    kind: "container",
    get container() {
      return lookup.seen.container;
    },
    inspect: (signal) => lookup.again(signal),
    ...innerNginx(lookup, { engine, program, copies, limits }),
    generation: (master) => lookup.seen.processes.generation(master, soon()),
    isStarting: (master) => lookup.seen.processes.isStarting(master, soon()),
    isBusy: (master) => lookup.seen.processes.isBusy(master, soon()),
    markErrorLogs: ({ errorLogs }) =>
      markContainerLogs({
        engine,
        container: lookup.seen.container,
        innerPid: lookup.seen.sighting?.master.innerPid ?? null,
        files: logFiles(errorLogs, lookup.seen.files),
        signal: AbortSignal.timeout(logMs),
      }),
    localAddresses: () =>
      isShared(lookup.seen, options)
        ? localAddresses()
        : lookup.seen.container.addresses,
    reach: (address) => reach(address, lookup.seen, options),
    answers: (point, connection, master) =>
      answers(point, connection, master, { seen: lookup.seen, options }),
    localPath: (path) =>
      localPath(path, lookup.seen.files) ?? copies.pathOf(path),
    identify: (paths) => identifyInner(paths, lookup.seen.files),
    obstruction: (path) =>
      findObstruction(path, lookup.seen, {
        engine,
        timeoutMs: limits.engineMs,
      }),
    singleFiles: (paths) => singleFiles(paths, lookup.seen.files),
  };
}
