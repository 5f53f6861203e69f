/**
 * Which container engine the user's own command line would talk to, found without asking any: `DOCKER_HOST`, the Docker
 * context that is in use, the sockets at their usual places, Podman's among them. Where there is no engine this costs a few
 * looks at names, since every hook pays for it.
 * Source: https://docs.docker.com/engine/manage-resources/contexts/
 */
import { createHash } from "node:crypto";
import { readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { textAt, valueAt } from "../../core/containers/container.ts";

export type Endpoint =
  | { readonly kind: "socket"; readonly path: string; readonly name: string }
  | {
      readonly kind: "tcp";
      readonly host: string;
      readonly port: number;
      /** Directory with `ca.pem`, `cert.pem` and `key.pem`; null: no TLS. */
      readonly certificates: string | null;
      readonly name: string;
    }
  /** Named, and nothing that livecert can talk to. */
  | {
      readonly kind: "unsupported";
      readonly name: string;
      readonly reason: string;
    };

export type Environment = Readonly<Record<string, string | undefined>>;

/** Those that answer for what nobody configured. A socket counts where root or our own user owns it. */
export function findEndpoints(environment: Environment): readonly Endpoint[] {
  const named = namedEndpoint(environment);
  if (named !== null) return [named];
  const sockets = usualSockets(environment).flatMap((path) => {
    const found = lookAtSocket(path);
    return found?.isTrusted === true ? [{ path, real: found.real }] : [];
  });
  const distinct = new Map(sockets.map(({ path, real }) => [real, path]));
  return [...distinct.values()].map(socketEndpoint);
}

/** `unix:///run/docker.sock`, a plain path, `tcp://host:port`; what a setting or `DOCKER_HOST` says. */
export function parseEndpoint(
  text: string,
  certificates: string | null,
): Endpoint {
  const path = /^(?:unix:(?:\/\/)?)?(\/.+)$/.exec(text)?.[1];
  if (path !== undefined) return socketEndpoint(path);
  const [, host, port] =
    /^tcp:\/\/(\[[0-9a-fA-F:.]+\]|[^:/]+)(?::(\d+))?\/?$/.exec(text) ?? [];
  if (host !== undefined)
    return {
      kind: "tcp",
      host: host.replace(/^\[(.*)\]$/, "$1"),
      port: Number(port ?? (certificates === null ? "2375" : "2376")),
      certificates,
      name: text,
    };
  return {
    kind: "unsupported",
    name: text,
    reason: text.startsWith("ssh:")
      ? "livecert does not speak SSH to an engine: run it on that machine"
      : "an engine is reached at unix:///PATH or tcp://HOST:PORT",
  };
}

function socketEndpoint(path: string): Endpoint {
  return { kind: "socket", path, name: `unix://${path}` };
}

function namedEndpoint(environment: Environment): Endpoint | null {
  const host = environment["DOCKER_HOST"] ?? "";
  if (host !== "") return parseEndpoint(host, certificatesFrom(environment));
  const context = contextEndpoint(environment);
  if (context !== null) return context;
  const podman = environment["CONTAINER_HOST"] ?? "";
  return podman === "" ? null : parseEndpoint(podman, null);
}

function certificatesFrom(environment: Environment): string | null {
  if ((environment["DOCKER_TLS_VERIFY"] ?? "") === "") return null;
  const given = environment["DOCKER_CERT_PATH"] ?? "";
  return given === "" ? configurationDirectory(environment) : given;
}

function configurationDirectory(environment: Environment): string {
  const given = environment["DOCKER_CONFIG"] ?? "";
  return given === "" ? join(environment["HOME"] ?? "/root", ".docker") : given;
}

/** null: the default context. One that cannot be read is no leave to talk to another engine. */
function contextEndpoint(environment: Environment): Endpoint | null {
  const directory = configurationDirectory(environment);
  const name =
    environment["DOCKER_CONTEXT"] ??
    textAt(readJson(join(directory, "config.json")), "currentContext") ??
    "default";
  if (name === "default" || name === "") return null;
  const digest = createHash("sha256").update(name).digest("hex");
  const contexts = join(directory, "contexts");
  const meta = readJson(join(contexts, "meta", digest, "meta.json"));
  const host = textAt(valueAt(valueAt(meta, "Endpoints"), "docker"), "Host");
  if (host === null)
    return {
      kind: "unsupported",
      name: `the Docker context ${name}`,
      reason: `is not described in ${join(contexts, "meta")} (docker context ls)`,
    };
  const certificates = join(contexts, "tls", digest, "docker");
  return parseEndpoint(
    host,
    statOf(certificates) === null ? null : certificates,
  );
}

function usualSockets(environment: Environment): readonly string[] {
  const runtime = environment["XDG_RUNTIME_DIR"] ?? "";
  const ofUser =
    runtime === ""
      ? []
      : [join(runtime, "docker.sock"), join(runtime, "podman/podman.sock")];
  return ["/var/run/docker.sock", ...ofUser, "/run/podman/podman.sock"];
}

function lookAtSocket(
  path: string,
): { readonly real: string; readonly isTrusted: boolean } | null {
  const stats = statOf(path);
  if (stats?.isSocket() !== true) return null;
  const isTrusted = stats.uid === 0 || stats.uid === process.geteuid?.();
  return { real: realpathSync(path), isTrusted };
}

function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null;
  } catch {
    return null;
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return null;
  }
}
