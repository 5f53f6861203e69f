import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { ruleIds } from "../../src/core/validation/catalogue.ts";
import { names, type Client, type Scenario } from "../scenarios/scenario.ts";
import { scenarios } from "../scenarios/scenarios.ts";
import { setStage, type ServedStage } from "../scenarios/stage.ts";
import { servedFingerprint, verdictOf } from "../support/client.ts";
import { fingerprintOf } from "../support/pki.ts";
import { waitFor } from "../support/wait.ts";

/** Judged only where a person names a host or a file: `livecert check --name`, `livecert check FILE`. */
const notForDeploy = ["names/mismatch", "chain/unjudged"];

describe("the scenarios", () => {
  it("have titles of their own", () => {
    const titles = scenarios.map(({ rule, name }) => `${rule}: ${name}`);
    expect(new Set(titles).size).toBe(titles.length);
  });

  it("hold a fault and a near miss for each rule that a deployment can find", () => {
    const rulesOf = (some: readonly Scenario[]) =>
      [...new Set(some.map(({ rule }) => rule))].sort();
    const expected = ruleIds
      .filter((rule) => !notForDeploy.includes(rule))
      .sort();
    expect(
      rulesOf(scenarios.filter(({ severity }) => severity !== null)),
    ).toEqual(expected);
    expect(
      rulesOf(scenarios.filter(({ severity }) => severity === null)),
    ).toEqual(expected);
  });
});

describe("what Nginx and a client make of it without livecert", () => {
  it.each(scenarios)("$rule: $name", async (scenario) => {
    await using stage = await setStage(scenario);
    await scenario.write(stage);

    const test = await stage.nginx.test();
    await reloadBlindly(stage);

    expect({
      nginxTest: test.exitCode === 0 ? "passes" : "fails",
      client: await seen(stage),
    }).toEqual({ nginxTest: scenario.nginxTest, client: scenario.client });
  });
});

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
