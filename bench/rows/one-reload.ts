import { PebbleBed } from "../../test/support/pebble.ts";
import { RenewalBed } from "../../test/support/renewal.ts";
import type { Measurement, Progress, Row } from "../row.ts";

const lineages = 200;

export const oneReloadRow: Row = {
  id: "one-reload",
  what: `reloads for ${lineages} lineages renewed in one Certbot run`,
  bound: 1,
  unit: "",
  measure,
};

async function measure(progress: Progress): Promise<Measurement> {
  await using pebble = await PebbleBed.start();
  const names = Array.from({ length: lineages }, (_, n) => `h${n}.test`);
  progress(`Certbot issues ${lineages} lineages from Pebble`);
  await pebble.issueEach(names);
  await using bed = await RenewalBed.create({ pebble, names });
  await bed.installHooks();
  progress(`Certbot renews ${lineages} lineages`);
  const startedMs = performance.now();
  const renewal = await bed.renew([], { limitMs: 1_800_000 });
  const seconds = (performance.now() - startedMs) / 1000;
  if (renewal.exitCode !== 0) throw new Error(renewal.stdout + renewal.stderr);
  const old = await bed.notLive();
  if (old.length > 0) throw new Error(`not live: ${old.join(", ")}`);
  return {
    figure: await bed.reloads(),
    details: [
      `certbot renew took ${seconds.toFixed(0)} s with its hooks; clients are handed the new certificate of all ${lineages}`,
    ],
  };
}
