/** What the checks look at. Readings that several checks need are taken once, when first asked for. */
import { hostname } from "node:os";
import { join } from "node:path";
import { readdir } from "node:fs/promises";
import {
  listLineages,
  type LineageListing,
} from "../adapters/certbot/lineages.ts";
import {
  parseRenewalConfiguration,
  type RenewalConfiguration,
} from "../adapters/certbot/renewal.ts";
import { readFileBounded } from "../adapters/files/read-file.ts";
import { readMounts, type Mount } from "../adapters/files/mounts.ts";
import { isSystemdRunning } from "../adapters/systemd/units.ts";
import type { Found, HostTarget } from "../adapters/targets/host.ts";
import type { FileIdentity } from "../core/lineage/lineage.ts";
import type { NginxModel } from "../core/nginx/model.ts";
import { readModel } from "../core/nginx/read-model.ts";
import { redact } from "../core/report/redact.ts";
import type { Settings } from "../core/settings/settings.ts";
import { LivecertError } from "../errors.ts";
import type { DumpResult, Target, TargetState } from "../ports.ts";
import type { EngineView } from "./containers.ts";

export interface Machine {
  readonly settings: Settings;
  readonly host: HostTarget;
  readonly signal: AbortSignal;
  readonly isRoot: boolean;
  /** systemd runs this machine. */
  readonly hasSystemd: boolean;
  nginx(): Promise<NginxView>;
  lineages(): Promise<LineageListing>;
  renewals(): Promise<readonly Renewal[]>;
  /** Of our own mount namespace and of Nginx's. */
  mounts(): Promise<readonly Mount[]>;
  /** The host's own Nginx is one of the targets. */
  isHostMeant(): Promise<boolean>;
  /** Every container that is looked after, with its Nginx. */
  containers(): Promise<readonly ContainerView[]>;
  /** The container engines that were found, asked. */
  engines(): Promise<readonly EngineView[]>;
}

/** One container's Nginx, as far as it could be asked. */
export interface ContainerView {
  readonly target: Target;
  readonly state: TargetState;
  /** null: not asked, since it does not run. */
  readonly dump: DumpResult | null;
  readonly model: NginxModel | null;
}

/** The host's Nginx, as far as it could be asked. */
export interface NginxView {
  readonly state: TargetState;
  /** A setting names what does not exist or what others could change. */
  readonly refusal: LivecertError | null;
  readonly found: Found | null;
  /** null: not asked, since Nginx does not run. */
  readonly dump: DumpResult | null;
  readonly model: NginxModel | null;
  /** The configuration files. */
  readonly files: readonly FileIdentity[];
}

/** `renewal/NAME.conf`. */
export interface Renewal {
  readonly name: string;
  readonly path: string;
  readonly text: string;
  readonly configuration: RenewalConfiguration;
}

export function openMachine(given: {
  readonly settings: Settings;
  readonly host: HostTarget;
  readonly signal: AbortSignal;
  /** Asked once. */
  readonly findTargets: () => Promise<readonly Target[]>;
  readonly askEngines: () => Promise<readonly EngineView[]>;
}): Machine {
  const { settings, host, signal, askEngines } = given;
  const targets = once(given.findTargets);
  const nginx = once(() => viewNginx(host, signal));
  return {
    settings,
    host,
    signal,
    isRoot: process.geteuid?.() === 0,
    hasSystemd: isSystemdRunning(),
    nginx,
    lineages: once(() => listLineages(settings.certbotDir)),
    renewals: once(() => readRenewals(settings.certbotDir)),
    mounts: once(async () => allMounts(await nginx())),
    isHostMeant: async () => (await targets()).includes(host),
    containers: once(async () => {
      const inside = (await targets()).filter(
        ({ kind }) => kind === "container",
      );
      return Promise.all(inside.map((target) => viewTarget(target, signal)));
    }),
    engines: once(askEngines),
  };
}

function once<Result>(take: () => Promise<Result>): () => Promise<Result> {
  let taken: Promise<Result> | null = null;
  return () => (taken ??= take());
}

/** Never runs `nginx -T` while Nginx is stopped: that would leave an empty pid file. */
async function viewNginx(
  host: HostTarget,
  signal: AbortSignal,
): Promise<NginxView> {
  const nothing = { dump: null, model: null, files: [] };
  try {
    const state = await host.inspect(signal);
    const seen = { state, refusal: null, found: host.found };
    if (state.kind !== "running") return { ...seen, ...nothing };
    const dump = await host.dump(signal);
    if (dump.kind !== "ok") return { ...seen, ...nothing, dump };
    const { prefix } = dump;
    const model = readModel(dump.text, { prefix, hostname: hostname() });
    const files = await host.identify(model.files);
    return { ...seen, dump, model, files };
  } catch (error) {
    if (!(error instanceof LivecertError)) throw error;
    const state = { kind: "absent", reason: redact(error.message) } as const;
    return { state, refusal: error, found: null, ...nothing };
  }
}

async function viewTarget(
  target: Target,
  signal: AbortSignal,
): Promise<ContainerView> {
  const state = await target.inspect(signal);
  const unasked = { target, state, dump: null, model: null };
  if (state.kind !== "running") return unasked;
  const dump = await target.dump(signal);
  if (dump.kind !== "ok") return { ...unasked, dump };
  const { prefix, text } = dump;
  const model = readModel(text, { prefix, hostname: hostname() });
  return { target, state, dump, model };
}

async function readRenewals(certbotDir: string): Promise<readonly Renewal[]> {
  const directory = join(certbotDir, "renewal");
  const names = (await readdir(directory).catch(() => [])).sort();
  const renewals = await Promise.all(
    names.map(async (file) => {
      const name = /^(.+)\.conf$/.exec(file)?.[1];
      if (name === undefined) return [];
      const path = join(directory, file);
      const reading = await readFileBounded(path);
      if (reading.kind !== "read") return [];
      const text = Buffer.from(reading.content).toString("utf8");
      const configuration = parseRenewalConfiguration(text);
      return [{ name, path, text, configuration }];
    }),
  );
  return renewals.flat();
}

async function allMounts({ found }: NginxView): Promise<readonly Mount[]> {
  const own = await readMounts("self");
  const master = found?.master ?? null;
  return master === null ? own : [...own, ...(await readMounts(master.pid))];
}
