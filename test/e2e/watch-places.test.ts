import { setTimeout as pause } from "node:timers/promises";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { BindMount } from "../support/bind-mount.ts";
import { HostBed } from "../support/host.ts";
import { KernelLimits, type KernelLimit } from "../support/kernel-limits.ts";
import type { LineageFiles } from "../support/lineage.ts";
import { serverBlock } from "../support/nginx.ts";
import { configureNames, goesLive, serveNames } from "../support/serve.ts";
import { servedFingerprint } from "../support/client.ts";
import { fingerprintOf } from "../support/pki.ts";
import { waitFor } from "../support/wait.ts";
import { WatcherBed } from "../support/watcher.ts";

const name = "watched.example.test";
const other = "other.example.test";

/** One version of a Kubernetes secret. */
async function writeVersion(
  directory: string,
  version: string,
  files: LineageFiles,
): Promise<void> {
  await mkdir(join(directory, version), { recursive: true });
  await writeFile(join(directory, version, "tls.crt"), files.fullchain);
  await writeFile(join(directory, version, "tls.key"), files.privkey, {
    mode: 0o600,
  });
  await symlink(version, join(directory, "..data.new"));
  await rename(join(directory, "..data.new"), join(directory, "..data"));
}

/** Nothing fails, and what has happened so far was taken in: a look that is asked for now is done. */
async function atRest(host: HostBed, watcher: WatcherBed): Promise<void> {
  await pause(1_000);
  const { lastRun } = await host.livecert.firstPresence(watcher.pid);
  watcher.signal("SIGHUP");
  await waitFor(
    "everything was looked through, and nothing fails",
    async () => {
      const now = await host.livecert.firstPresence(watcher.pid);
      return now.lastRun?.at !== lastRun?.at && now.retries.length === 0;
    },
  );
}

describe.each([
  ["the kernel's events", []],
  ["polling", ["--watch-poll", "200ms"]],
])("livecert watch, by %s", (_, flags) => {
  it("sees lineages that are issued, deleted and issued anew", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert, { flags });
    await host.renew(other);
    await configureNames(host, address, [{ name }, { name: other }]);
    await host.nginx.reload();
    await host.renew(other);
    await goesLive(host, other, address);
    await configureNames(host, address, [{ name }]);
    await host.nginx.reload();
    await atRest(host, watcher);
    const told = watcher.text;
    await host.certbot.delete(other);
    await atRest(host, watcher);
    expect(watcher.text.slice(told.length)).not.toContain('"level":50');
    await host.renew(other);
    await configureNames(host, address, [{ name }, { name: other }]);
    await host.nginx.reload();
    await host.renew(other);
    await goesLive(host, other, address);
    await atRest(host, watcher);
    const { lineages } = await host.livecert.document(["status"]);
    const outcomes = lineages.map((one) => [one.name, one.outcome]);
    expect(Object.fromEntries(outcomes)).toEqual({
      [name]: "live",
      [other]: "live",
    });
  });

  it("sees the first lineage where live/ does not exist yet, and its return where it vanishes", async () => {
    await using host = await HostBed.create();
    const live = join(host.certbot.path, "live");
    await rm(live, { recursive: true });
    await using watcher = await WatcherBed.start(host.livecert, { flags });
    await mkdir(live);
    const address = await serveNames(host, [name]);
    await host.renew(name);
    await goesLive(host, name, address);
    await rename(live, `${live}.away`);
    await watcher.says("not live");
    await rename(`${live}.away`, live);
    await watcher.says("no longer failing");
    await host.renew(name);
    await goesLive(host, name, address);
  });

  it("is not stopped by an entry that cannot be looked at", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await symlink("before", join(host.nginx.prefix, "before"));
    await using watcher = await WatcherBed.start(host.livecert, { flags });
    await symlink("meanwhile", join(host.certbot.live(name), "meanwhile"));
    await atRest(host, watcher);
    await host.renew(name);
    await goesLive(host, name, address);
    expect(watcher.text).not.toContain('"level":50');
  });

  it("sees directories that are swapped by a link, as those of a Kubernetes secret are", async () => {
    await using host = await HostBed.create();
    const directory = join(host.directory, "secret");
    await writeVersion(directory, "..1", await host.files([name]));
    await symlink("..data/tls.crt", join(directory, "tls.crt"));
    await symlink("..data/tls.key", join(directory, "tls.key"));
    const pair = {
      certificate: join(directory, "tls.crt"),
      key: join(directory, "tls.key"),
    };
    const address = await host.nginx.address();
    await configureNames(host, address, [{ name, pair }]);
    await host.nginx.start();
    await using watcher = await WatcherBed.start(host.livecert, { flags });
    for (const version of ["..2", "..3"]) {
      const files = await host.files([name]);
      await writeVersion(directory, version, files);
      const fingerprint = fingerprintOf(files.cert);
      await waitFor(`version ${version} goes live`, async () => {
        const served = await servedFingerprint({ address, servername: name });
        return served === fingerprint;
      });
    }
    expect(watcher.text).not.toContain('"level":50');
    expect(await host.nginx.reconfigurations()).toBe(2);
  });

  it("sees what is written at the other end of a bind mount", async () => {
    await using host = await HostBed.create();
    const written = join(host.directory, "written");
    await mkdir(written);
    await using read = await BindMount.mount(
      written,
      join(host.directory, "read"),
    );
    const first = await host.files([name]);
    await writeFile(join(written, "tls.crt"), first.fullchain);
    await writeFile(join(written, "tls.key"), first.privkey, { mode: 0o600 });
    const pair = {
      certificate: join(read.path, "tls.crt"),
      key: join(read.path, "tls.key"),
    };
    const address = await host.nginx.address();
    await configureNames(host, address, [{ name, pair }]);
    await host.nginx.start();
    await using watcher = await WatcherBed.start(host.livecert, { flags });
    const renewed = await host.files([name]);
    await writeFile(join(written, "tls.key"), renewed.privkey);
    await writeFile(join(written, "tls.crt"), renewed.fullchain);
    const fingerprint = fingerprintOf(renewed.cert);
    await waitFor("what was written at the other end goes live", async () => {
      const served = await servedFingerprint({ address, servername: name });
      return served === fingerprint;
    });
    expect(watcher.text).not.toContain('"level":50');
    expect(await host.nginx.reconfigurations()).toBe(1);
  });
});

describe.each<[KernelLimit, number]>([
  ["max_inotify_instances", 0],
  ["max_inotify_watches", 3],
])("livecert watch where the kernel grants %s = %i", (limit, value) => {
  it("looks instead, says so in a line and not in one for each, and rests while nothing happens", async () => {
    await using limits = await KernelLimits.set(limit, value);
    const { through } = limits;
    await using host = await HostBed.create({ nginx: { through } });
    const names = Array.from({ length: 12 }, (_, n) => `n${n}.example.test`);
    for (const one of names) await host.renew(one);
    const address = await host.nginx.address();
    const blocks = names.map((one) =>
      serverBlock({
        listen: [`${address} ssl`],
        names: [one],
        pairs: [host.pair(one)],
      }),
    );
    await host.nginx.configure({ main: "user root;", http: blocks.join("") });
    await host.nginx.start();
    await using watcher = await WatcherBed.start(host.livecert, { through });
    const message = "the kernel gives no events, so these are polled";
    await watcher.says(message);
    const refused = () => watcher.lines.filter(({ msg }) => msg === message);
    expect(refused()[0]).toMatchObject({
      level: 40,
      remedy: expect.stringContaining("sysctl") as string,
    });
    await host.renew("n0.example.test");
    await goesLive(host, "n0.example.test", address);
    await waitFor("it rests", async () => {
      const before = await host.livecert.firstPresence(watcher.pid);
      await pause(5_000);
      const after = await host.livecert.firstPresence(watcher.pid);
      return after.lastRun?.at === before.lastRun?.at;
    });
    // One for each moment: directories of configuration are first known after the first run.
    expect(refused().length).toBeLessThan(5);
    expect(await host.nginx.reconfigurations()).toBe(1);
    expect(watcher.text).not.toContain('"level":50');
  });
});
