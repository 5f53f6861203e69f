/**
 * The host's Nginx as far as it can be known without running it: which program, which configuration, which pid file.
 * Several may be installed (a distribution's and OpenResty, say); the one that runs is the one that is meant.
 */
import { resolve } from "node:path";
import type { Settings } from "../../core/settings/settings.ts";
import { LivecertError } from "../../errors.ts";
import { checkOwnership } from "../process/trust.ts";
import {
  type CompiledDefaults,
  configuredBinary,
  type DefaultsCache,
  type NginxBinary,
  nginxDirectories,
  readDefaults,
  searchBinaries,
} from "./binary.ts";
import { readPidDirective } from "./main-context.ts";

/** A program, its defaults, and the configuration that livecert looks after. All paths absolute. */
export interface Installation {
  readonly binary: NginxBinary;
  readonly defaults: CompiledDefaults;
  readonly configuration: string;
  readonly prefix: string;
  /** True where the prefix was set, so that a master with another one is not ours. */
  readonly prefixIsSet: boolean;
  readonly pidFile: string;
}

export interface InstallationSearch {
  readonly settings: Settings["nginx"];
  /** For `nginx -V`. */
  readonly timeoutMs: number;
  readonly cache: DefaultsCache;
  /** The value of PATH. */
  readonly searchPath: string;
  /** Looked through before `searchPath`; by default where Nginx and its forks are installed. */
  readonly directories?: readonly string[] | undefined;
}

export type FoundInstallation =
  | { readonly kind: "found"; readonly installation: Installation }
  /** Its program does not answer as an Nginx should. */
  | { readonly kind: "unusable"; readonly reason: string };

export interface Installations {
  readonly found: AsyncIterable<FoundInstallation>;
  /** Programs that may not be run, one sentence each. */
  readonly refused: readonly string[];
}

/**
 * The installations in the order of preference, each read when it is reached.
 *
 * @throws LivecertError `nginx-not-found` or `configuration-unsafe`, also while they are read, where a setting names what
 *   does not exist or what others could change.
 */
export async function findInstallations(
  search: InstallationSearch,
  signal: AbortSignal,
): Promise<Installations> {
  const { bin } = search.settings;
  const { binaries, refused } =
    bin === null
      ? await searchBinaries(
          search.searchPath,
          search.directories ?? nginxDirectories,
        )
      : { binaries: [await configuredBinary(bin)], refused: [] };
  return { found: readInstallations(search, binaries, signal), refused };
}

async function* readInstallations(
  search: InstallationSearch,
  binaries: readonly NginxBinary[],
  signal: AbortSignal,
): AsyncIterable<FoundInstallation> {
  for (const binary of binaries)
    yield await readInstallation(search, binary, signal);
}

async function readInstallation(
  search: InstallationSearch,
  binary: NginxBinary,
  signal: AbortSignal,
): Promise<FoundInstallation> {
  const { timeoutMs, cache, settings } = search;
  const reading = await readDefaults(binary, { timeoutMs, signal, cache });
  if (reading.kind === "failed")
    return { kind: "unusable", reason: reading.reason };
  const { defaults } = reading;
  const prefix = settings.prefix ?? defaults.prefix;
  const configuration = resolve(
    prefix,
    settings.conf ?? defaults.configuration,
  );
  if (settings.conf !== null) await checkConfiguration(configuration);
  const pid = readPidDirective(configuration);
  const installation = {
    binary,
    defaults,
    configuration,
    prefix,
    prefixIsSet: settings.prefix !== null,
    pidFile: resolve(prefix, pid ?? defaults.pidFile),
  };
  return { kind: "found", installation };
}

async function checkConfiguration(path: string): Promise<void> {
  const ownership = await checkOwnership(path);
  if (ownership.kind === "trusted") return;
  throw new LivecertError("configuration-unsafe", ownership.reason, {
    remedy:
      "set --nginx-conf to a file that, like every directory above it, only root can write to",
  });
}
