/** A disk that has become full takes no records, but no renewal with them. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createLog } from "../../src/adapters/log/log.ts";
import { openStore } from "../../src/adapters/store/store.ts";
import { HostBed } from "../support/host.ts";
import { serverBlock } from "../support/nginx.ts";
import { mustRun } from "../support/run.ts";

const silent = createLog({
  level: "silent",
  format: { kind: "json", priorities: false },
  descriptor: 2,
  now: () => new Date(),
});

describe("a queued renewal that fails while the disk is full", () => {
  it("stays queued, since no record of the failure can be kept, and is live once both are mended", async () => {
    await using host = await HostBed.create();
    const pair = await host.renew("a.test");
    const address = await host.nginx.address();
    const block = serverBlock({
      listen: [`${address} ssl`],
      names: ["a.test"],
      pairs: [pair],
    });
    await host.nginx.configure({ http: block });
    await host.nginx.start();
    const { stateDirectory } = host.livecert;
    const size = "size=256k,mode=0700";
    await mustRun("mount", [
      ...["-t", "tmpfs", "-o", size, "tmpfs"],
      stateDirectory,
    ]);
    try {
      await host.livecert.document(["deploy"]);
      await host.renew("a.test");
      const store = await openStore({ stateDir: stateDirectory, log: silent });
      await store.queue.put({
        schema: 1,
        lineage: { name: "a.test", path: host.certbot.live("a.test") },
        version: 2,
        at: new Date().toISOString(),
        certbot: null,
      });
      await host.nginx.configure({ http: `${block} nonsense;` });
      const filler = join(stateDirectory, "filler");
      await expect(writeFile(filler, Buffer.alloc(512_000))).rejects.toThrow(
        "ENOSPC",
      );
      const full = await host.livecert.document(["retry"]);
      expect(full.outcome).toBe("config-invalid");
      expect(full.warnings.join("\n")).toContain("no space left on the disk");

      await rm(filler);
      await host.nginx.configure({ http: block });
      const mended = await host.livecert.document(["retry"]);
      expect(mended).toMatchObject({ outcome: "deployed", reloads: 1 });
      expect(await host.isLive("a.test", address)).toBe(true);
    } finally {
      await mustRun("umount", [stateDirectory]);
    }
  });
});
