import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { StatusDocument } from "../../src/core/report/document.ts";
import { HostBed } from "../support/host.ts";

import { hasEnded, waitersFor } from "../support/processes.ts";
import { goesLive, serveNames } from "../support/serve.ts";
import { waitFor } from "../support/wait.ts";
import { WatcherBed } from "../support/watcher.ts";

const name = "watched.example.test";

describe("livecert watch", () => {
  it("makes live at its start what was renewed while it was stopped", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await host.renew(name);
    expect(await host.isLive(name, address)).toBe(false);
    await using watcher = await WatcherBed.start(host.livecert);
    expect(await host.isLive(name, address)).toBe(true);
    await watcher.says("certificates went live");
    expect(await host.nginx.reconfigurations()).toBe(1);
  });

  it("makes live what is renewed while it runs, each with one reload", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert);
    for (const round of [1, 2, 3]) {
      await host.renew(name);
      await goesLive(host, name, address);
      await watcher.says("certificates went live", round);
      expect(await host.nginx.reconfigurations()).toBe(round);
    }
  });

  it("makes one reload for a renewal with 2 s between every two changes, and none in a mixed state", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert);
    const writing = await host.certbot.begin(name, await host.files([name]));
    for (const step of writing.steps) {
      await writing.through(step);
      await pause(2_000);
      if (step !== "forget fullchain")
        expect(await host.nginx.reconfigurations(), step).toBe(0);
    }
    await goesLive(host, name, address);
    await watcher.says("certificates went live");
    expect(await host.nginx.reconfigurations()).toBe(1);
  });

  it("judges a lineage that stays half written, and says what is wrong with it", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert, {
      flags: ["--limits-settle-watcher", "1s", "--limits-settle-hook", "500ms"],
    });
    const writing = await host.certbot.begin(name, await host.files([name]));
    await writing.through("link privkey");
    await watcher.says("not live");
    expect(watcher.lines.find(({ msg }) => msg === "not live")).toMatchObject({
      certificate: name,
      outcome: "rejected",
      reason: expect.stringContaining("version") as string,
    });
    await writing.finish();
    await goesLive(host, name, address);
    await watcher.says("no longer failing");
    expect(await host.nginx.reconfigurations()).toBe(1);
  });

  it("says in livecert status since when it runs, what it did last and what it tries again when", async () => {
    await using host = await HostBed.create();
    await serveNames(host, [name]);
    const status = async () =>
      (await host.livecert.document(["status"])) as StatusDocument;
    expect((await status()).watcher).toBeNull();
    await using watcher = await WatcherBed.start(host.livecert);
    expect((await status()).watcher).toMatchObject({
      pid: watcher.pid,
      sources: 1,
      lastRun: { summary: "all live", reloads: 0 },
      retries: [],
    });
    const files = await host.files([name]);
    await host.certbot.write(name, { ...files, fullchain: "none\n" });
    const failing = await waitFor("a retry", async () => {
      const { watcher: report } = await status();
      return report?.retries[0] ?? null;
    });
    expect(failing).toMatchObject({ name, outcome: "rejected" });
    const { stdout } = await host.livecert.run(["status"]);
    expect(stdout).toMatch(/^watcher: running since \d{4}-\d\d-\d\d/m);
    expect(stdout).toMatch(
      /^ {2}watched\.example\.test: rejected .*, tried again in \d+ s$/m,
    );
    await watcher.stop();
    expect((await status()).watcher).toBeNull();
  });

  it("is seen in livecert status while its first run waits for another's lock", async () => {
    await using host = await HostBed.create();
    await serveNames(host, [name]);
    await using lock = await holdLock(join(host.livecert.runDirectory, "lock"));
    await using watcher = await WatcherBed.begin(host.livecert);
    await waitFor("a run waits for the lock", () => lock.isWanted());
    const report = await waitFor("a report", async () => {
      const document = await host.livecert.document(["status"]);
      return (document as StatusDocument).watcher;
    });
    expect(report).toMatchObject({ pid: watcher.pid, lastRun: null });
  });

  it("is still seen in livecert status after a second watcher has come and gone, which says that there are two", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert);
    await using second = await WatcherBed.begin(host.livecert);
    await second.says("another watcher is running");
    expect(second.lines).toContainEqual(
      expect.objectContaining({ level: 40, otherPid: watcher.pid }),
    );
    await host.renew(name);
    await goesLive(host, name, address);
    expect((await second.stop()).exitCode).toBe(0);
    expect(await host.nginx.reconfigurations()).toBe(1);
    const { watcher: report } = (await host.livecert.document([
      "status",
    ])) as StatusDocument;
    expect(report?.pid).toBe(watcher.pid);
  });

  it("does not say that a certificate went live which it only found", async () => {
    await using host = await HostBed.create();
    await host.renew(name);
    const { certificate, key } = host.pair(name);
    await host.nginx.configure({
      http: `proxy_ssl_certificate ${certificate}; proxy_ssl_certificate_key ${key};\n`,
    });
    await host.nginx.start();
    await using watcher = await WatcherBed.start(host.livecert);
    const { watcher: report } = (await host.livecert.document([
      "status",
    ])) as StatusDocument;
    expect(report?.lastRun?.summary).toBe("1 unverified");
    expect(watcher.text).not.toContain("certificates went live");
  });

  it("looks everything through when it is asked to by SIGHUP", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert);
    // What no event tells: an archive file that is overwritten in place.
    await host.certbot.tamper(name, await host.files([name]));
    watcher.signal("SIGHUP");
    await watcher.says("asked to look everything through");
    await goesLive(host, name, address);
    expect(watcher.text).not.toContain('"level":50');
  });

  it("ends within 5 s with exit code 0 in the middle of a run, and leaves nothing behind", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert);
    await using lock = await holdLock(join(host.livecert.runDirectory, "lock"));
    await host.renew(name);
    await waitFor("a run waits for the lock", () => lock.isWanted());
    const { exitCode, tookMs } = await watcher.stop();
    expect(exitCode).toBe(0);
    expect(tookMs).toBeLessThan(5_000);
    expect(lock.isWanted()).toBe(false);
    await lock[Symbol.asyncDispose]();
    await using next = await WatcherBed.start(host.livecert);
    await goesLive(host, name, address);
    await next.says("certificates went live");
  });

  it("leaves to the hook what the hook has made live", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert, {
      flags: ["--watch-quiet", "3s"],
    });
    await host.renew(name);
    const environment = {
      ...process.env,
      RENEWED_LINEAGE: host.certbot.live(name),
    };
    const document = await host.livecert.document(["hook"], { environment });
    expect(document.outcome).toBe("deployed");
    await pause(5_000);
    expect(await host.isLive(name, address)).toBe(true);
    expect(watcher.lines.map(({ msg }) => msg)).toEqual(["watching"]);
    expect(await host.nginx.reconfigurations()).toBe(1);
  });
});

interface HeldLock extends AsyncDisposable {
  /** Whether somebody waits for it. */
  isWanted(): boolean;
}

/** Holds the lock as another livecert would. */
async function holdLock(file: string): Promise<HeldLock> {
  const child = spawn(
    "flock",
    ["-x", file, "sh", "-c", "echo held; exec sleep 600"],
    {
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    },
  );
  await once(child.stdout, "data");
  const pid = child.pid ?? 0;
  return {
    isWanted: () => waitersFor(file).length > 0,
    async [Symbol.asyncDispose]() {
      if (hasEnded(pid)) return;
      process.kill(-pid, "SIGKILL");
      await waitFor("the lock is let go", () => hasEnded(pid));
    },
  };
}
