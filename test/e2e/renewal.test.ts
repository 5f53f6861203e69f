import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verdictOf } from "../support/client.ts";
import { PebbleBed } from "../support/pebble.ts";
import { RenewalBed } from "../support/renewal.ts";

const name = "a.example.test";
let pebble: PebbleBed;

beforeAll(async () => {
  pebble = await PebbleBed.start();
  await pebble.issue([name]);
});

afterAll(async () => {
  await pebble[Symbol.asyncDispose]();
});

describe("certbot renew --deploy-hook 'livecert hook'", () => {
  it("makes the renewed certificate the one that clients are handed, with one reload; a second call makes none", async () => {
    await using bed = await RenewalBed.create({ pebble, names: [name] });
    const before = await bed.served(name);
    expect(before).toBe(await bed.onDisk(name));

    const hook = bed.livecert.hookCommand("--roots", pebble.rootFile);
    const renewal = await bed.renew(["--deploy-hook", hook]);

    expect(renewal.exitCode).toBe(0);
    expect(renewal.stdout).toContain(
      `${name}: deployed, reloaded; a client was handed it at 1 probe point`,
    );
    expect(await bed.onDisk(name)).not.toBe(before);
    expect(await bed.notLive()).toEqual([]);
    const client = { address: bed.address, servername: name };
    expect(await verdictOf(client, pebble.rootFile)).toBe("OK");
    expect(await bed.reloads()).toBe(1);

    const again = await bed.livecert.document(["hook"], {
      environment: {
        RENEWED_LINEAGE: pebble.certbotDirectory.live(name),
        RENEWED_DOMAINS: name,
      },
    });
    expect(again).toMatchObject({ outcome: "live", exitCode: 0, reloads: 0 });
    expect(await bed.reloads()).toBe(1);
  });
});
