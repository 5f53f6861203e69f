/** What `livecert watch` tells the service manager: systemd-notify(1) is the real one, the manager is a socket. */
import { describe, expect, it } from "vitest";
import { HostBed } from "../support/host.ts";
import { serveNames } from "../support/serve.ts";
import { ServiceManagerBed } from "../support/service-manager.ts";
import { waitFor } from "../support/wait.ts";
import { WatcherBed } from "../support/watcher.ts";

describe("livecert watch tells the service manager", () => {
  it("that it is ready, reloads, is alive and stops, in this order", async () => {
    await using manager = await ServiceManagerBed.start();
    await using host = await HostBed.create();
    await serveNames(host, ["notify.example.test"]);
    const environment = {
      ...process.env,
      NOTIFY_SOCKET: manager.socket,
      WATCHDOG_USEC: "900000",
    };
    await using watcher = await WatcherBed.start(host.livecert, {
      environment,
    });
    const told = async (field: string, times = 1) => {
      await waitFor(`${field} is told ${String(times)} times`, async () => {
        const fields = (await manager.messages()).flat();
        return fields.filter((one) => one === field).length >= times;
      });
    };
    await told("READY=1");
    await told("WATCHDOG=1", 2);
    const beforeMs = Number(process.hrtime.bigint() / 1_000_000n);
    watcher.signal("SIGHUP");
    await told("READY=1", 2);
    await watcher.stop();

    const messages = (await manager.messages()).filter(
      ([field = ""]) => !/^(?:STATUS|WATCHDOG|BARRIER)=/.test(field),
    );
    const [ready, reloading, again, stopping] = messages;
    expect(messages).toHaveLength(4);
    expect(ready).toEqual(["READY=1"]);
    expect(reloading).toEqual([
      "RELOADING=1",
      expect.stringMatching(/^MONOTONIC_USEC=\d+$/),
    ]);
    const atMs = Number(reloading?.[1]?.split("=")[1]) / 1000;
    expect(atMs).toBeGreaterThanOrEqual(beforeMs);
    expect(again).toEqual(["READY=1"]);
    expect(stopping).toEqual(["STOPPING=1", "STATUS=stopping"]);
    const statuses = (await manager.messages())
      .flat()
      .filter((field) => field.startsWith("STATUS="));
    expect(statuses).toContainEqual(expect.stringMatching(/1 .*live/));
  });
});
