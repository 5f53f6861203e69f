/**
 * Which Nginx program is the host's, and what was compiled into it. As root, livecert runs only a program that nobody
 * but root could have put there: a user's own `nginx` early in PATH is passed over.
 */
import {
  accessSync,
  closeSync,
  constants,
  openSync,
  readSync,
  realpathSync,
  statSync,
} from "node:fs";
import { basename, isAbsolute, join } from "node:path";
import { LivecertError } from "../../errors.ts";
import { describeEnd, runProgram } from "../process/run.ts";
import { checkOwnership } from "../process/trust.ts";

/** Nginx and its forks, in the order of preference. */
export const nginxNames = [
  "nginx",
  "openresty",
  "angie",
  "tengine",
  "freenginx",
  "nginx-debug",
] as const;

/** Where packages and `make install` put them; PATH comes after, since a hook's or a service's may be bare. */
export const nginxDirectories = [
  "/usr/sbin",
  "/usr/bin",
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/local/nginx/sbin",
  "/usr/local/openresty/nginx/sbin",
  "/usr/local/angie/sbin",
  "/usr/local/tengine/sbin",
  "/opt/nginx/sbin",
] as const;

export interface NginxBinary {
  /** Absolute, all links followed. */
  readonly path: string;
  /** Changes with the file: the key under which its compiled-in defaults may be kept. */
  readonly identity: string;
  /** A wrapper in the program's place: what then runs is another executable. */
  readonly isScript: boolean;
}

export interface BinarySearch {
  /** Those that may be run, in the order of preference. */
  readonly binaries: readonly NginxBinary[];
  /** Why others may not, one sentence each. */
  readonly refused: readonly string[];
}

/** What `configure` was told. Paths may be relative: Nginx resolves them against its prefix when it starts. */
export interface CompiledDefaults {
  /** As printed: `nginx/1.22.1`, `openresty/1.27.1.1`, `Angie/1.8.0`. */
  readonly version: string;
  readonly prefix: string;
  readonly configuration: string;
  readonly pidFile: string;
  /** Null: standard error. */
  readonly errorLog: string | null;
}

export type DefaultsReading =
  | { readonly kind: "ok"; readonly defaults: CompiledDefaults }
  | { readonly kind: "failed"; readonly reason: string };

/** Keeps compiled-in defaults by `NginxBinary.identity`, since `nginx -V` costs as much as a handshake. */
export interface DefaultsCache {
  get(identity: string): CompiledDefaults | null;
  set(identity: string, defaults: CompiledDefaults): Promise<void>;
}

/**
 * The program that was set.
 *
 * @throws LivecertError `nginx-not-found` where it does not exist, `configuration-unsafe` where others could change it.
 */
export async function configuredBinary(path: string): Promise<NginxBinary> {
  const found = readBinary(path);
  if (found === null)
    throw new LivecertError(
      "nginx-not-found",
      `${path} is no program that can be run`,
      { remedy: "set --nginx-bin to the Nginx program that is running" },
    );
  const ownership = await checkOwnership(path);
  if (ownership.kind === "untrusted")
    throw new LivecertError("configuration-unsafe", ownership.reason, {
      remedy: `make ${path} and every directory above it writable by root only`,
    });
  return found;
}

/** Every known name in the known directories and then in `searchPath` (the value of PATH). */
export async function searchBinaries(
  searchPath: string,
  directories: readonly string[] = nginxDirectories,
): Promise<BinarySearch> {
  const places = new Set([
    ...directories,
    ...searchPath.split(":").filter((directory) => isAbsolute(directory)),
  ]);
  const paths = nginxNames.flatMap((name) =>
    [...places].map((directory) => join(directory, name)),
  );
  const binaries = new Map<string, NginxBinary>();
  const refused: string[] = [];
  for (const path of paths) {
    const binary = readBinary(path);
    if (binary === null || binaries.has(binary.path)) continue;
    const ownership = await checkOwnership(path);
    if (ownership.kind === "trusted") binaries.set(binary.path, binary);
    else refused.push(`${path} is not run: ${ownership.reason}`);
  }
  return { binaries: [...binaries.values()], refused };
}

/** True for the executables of Nginx and its forks, by their file name alone. */
export function isNginxName(executable: string): boolean {
  const name = basename(executable.replace(/ \(deleted\)$/, ""));
  return nginxNames.some((known) => known === name);
}

/** `nginx -V`: harmless at any time, it reads no configuration. */
export async function readDefaults(
  binary: NginxBinary,
  options: {
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
    readonly cache: DefaultsCache;
  },
): Promise<DefaultsReading> {
  const known = options.cache.get(binary.identity);
  if (known !== null) return { kind: "ok", defaults: known };
  const result = await runProgram({
    program: binary.path,
    args: ["-V"],
    timeoutMs: options.timeoutMs,
    signal: options.signal,
    maxOutputBytes: 1024 * 1024,
  });
  if (result.kind !== "exited" || result.exitCode !== 0)
    return {
      kind: "failed",
      reason: `${binary.path} -V ${describeEnd(result)}`,
    };
  const defaults = parseDefaults(result.stderr);
  if (defaults === null)
    return {
      kind: "failed",
      reason: `${binary.path} -V does not answer as an Nginx does`,
    };
  // What a script starts may change while the script stays as it is.
  if (!binary.isScript) await options.cache.set(binary.identity, defaults);
  return { kind: "ok", defaults };
}

/** A cache for the life of this process. */
export function memoryCache(): DefaultsCache {
  const kept = new Map<string, CompiledDefaults>();
  return {
    get: (identity) => kept.get(identity) ?? null,
    set(identity, defaults) {
      kept.set(identity, defaults);
      return Promise.resolve();
    },
  };
}

/** Null for the output of another program. The fallbacks are those of Nginx's and Angie's auto/options. */
export function parseDefaults(output: string): CompiledDefaults | null {
  const version = /^\w+ version: (\S+)/m.exec(output)?.[1];
  const line = /^configure arguments:(.*)$/m.exec(output)?.[1];
  if (version === undefined || line === undefined) return null;
  const given = configureOptions(line);
  const name = version.startsWith("Angie/") ? "angie" : "nginx";
  const errorLog = given.get("error-log-path") ?? "logs/error.log";
  return {
    version,
    prefix: given.get("prefix") ?? `/usr/local/${name}`,
    configuration: given.get("conf-path") ?? `conf/${name}.conf`,
    pidFile: given.get("pid-path") ?? `logs/${name}.pid`,
    errorLog: errorLog === "stderr" ? null : errorLog,
  };
}

/** `--with-cc-opt='-O2 -g' --prefix=/x`: values with spaces are in single quotes. */
function configureOptions(line: string): ReadonlyMap<string, string> {
  const words = line.match(/(?:[^\s']|'[^']*')+/g) ?? [];
  return new Map(
    words.flatMap((word): readonly [string, string][] => {
      const option = /^--([\w-]+)=(.*)$/s.exec(word.replaceAll("'", ""));
      return option === null ? [] : [[option[1] ?? "", option[2] ?? ""]];
    }),
  );
}

/** Without promises: a search asks for a hundred paths, nearly all of which do not exist. */
function readBinary(path: string): NginxBinary | null {
  try {
    const file = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (file?.isFile() !== true) return null;
    accessSync(path, constants.X_OK);
    const resolved = realpathSync(path);
    const { dev, ino, size, mtimeNs, ctimeNs } = file;
    return {
      path: resolved,
      identity: [resolved, dev, ino, size, mtimeNs, ctimeNs].join(":"),
      isScript: beginsAsScript(resolved),
    };
  } catch {
    return null;
  }
}

/** `#!`, see execve(2). */
function beginsAsScript(path: string): boolean {
  const file = openSync(path, "r");
  try {
    const start = Buffer.alloc(2);
    readSync(file, start, 0, 2, 0);
    return start.toString("latin1") === "#!";
  } finally {
    closeSync(file);
  }
}
