import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { NginxModel } from "../../../src/core/nginx/model.ts";
import { readModel } from "../../../src/core/nginx/read-model.ts";

const fixtures = new URL("../../fixtures/nginx/", import.meta.url).pathname;

/** What `nginx -T` prints for files in this order: a marker, the bytes, one more line end. */
export function dumpOf(files: Readonly<Record<string, string>>): string {
  return Object.entries(files)
    .map(([path, text]) => `# configuration file ${path}:\n${text}\n`)
    .join("");
}

/**
 * The files of a folder below test/fixtures/nginx as they would lie in /etc/nginx.
 *
 * @param order of opening; by default the main file and then the others by name
 */
export function fixtureFiles(
  name: string,
  order?: readonly string[],
): Readonly<Record<string, string>> {
  const folder = join(fixtures, name);
  const found = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".conf") || path.endsWith(".map"))
    .sort((left, right) => rank(left).localeCompare(rank(right)));
  return Object.fromEntries(
    (order ?? found).map((path) => [
      `/etc/nginx/${path}`,
      readFileSync(join(folder, path), "utf8"),
    ]),
  );
}

function rank(path: string): string {
  return path === "nginx.conf" ? "" : path;
}

export function fixtureModel(
  name: string,
  order?: readonly string[],
): NginxModel {
  return modelOf(fixtureFiles(name, order));
}

export function modelOf(files: Readonly<Record<string, string>>): NginxModel {
  return readModel(dumpOf(files), {
    prefix: "/usr/share/nginx",
    hostname: "Machine.Example",
  });
}

/** A main configuration file with this http block. */
export function modelOfHttp(http: string): NginxModel {
  return modelOf({
    "/etc/nginx/nginx.conf": `events {}\nhttp {\n${http}\n}\n`,
  });
}
