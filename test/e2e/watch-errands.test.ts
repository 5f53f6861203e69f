/** The watcher lets children work for it: what becomes of it where one of them, or the watcher itself, goes. */
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { HostBed } from "../support/host.ts";
import { livecertProgram } from "../support/livecert.ts";
import {
  childrenOf,
  hasEnded,
  type ProcessEntry,
} from "../support/processes.ts";
import { start } from "../support/run.ts";
import { goesLive, serveNames } from "../support/serve.ts";
import { waitFor } from "../support/wait.ts";
import { WatcherBed } from "../support/watcher.ts";

const { version } = packageJson;
const name = "errand.example.test";

function runningErrand(pid: number): Promise<ProcessEntry> {
  return waitFor("a child runs", () => {
    const children = childrenOf(pid);
    return children.find(({ title }) => / errand run /.test(title)) ?? null;
  });
}

describe("livecert watch and its children", () => {
  it("takes up again what a child had under way that was killed", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert);
    await host.renew(name);
    const child = await runningErrand(watcher.pid);
    process.kill(child.pid, "SIGKILL");
    await goesLive(host, name, address);
    await watcher.says("runs come to their end again");
    const broken = watcher.lines.find(
      ({ msg }) => msg === "a run did not come to its end",
    );
    expect(broken).toMatchObject({ reason: "the child was killed by SIGKILL" });
    expect(await host.nginx.reconfigurations()).toBe(1);
  });

  it("takes its child along when it is killed", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert);
    await host.renew(name);
    const child = await runningErrand(watcher.pid);
    await watcher.kill();
    await waitFor("the child has ended", () => hasEnded(child.pid));
    await using next = await WatcherBed.start(host.livecert);
    await goesLive(host, name, address);
    expect(next.text).not.toContain('"level":50');
  });

  it("ends, to be started anew, when its program has become another version", async () => {
    await using host = await HostBed.create();
    await serveNames(host, [name]);
    const program = join(host.directory, "livecert.js");
    await cp(livecertProgram, program);
    const watcher = await start(
      process.execPath,
      [program, "watch", ...host.livecert.options],
      { environment: host.livecert.environment() },
    );
    await host.livecert.firstPresence(watcher.pid);
    const text = await readFile(program, "utf8");
    // As long as ours, since the program's parts are found by their places.
    await writeFile(program, text.replaceAll(`"${version}"`, '"9.9.9"'));
    process.kill(watcher.pid, "SIGHUP");
    const { exitCode, stderr } = await watcher.ended;
    expect(exitCode).toBe(1);
    expect(stderr).toContain(
      `livecert: error: ${program} is livecert 9.9.9 by now, this watcher `,
    );
  });
});
