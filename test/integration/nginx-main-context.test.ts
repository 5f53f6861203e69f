import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  pidDirective,
  readPidDirective,
} from "../../src/adapters/nginx/main-context.ts";
import { mustRun } from "../support/run.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** The `pid` that is found when `nginx.conf` is the first of these files. */
async function pidOf(files: Readonly<Record<string, string>>) {
  await using temporary = await temporaryDirectory();
  for (const [name, text] of Object.entries(files)) {
    const path = join(temporary.path, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  return readPidDirective(join(temporary.path, "nginx.conf"));
}

describe("the pid directive", () => {
  it.each([
    ["in the file itself", { "nginx.conf": "user a;\npid /a.pid;" }, "/a.pid"],
    ["with quotes", { "nginx.conf": 'pid "/my dir/a.pid";' }, "/my dir/a.pid"],
    [
      "in a file that a pattern names, relative to the main file's directory",
      {
        "nginx.conf": "include modules-*/*.conf;",
        "modules-a/1.conf": "include more/pid.inc;",
        "modules-a/.hidden.conf": "pid /hidden.pid;",
        "more/pid.inc": "pid run/b.pid;",
      },
      "run/b.pid",
    ],
  ])("is found %s", async (_, files, pid) => {
    expect(await pidOf(files)).toBe(pid);
  });

  it.each([
    ["in a comment", { "nginx.conf": "# pid /a.pid;" }],
    ["in a block", { "nginx.conf": "http { pid /a.pid; }" }],
    [
      "in a file that only a block includes",
      { "nginx.conf": "http { include a; }", a: "pid /a.pid;" },
    ],
    ["in an included file that is missing", { "nginx.conf": "include a;" }],
    [
      "in a file that includes itself",
      { "nginx.conf": "include nginx.conf; include ngin*;" },
    ],
    ["where there is no file", {}],
  ])("is not found %s", async (_, files) => {
    expect(await pidOf(files)).toBeNull();
  });

  it("does not wait for a pipe in the place of a file", async () => {
    await using temporary = await temporaryDirectory();
    const path = join(temporary.path, "nginx.conf");
    await mustRun("mkfifo", [path]);
    expect(readPidDirective(path)).toBeNull();
  });

  it("is found among the directives of -g", () => {
    expect(pidDirective("daemon off; pid /a.pid;")).toBe("/a.pid");
    expect(pidDirective("daemon off;")).toBeNull();
  });
});
