import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { expect, it } from "vitest";
import { HostBed } from "../support/host.ts";
import { createChance } from "../support/random.ts";
import { configureNames, goesLive, serveNames } from "../support/serve.ts";
import { Visitor } from "../support/visitor.ts";
import { WatcherBed } from "../support/watcher.ts";

/** `npm run soak` takes ten minutes. */
const soakMs = Number(process.env["LIVECERT_SOAK_SECONDS"] ?? 30) * 1_000;
/** Of the watcher's memory, between its first looks and its end: what a garbage collector leaves lying about. */
const allowedGrowthKb = 64 * 1024;

it(
  "livecert watch keeps everything live through renewals, deletions, kills, restarts and edits, and nobody's handshake fails",
  { timeout: soakMs + 240_000 },
  async () => {
    const chance = createChance();
    console.log(`LIVECERT_TEST_SEED=${String(chance.seed)} for the same again`);
    await using host = await HostBed.create();
    const names = Array.from({ length: 8 }, (_, n) => `n${n}.example.test`);
    const used = new Set(names);
    const address = await serveNames(host, names);
    const flags = ["--limits-quiet-configuration", "1s"];
    let watcher = await WatcherBed.start(host.livecert, { flags });
    let edits = 0;
    const configure = () =>
      configureNames(
        host,
        address,
        [...used].map((name) => ({
          name,
          more: `return 200 "edit ${String(edits)}\\n";`,
        })),
      );
    try {
      await using visitor = new Visitor(address, () => [...used]);
      const actions: Readonly<Record<string, () => Promise<unknown>>> = {
        renew: () => host.renew(chance.oneOf([...used])),
        "renew several": async () => {
          for (const name of used) await host.renew(name);
        },
        "renew slowly": async () => {
          const name = chance.oneOf([...used]);
          const writing = await host.certbot.begin(
            name,
            await host.files([name]),
          );
          for (const step of writing.steps) {
            await writing.through(step);
            await pause(chance.below(60));
          }
        },
        "delete and issue anew": async () => {
          const name = chance.oneOf([...used]);
          used.delete(name);
          await configure();
          await host.nginx.reload();
          await host.certbot.delete(name);
          await pause(chance.below(500));
          await host.renew(name);
          used.add(name);
          await configure();
          await host.nginx.reload();
        },
        kill: async () => {
          await watcher.kill();
          await watcher[Symbol.asyncDispose]();
          watcher = await WatcherBed.begin(host.livecert, { flags });
        },
        "restart Nginx": () =>
          visitor.lookingAway(async () => {
            await host.nginx.stop();
            await pause(chance.below(500));
            await host.nginx.start();
          }),
        "edit the configuration": async () => {
          edits += 1;
          await configure();
        },
        "break and mend the configuration": async () => {
          await host.nginx.configure({ http: "nonsense;" });
          await pause(chance.below(1_000));
          await configure();
        },
        hook: () =>
          host.livecert.run(["hook"], {
            environment: {
              ...process.env,
              RENEWED_LINEAGE: host.certbot.live(chance.oneOf([...used])),
            },
          }),
      };
      const end = Date.now() + soakMs;
      while (Date.now() < end) {
        await actions[chance.oneOf(Object.keys(actions))]?.();
        await pause(chance.below(1_500));
      }
      await host.livecert.firstPresence(watcher.pid);
      const beforeKb = await residentKb(watcher.pid);
      for (const name of used) await goesLive(host, name, address);
      for (let round = 0; round < 10; round += 1) {
        await host.renew(chance.oneOf([...used]));
        for (const name of used) await goesLive(host, name, address);
      }
      expect(await residentKb(watcher.pid)).toBeLessThan(
        beforeKb + allowedGrowthKb,
      );
      const { made, failed } = visitor.handshakes;
      expect(failed).toEqual([]);
      expect(made).toBeGreaterThan(100);
    } catch (error) {
      console.log(watcher.text);
      throw error;
    } finally {
      await watcher[Symbol.asyncDispose]();
    }
  },
);

async function residentKb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${String(pid)}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
}
