/** What the tests of the host's target share: a target for a bed, and directories with a program in them. */
import { chmod, copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Settings } from "../../src/core/settings/settings.ts";
import {
  hostTarget,
  type HostTarget,
  type HostTargetOptions,
} from "../../src/adapters/targets/host.ts";
import { nginxProgram } from "../support/nginx.ts";

export const signal = new AbortController().signal;

const settings: Settings["nginx"] = {
  bin: nginxProgram,
  conf: null,
  prefix: null,
  reloadBy: "signal",
  unit: "nginx.service",
};

/** A target with these settings; limits wide enough for a busy machine. */
export function targetWith(
  given: Partial<Settings["nginx"]>,
  options: Partial<Omit<HostTargetOptions, "settings">> = {},
): HostTarget {
  return hostTarget({
    settings: { ...settings, ...given },
    limits: { nginxCommandMs: 20_000, reloadCommandMs: 20_000 },
    ...options,
  });
}

/** A bare configuration of its own in `directory`, with the pid file `nginx.pid` there. */
export async function writeConfiguration(
  directory: string,
  options: { readonly main?: string; readonly http?: string } = {},
): Promise<string> {
  const configuration = join(directory, "nginx.conf");
  await mkdir(join(directory, "tmp"), { recursive: true });
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${join(directory, "tmp", name)};`,
  );
  await writeFile(
    configuration,
    [
      options.main ?? `pid ${join(directory, "nginx.pid")};`,
      "worker_processes 2;",
      `error_log ${join(directory, "error.log")};`,
      "events { worker_connections 64; }",
      `http { access_log off; ${temporary.join(" ")} ${options.http ?? ""} }`,
      "",
    ].join("\n"),
  );
  return configuration;
}

/** Installs a program of test/fixtures/programs under the name `nginx`, or another one, and returns its path. */
export async function installFixture(
  directory: string,
  fixture: string,
  name = "nginx",
): Promise<string> {
  const source = new URL(`../fixtures/programs/${fixture}`, import.meta.url);
  const program = join(directory, name);
  await copyFile(fileURLToPath(source), program);
  await chmod(program, 0o755);
  return program;
}
