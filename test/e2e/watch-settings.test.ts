/** A configuration file that is edited while `livecert watch` runs is taken up at a SIGHUP. */
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { WatcherReport } from "../../src/core/report/document.ts";
import { besideAnotherRun } from "../support/another-run.ts";
import { HostBed } from "../support/host.ts";
import { livecertProgram } from "../support/livecert.ts";
import { WebReceiver } from "../support/receivers.ts";
import { start } from "../support/run.ts";
import { goesLive, serveNames } from "../support/serve.ts";
import { ServiceManagerBed } from "../support/service-manager.ts";
import { waitFor } from "../support/wait.ts";
import { WatcherBed } from "../support/watcher.ts";

const name = "settled.example.test";

/** A JSON document is YAML too. */
async function configure(host: HostBed, configuration: object | string) {
  const file = join(host.directory, "livecert.yaml");
  const text =
    typeof configuration === "string"
      ? configuration
      : JSON.stringify(configuration);
  await writeFile(file, text, { mode: 0o600 });
  return { flags: ["--config", file] };
}

async function presence(host: HostBed): Promise<WatcherReport | null> {
  const file = join(host.livecert.runDirectory, "watcher.json");
  const text = await readFile(file, "utf8").catch(() => "");
  return text === "" ? null : (JSON.parse(text) as WatcherReport);
}

describe("SIGHUP, after an edit of the configuration", () => {
  it("makes the watcher work by it: where it answers, whom it tells, how often it looks, what it logs", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using receiver = await WebReceiver.start();
    const started = await configure(host, { http: "off" });
    await using watcher = await WatcherBed.start(host.livecert, started);
    expect((await presence(host))?.http).toBeNull();

    await configure(host, {
      http: "127.0.0.1:0",
      notify: [{ kind: "webhook", url: `${receiver.url}/hook` }],
      "log-level": "debug",
    });
    watcher.signal("SIGHUP");
    await watcher.says("the settings have changed");
    const { http } = await waitFor("it is there again", async () => {
      const report = await presence(host);
      return report?.http == null || report.lastRun === null ? null : report;
    });
    const answer = await fetch(`http://${String(http)}/healthz`);
    expect(answer.status).toBe(200);

    await host.renew(name);
    await goesLive(host, name, address);
    const files = await host.files([name]);
    await host.certbot.write(name, { ...files, fullchain: "none\n" });
    await waitFor("people are told", () => receiver.requests.length > 0);
    expect(watcher.lines.some(({ level }) => level === 20)).toBe(true);
    expect((await watcher.stop()).exitCode).toBe(0);
    expect(await presence(host)).toBeNull();
  });

  it("leaves it with the settings of before where the file is refused, and says so; the next edit mends that", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    const started = await configure(host, { http: "127.0.0.1:0" });
    await using watcher = await WatcherBed.start(host.livecert, started);
    await configure(host, "http: of\n");
    watcher.signal("SIGHUP");
    await watcher.says("the settings are refused, those of before stay");
    expect(watcher.lines.find(({ level }) => level === 50)).toMatchObject({
      reason: expect.stringContaining("livecert.yaml") as string,
      remedy: expect.stringContaining("livecert config") as string,
    });
    await watcher.says("asked to look everything through");
    await host.renew(name);
    await goesLive(host, name, address);
    expect((await presence(host))?.http).toMatch(/^127\.0\.0\.1:\d+$/);

    await configure(host, { http: "off" });
    watcher.signal("SIGHUP");
    await watcher.says("the settings have changed");
    await waitFor("it is there again", async () => {
      const report = await presence(host);
      return report?.http === null && report.lastRun !== null;
    });
  });

  it("leaves it with them also where the new ones are well-formed, and nothing can be kept by them", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    const { stateDirectory } = host.livecert;
    const unsafe = join(host.directory, "shared");
    await mkdir(unsafe);
    await chmod(unsafe, 0o777);
    const { flags } = await configure(host, { "state-dir": stateDirectory });
    const at = host.livecert.options.indexOf(stateDirectory);
    const program = await start(process.execPath, [
      ...[livecertProgram, "watch", ...flags],
      ...host.livecert.options.toSpliced(at - 1, 2),
    ]);
    try {
      await host.livecert.firstPresence(program.pid);
      await configure(host, { "state-dir": join(unsafe, "state") });
      process.kill(program.pid, "SIGHUP");
      await waitFor("the settings are refused", () =>
        program.stderr().includes("those of before stay"),
      );
      expect(program.stderr()).toContain("could be changed by others");
      await host.renew(name);
      await goesLive(host, name, address);
    } finally {
      program.signal("SIGTERM");
    }
    expect((await program.ended).exitCode).toBe(0);
  });

  it("lets a run that is under way come to its end", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using manager = await ServiceManagerBed.start();
    const started = await configure(host, { http: "off" });
    await using watcher = await WatcherBed.start(host.livecert, {
      ...started,
      environment: { ...process.env, NOTIFY_SOCKET: manager.socket },
    });
    await besideAnotherRun(host.livecert, async () => {
      await host.renew(name);
      await waitFor("its run waits", () => hasRunUnderWay(watcher.pid));
      await configure(host, { http: "off", limits: { lock: "11s" } });
      watcher.signal("SIGHUP");
      // Longer than a step gets to obey when the service is stopped.
      await setTimeout(4_000);
      expect(await hasRunUnderWay(watcher.pid)).toBe(true);
      expect(watcher.text).not.toContain("the settings have changed");
    });
    await watcher.says("the settings have changed");
    expect(await host.isLive(name, address)).toBe(true);
    const events = (await manager.messages()).flat();
    expect(events).toContain("RELOADING=1");
    expect(events).not.toContain("STOPPING=1");
    await waitFor("it is ready again", async () => {
      const fields = (await manager.messages()).flat();
      return fields.filter((field) => field === "READY=1").length === 2;
    });
  });
});

async function hasRunUnderWay(pid: number): Promise<boolean> {
  const file = `/proc/${String(pid)}/task/${String(pid)}/children`;
  const children = (await readFile(file, "utf8")).split(" ").filter(Boolean);
  const lines = children.map((child) =>
    readFile(`/proc/${child}/cmdline`, "utf8").catch(() => ""),
  );
  return (await Promise.all(lines)).some((line) =>
    line.split("\0").includes("run"),
  );
}
