import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { Severity } from "../../src/core/validation/finding.ts";
import { names, type Client, type Scenario } from "../scenarios/scenario.ts";
import { scenarios } from "../scenarios/scenarios.ts";
import { setStage, type ServedStage } from "../scenarios/stage.ts";
import { servedFingerprint, verdictOf } from "../support/client.ts";
import { LivecertBed } from "../support/livecert.ts";
import { fingerprintOf } from "../support/pki.ts";
import { waitFor } from "../support/wait.ts";

/** On one stage: what livecert does first, then what Nginx and a client make of the same files without it. */
describe("livecert deploy, and a blind reload", () => {
  it.each(scenarios)("$outcome: $name ($rule)", async (scenario) => {
    await using stage = await setStage(scenario);
    await using livecert = await LivecertBed.create({
      certbot: stage.certbot,
      nginx: stage.nginx,
      roots: stage.pki.rootFile,
    });
    const handshake = { address: stage.address, servername: names[0] };
    const before = await servedFingerprint(handshake);
    await scenario.write(stage);
    const test = await stage.nginx.test();

    const document = await livecert.document(["deploy", stage.lineage]);

    const [lineage] = document.lineages;
    const found = (lineage?.findings ?? []).filter(
      ({ rule }) => rule === scenario.rule,
    );
    expect({
      outcome: document.outcome,
      exitCode: document.exitCode,
      severities: [...new Set(found.map(({ severity }) => severity))],
    }).toEqual({
      outcome: scenario.outcome,
      exitCode: scenario.exitCode,
      severities: toldAs(scenario),
    });
    const reloads = scenario.outcome === "deployed" ? 1 : 0;
    expect(await stage.nginx.reconfigurations()).toBe(reloads);
    expect(await servedFingerprint(handshake)).toBe(
      reloads === 0 ? before : await renewed(stage, scenario),
    );

    await reloadBlindly(stage);
    expect({
      nginxTest: test.exitCode === 0 ? "passes" : "fails",
      client: await seen(stage),
    }).toEqual({ nginxTest: scenario.nginxTest, client: scenario.client });
  });
});

/** A regression that the served certificate has too is told as a warning. */
function toldAs({ severity, outcome }: Scenario): readonly Severity[] {
  if (severity === null) return [];
  const isTolerated = severity === "regression" && outcome === "deployed";
  return [isTolerated ? "warning" : severity];
}

/** The fingerprint of the leaf that Nginx should have loaded. */
async function renewed(
  { certbot, lineage }: ServedStage,
  { name }: Scenario,
): Promise<string> {
  const pem = await readFile(certbot.live(lineage, "fullchain"), "utf8");
  const fingerprint = fingerprintOf(pem);
  expect(fingerprint, name).toMatch(/^[0-9A-F:]{95}$/);
  return fingerprint;
}

/** HUP, and on until Nginx either has new workers or has said why not. */
async function reloadBlindly({ nginx }: ServedStage): Promise<void> {
  const before = await nginx.workers();
  const isOld = (pid: number) => before.some((worker) => worker.pid === pid);
  await nginx.signal("SIGHUP");
  await waitFor("the end of the reload", async () => {
    if ((await nginx.errorLog()).includes("[emerg]")) return true;
    const workers = await nginx.workers();
    return workers.length > 0 && workers.every(({ pid }) => !isOld(pid));
  });
}

async function seen({
  address,
  pki,
  certbot,
  lineage,
}: ServedStage): Promise<Client> {
  const handshake = { address, servername: names[0] };
  const served = await servedFingerprint(handshake);
  if (served === null) return "no handshake";
  const old = await readFile(certbot.archive(lineage, "cert", 1), "utf8").catch(
    () => null,
  );
  if (old !== null && served === fingerprintOf(old)) return "keeps the old";
  return (await verdictOf(handshake, pki.rootFile)) === "OK"
    ? "accepts"
    : "refuses";
}
