import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HostBed } from "../support/host.ts";
import { serverBlock } from "../support/nginx.ts";
import { configureNames, goesLive, serveNames } from "../support/serve.ts";
import { waitFor } from "../support/wait.ts";
import { WatcherBed } from "../support/watcher.ts";
import { run } from "../support/run.ts";

const name = "watched.example.test";
/** A story is read, not searched. */
const dozen = 12;

describe("livecert watch puts right by itself, in a dozen lines of log", () => {
  it("what was renewed while Nginx was stopped", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert);
    await host.nginx.stop();
    await host.renew(name);
    await watcher.says("not live yet");
    await host.nginx.start();
    await goesLive(host, name, address);
    await watcher.says("no longer failing");
    expect(await host.nginx.reconfigurations()).toBe(0);
    expect(watcher.lines.length, watcher.text).toBeLessThanOrEqual(dozen);
  });

  it("what was renewed while Nginx hung", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert);
    await host.nginx.signal("SIGSTOP");
    await host.renew(name);
    await watcher.says("not live");
    await host.nginx.signal("SIGCONT");
    await goesLive(host, name, address);
    await watcher.says("no longer failing");
    expect(await host.nginx.reconfigurations()).toBe(1);
    expect(watcher.lines.length, watcher.text).toBeLessThanOrEqual(dozen);
  });

  it.each([
    ["as it was", undefined],
    ["otherwise", 'return 200 "mended\\n";'],
  ])(
    "what was renewed while the configuration was broken, which is mended %s",
    async (_, more) => {
      await using host = await HostBed.create();
      const address = await serveNames(host, [name]);
      // An edit that nobody has loaded rests before a reload that nobody asked for.
      await using watcher = await WatcherBed.start(host.livecert, {
        flags: ["--limits-quiet-configuration", "2s"],
      });
      await host.nginx.configure({ http: "nonsense;" });
      await host.renew(name);
      await watcher.says("not live");
      expect(watcher.lines.find(({ msg }) => msg === "not live")).toMatchObject(
        {
          outcome: "config-invalid",
          reason: expect.stringContaining("nonsense") as string,
        },
      );
      const served = more === undefined ? { name } : { name, more };
      await configureNames(host, address, [served]);
      await goesLive(host, name, address);
      await watcher.says("no longer failing");
      expect(await host.nginx.reconfigurations()).toBe(1);
      expect(watcher.lines.length, watcher.text).toBeLessThanOrEqual(dozen);
    },
  );
});

describe("livecert watch leaves alone", () => {
  it("an edited server block that nobody has loaded, through three reconciliations", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert);
    await configureNames(host, address, [{ name, more: "return 503;" }]);
    for (const time of [1, 2, 3]) {
      watcher.signal("SIGHUP");
      await watcher.says("asked to look everything through", time);
      const report = await host.livecert.firstPresence(watcher.pid);
      await waitFor("a reconciliation", async () => {
        const { lastRun } = await host.livecert.firstPresence(watcher.pid);
        return lastRun?.at !== report.lastRun?.at;
      });
    }
    expect(await host.nginx.reconfigurations()).toBe(0);
    const answer = await run("curl", [
      ...["--silent", "--insecure", "--resolve"],
      `${name}:${address.split(":")[1] ?? ""}:127.0.0.1`,
      ...["--output", "/dev/null", "--write-out", "%{http_code}"],
      `https://${name}:${address.split(":")[1] ?? ""}/`,
    ]);
    expect(answer.stdout).toBe("200");
  });

  it("a state that no reload mends, after two reloads and however often it is tried", async () => {
    await using host = await HostBed.create();
    const pair = await host.renew(name);
    const other = await host.files([name]);
    const certificate = join(host.directory, "other.pem");
    const key = join(host.directory, "other-key.pem");
    await writeFile(certificate, other.fullchain);
    await writeFile(key, other.privkey, { mode: 0o600 });
    const address = await host.nginx.address();
    // Carried out after ssl_certificate: Nginx hands out another certificate, whatever it loads.
    await host.nginx.configure({
      http: serverBlock({
        listen: [`${address} ssl`],
        names: [name],
        pairs: [pair],
        more: `ssl_conf_command Certificate "${certificate}"; ssl_conf_command PrivateKey "${key}";`,
      }),
    });
    await host.nginx.start();
    await using watcher = await WatcherBed.start(host.livecert, {
      flags: ["--watch-retry-first", "20ms", "--watch-retry-longest", "50ms"],
    });
    // As many attempts as a week has at the longest pause.
    await waitFor(
      "28 attempts",
      async () => {
        const { retries } = await host.livecert.firstPresence(watcher.pid);
        return (retries[0]?.attempts ?? 0) >= 28;
      },
      // Each starts a child.
      100_000,
    ).catch((error: unknown) => {
      throw new Error(watcher.text, { cause: error });
    });
    expect(await host.nginx.reconfigurations()).toBe(2);
    expect(watcher.lines.length, watcher.text).toBeLessThanOrEqual(dozen);
  });
});
