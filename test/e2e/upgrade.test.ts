/** What an older livecert has understood of a configuration does not bind a newer one. */
import { describe, expect, it } from "vitest";
import { serveTogether } from "../support/serve.ts";
import { createLog } from "../../src/adapters/log/log.ts";
import { openStore } from "../../src/adapters/store/store.ts";
import { HostBed } from "../support/host.ts";

const log = createLog({
  level: "silent",
  format: { kind: "json", priorities: false },
  descriptor: 2,
  now: () => new Date(),
});

describe("the kept model of an unchanged configuration", () => {
  it("is used by the livecert that made it, and read anew by any other", async () => {
    await using host = await HostBed.create();
    const pair = await host.renew("a.test");
    await serveTogether(host, ["a.test"], [pair]);
    await host.livecert.document(["deploy"]);
    const { stateDirectory: stateDir } = host.livecert;
    const store = await openStore({ stateDir, log });
    const kept = await store.models.get("host");
    if (kept === null) throw new Error("no model was kept");
    const blind = { ...kept, model: { ...kept.model, servers: [] } };

    await store.models.put("host", blind);
    const same = await host.livecert.document(["status"]);
    expect(same.outcome).toBe("unused");

    await store.models.put("host", { ...blind, readBy: "0.0.0" });
    const newer = await host.livecert.document(["deploy"]);
    expect(newer.outcome).toBe("live");
    expect(await store.models.get("host")).toMatchObject({
      readBy: kept.readBy,
      model: kept.model,
    });
  });
});
