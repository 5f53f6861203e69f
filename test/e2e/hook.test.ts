import { existsSync } from "node:fs";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HostBed } from "../support/host.ts";
import { livecertProgram } from "../support/livecert.ts";
import { serverBlock } from "../support/nginx.ts";
import { holdersOf } from "../support/processes.ts";
import { mustRun, run, start } from "../support/run.ts";
import { waitFor } from "../support/wait.ts";

/** Neither the lineage's name nor the subject is ASCII, as both may be. */
const name = "b\u00fccher";
const subject = { commonName: "B\u00fccher \u4e66 GmbH" };
let host: HostBed;
let address: string;

beforeAll(async () => {
  host = await HostBed.create();
  address = await host.nginx.address();
  await host.renew(name, subject);
  await host.nginx.configure({ http: blocks() });
  await host.nginx.start();
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

function blocks(): string {
  const listen = [`${address} ssl`];
  const pairs = [host.pair(name)];
  const include = `include "${host.nginx.prefix}/conf.d/*.conf";\n`;
  return include + serverBlock({ listen, names: ["b.example.test"], pairs });
}

/** Nothing but what Certbot sets. */
const environment = () => ({ RENEWED_LINEAGE: host.certbot.live(name) });

function command(...args: readonly string[]): string {
  return host.livecert.hookCommand("--roots", host.pki.rootFile, ...args);
}

/** What is no ASCII in bytes that were read as Latin-1. */
async function strange(file: string): Promise<readonly string[]> {
  return (await readFile(file, "latin1")).match(/[^\t\n -~]/g) ?? [];
}

describe("livecert hook", () => {
  it.each([
    { options: [] },
    { options: ["--log-level", "debug"] },
    { options: ["--json"] },
  ])(
    "prints ASCII only with $options, whatever names, subjects and Nginx's words hold",
    async ({ options }) => {
      const output = join(host.directory, "output");
      const hook = `${command(...options)} >'${output}' 2>&1`;
      await host.renew(name, subject);
      await mustRun("/bin/sh", ["-c", hook], { environment: environment() });
      expect(await readFile(output, "utf8")).toMatch(/b\\u00fccher.*deployed/s);
      expect(await strange(output)).toEqual([]);

      const directory = join(host.nginx.prefix, "conf.d");
      const file = Buffer.concat([
        Buffer.from(`${directory}/caf`),
        Buffer.from([0xe9]),
        Buffer.from(".conf"),
      ]);
      await mkdir(directory, { recursive: true });
      await writeFile(file, "frobnicate_\u00e4 on;\n");
      await host.renew(name, subject);
      const refused = await run("/bin/sh", ["-c", hook], {
        environment: environment(),
      });
      await writeFile(file, "");
      expect(refused.exitCode).toBe(4);
      expect(await readFile(output, "utf8")).toContain("frobnicate_");
      expect(await strange(output)).toEqual([]);
    },
  );

  it("deploys with an empty environment, without even a PATH", async () => {
    await host.renew(name, subject);
    const result = await run(
      process.execPath,
      [
        ...[livecertProgram, "hook", ...host.livecert.options],
        ...["--roots", host.pki.rootFile],
      ],
      { environment: environment() },
    );
    expect(result.stdout).toContain("deployed");
    expect(result.exitCode).toBe(0);
    expect(await servesOnDisk()).toBe(true);
  });

  it("reads nothing from its standard input", async () => {
    await host.renew(name, subject);
    const { stdout } = await mustRun("/bin/sh", ["-c", `${command()}; cat`], {
      environment: environment(),
      input: "yes\n",
    });
    expect(stdout).toContain("deployed");
    expect(stdout.endsWith("\nyes\n")).toBe(true);
  });

  it("keeps the program compiled for the next, as deploy does unless it only tries", async () => {
    const { runDirectory } = host.livecert;
    const hook = join(runDirectory, "hook.code");
    const deploy = join(runDirectory, "deploy.code");
    await rm(hook, { force: true });
    await host.renew(name, subject);
    const keptBy = async (kept: string, words: readonly string[]) => {
      const { exitCode } = await host.livecert.run(words, {
        environment: environment(),
      });
      expect(exitCode).toBe(0);
      return existsSync(kept) ? (await stat(kept)).ino : null;
    };
    const first = await keptBy(hook, ["hook"]);
    expect(first).not.toBeNull();
    // V8 has accepted it, or it would have been written again.
    expect(await keptBy(hook, ["hook"])).toBe(first);
    expect(await keptBy(deploy, ["deploy", "--dry-run"])).toBeNull();
    const second = await keptBy(deploy, ["deploy"]);
    expect(second).not.toBeNull();
    expect(await keptBy(deploy, ["deploy"])).toBe(second);
  });

  it("leaves nothing running that holds its output", async () => {
    const output = join(host.directory, "held");
    const redirected = `>'${output}' 2>&1`;
    const sleeper = await start("/bin/sh", [
      "-c",
      `exec sleep 60 ${redirected}`,
    ]);
    const holders = await waitFor("a process that holds the file", async () => {
      const pids = await holdersOf(output);
      return pids.length > 0 && pids;
    });
    expect(holders).toEqual([sleeper.pid]);
    sleeper.signal("SIGKILL");
    await sleeper.ended;

    await host.renew(name, subject);
    await mustRun("/bin/sh", ["-c", `${command()} ${redirected}`], {
      environment: environment(),
    });
    expect(await holdersOf(output)).toEqual([]);
    expect(await readFile(output, "utf8")).toContain("deployed");
  });
});

function servesOnDisk(): Promise<boolean> {
  return host.isLive(name, address);
}
