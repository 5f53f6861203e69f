/** A reload loads every source anew, so a hook looks at all of them; what it found out serves the next one. */
import { describe, expect, it } from "vitest";
import { createLog } from "../../src/adapters/log/log.ts";
import { openStore } from "../../src/adapters/store/store.ts";
import { HostBed } from "../support/host.ts";
import { serverBlock } from "../support/nginx.ts";

const log = createLog({
  level: "silent",
  format: { kind: "json", priorities: false },
  descriptor: 2,
  now: () => new Date(),
});

describe("a source that a reload does not concern", () => {
  it("is remembered as seen with its verdicts, and neither reported nor told in the journal", async () => {
    await using host = await HostBed.create();
    const renewed = await host.renew("a.test");
    const other = await host.renew("b.test");
    const address = await host.nginx.address();
    await host.nginx.configure({
      http: [
        { name: "a.test", pair: renewed },
        { name: "b.test", pair: other },
      ]
        .map(({ name, pair }) =>
          serverBlock({
            listen: [`${address} ssl`],
            names: [name],
            pairs: [pair],
          }),
        )
        .join(""),
    });
    await host.nginx.start();
    await host.renew("a.test");
    const { lineages } = await host.livecert.document(["deploy", "a.test"]);
    expect(lineages).toMatchObject([{ name: "a.test", outcome: "deployed" }]);

    const { stateDirectory: stateDir } = host.livecert;
    const store = await openStore({ stateDir, log });
    const id = `${other.certificate} ${other.key}`;
    const record = await store.sources.get(id);
    expect(record?.seen).toHaveLength(1);
    expect(record?.deployed?.fingerprint256).toBe(await host.onDisk("b.test"));
    expect(record?.verdict).not.toBeNull();
    expect(record?.last).toBeNull();
    expect(await store.pending.list()).toEqual([]);
    const told = await store.journal.read({ limit: 10 });
    expect(told.map(({ lineage }) => lineage)).toEqual(["a.test"]);

    await host.renew("a.test");
    await host.livecert.document(["deploy", "a.test"]);
    expect(await store.sources.get(id)).toEqual(record);
  });
});
