import { setTimeout as pause } from "node:timers/promises";
import { expect, it } from "vitest";
import { HostBed } from "../support/host.ts";
import { configureNames, goesLive, serveNames } from "../support/serve.ts";
import { WatcherBed } from "../support/watcher.ts";

it("livecert watch makes one reload for 200 lineages renewed in one burst", async () => {
  await using host = await HostBed.create();
  const names = Array.from({ length: 200 }, (_, n) => `n${n}.example.test`);
  // The same files for all: what counts is how many lineages change.
  const files = await host.files(["*.example.test"]);
  const renewed = await host.files(["*.example.test"]);
  for (const name of names) await host.certbot.write(name, files);
  const address = await host.nginx.address();
  await configureNames(
    host,
    address,
    names.map((name) => ({ name })),
  );
  await host.nginx.start();
  await using watcher = await WatcherBed.start(host.livecert, {
    // Longer than a busy machine takes from one renewal to the next.
    flags: ["--watch-quiet", "5s"],
  });
  for (const name of names) {
    await host.certbot.write(name, renewed);
    await pause(10);
  }
  await watcher.says("certificates went live", 1, 90_000);
  expect(
    watcher.lines.find(({ msg }) => msg === "certificates went live"),
  ).toMatchObject({ number: 200 });
  expect(await host.nginx.reconfigurations()).toBe(1);
  for (const name of names.filter((_, n) => n % 40 === 0))
    expect(await host.isLive(name, address)).toBe(true);
});

it("livecert watch, a hook and a person at once make one reload", async () => {
  await using host = await HostBed.create();
  const name = "watched.example.test";
  const address = await serveNames(host, [name]);
  await using watcher = await WatcherBed.start(host.livecert, {
    flags: ["--watch-quiet", "1ms"],
  });
  for (const round of [1, 2, 3]) {
    await host.renew(name);
    const environment = {
      ...process.env,
      RENEWED_LINEAGE: host.certbot.live(name),
    };
    const results = await Promise.all([
      host.livecert.run(["hook"], { environment }),
      host.livecert.run(["deploy", name]),
    ]);
    expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    await goesLive(host, name, address);
    // Whatever the watcher still waits for comes to nothing.
    await pause(1_000);
    expect(await host.nginx.reconfigurations()).toBe(round);
  }
  expect(watcher.text).not.toContain('"level":50');
});
