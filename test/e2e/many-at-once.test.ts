import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { JournalEntry } from "../../src/core/decision/record.ts";
import { HostBed } from "../support/host.ts";
import { serverBlock } from "../support/nginx.ts";

/** A machine that serves these lineages, each renewed since. */
async function renewedSinceStart(
  names: readonly string[],
): Promise<{ readonly bed: HostBed; readonly address: string }> {
  const bed = await HostBed.create();
  for (const name of names) await bed.renew(name);
  const address = await bed.nginx.address();
  const blocks = names.map((name) =>
    serverBlock({
      listen: [`${address} ssl`],
      names: [name],
      pairs: [bed.pair(name)],
    }),
  );
  await bed.nginx.configure({ http: blocks.join("") });
  await bed.nginx.start();
  for (const name of names) await bed.renew(name);
  return { bed, address };
}

/** What Certbot's hook command does for a lineage. */
function hook(bed: HostBed, name: string) {
  const environment = {
    ...process.env,
    RENEWED_LINEAGE: bed.certbot.live(name),
    RENEWED_DOMAINS: name,
  };
  return bed.livecert.run(["hook", "--json"], { environment });
}

async function deployments(bed: HostBed): Promise<readonly JournalEntry[]> {
  const args = ["history", "-n", "1000", "--json"];
  const { stdout } = await bed.livecert.run(args);
  const { entries } = JSON.parse(stdout) as {
    readonly entries: readonly JournalEntry[];
  };
  return entries.filter(({ outcome }) => outcome === "deployed");
}

function queued(bed: HostBed): Promise<readonly string[]> {
  return readdir(join(bed.livecert.stateDirectory, "v1", "queue"));
}

describe("50 hooks at once", () => {
  it.each([1, 10])(
    "for %d lineages make one reload and all succeed",
    async (count) => {
      const names = Array.from(
        { length: count },
        (_, n) => `n${n}.example.test`,
      );
      const { bed: made, address } = await renewedSinceStart(names);
      await using bed = made;

      const hooks = Array.from({ length: 50 }, (_, index) =>
        hook(bed, names[index % names.length] ?? ""),
      );
      const results = await Promise.all(hooks);

      const failures = results.filter(({ exitCode }) => exitCode !== 0);
      expect(failures).toEqual([]);
      expect(await bed.nginx.reconfigurations()).toBe(1);
      for (const name of names)
        expect(await bed.isLive(name, address), name).toBe(true);
      const deployed = await deployments(bed);
      expect(deployed.map(({ lineage }) => lineage).sort()).toEqual(names);
      expect(await queued(bed)).toEqual([]);
    },
  );

  it("lose no renewal that comes while they run", async () => {
    const names = ["one.example.test", "two.example.test"] as const;
    const { bed: made, address } = await renewedSinceStart(names);
    await using bed = made;

    const hooks: ReturnType<typeof hook>[] = [];
    for (let renewal = 0; renewal < 8; renewal++) {
      for (const name of names) {
        await bed.renew(name);
        hooks.push(hook(bed, name));
      }
    }
    const results = await Promise.all(hooks);

    // A hook whose lineage is renewed again under its hands may leave it to the next one; the last ones may not.
    const last = results.slice(-names.length);
    expect(last.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    for (const name of names)
      expect(await bed.isLive(name, address), name).toBe(true);
    expect(await queued(bed)).toEqual([]);
  });
});
