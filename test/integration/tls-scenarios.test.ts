import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readCertificates } from "../../src/adapters/tls/certificate.ts";
import { names, sound, type Scenario } from "../scenarios/scenario.ts";
import { scenarios } from "../scenarios/scenarios.ts";
import { Cleanup } from "../support/cleanup.ts";
import { CertbotDirectory } from "../support/lineage.ts";
import { createPki } from "../support/pki.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { examineFiles, gravities } from "./tls.ts";

/** What is seen only beside a running Nginx, or in several files at one moment. */
const elsewhere = new Set([
  "names/lost",
  "names/not-covered",
  "source/outdated-copy",
  "files/mixed-versions",
]);

const examinable = scenarios.filter(({ rule }) => !elsewhere.has(rule));

async function examined(scenario: Scenario): Promise<readonly string[]> {
  await using cleanup = new Cleanup();
  const { path } = cleanup.use(await temporaryDirectory());
  const pki = cleanup.use(await createPki());
  const certbot = await CertbotDirectory.create(join(path, "letsencrypt"));
  const lineage = names[0];
  const stage = { pki, certbot, lineage };
  const before = await (scenario.before ?? sound)(stage);
  await certbot.write(lineage, before);
  await scenario.write(stage);
  return gravities(
    await examineFiles(
      {
        certificate: certbot.live(lineage, "fullchain"),
        key: certbot.live(lineage, "privkey"),
        cert: certbot.live(lineage, "cert"),
        chain: certbot.live(lineage, "chain"),
      },
      pki.rootFile,
      {
        temporaryDir: join(path, "scratch"),
        requiredNames: names,
        knownIssuers: ders(before.fullchain),
      },
    ),
  );
}

function ders(pem: string): readonly Uint8Array[] {
  const reading = readCertificates(Buffer.from(pem));
  return reading.kind === "read"
    ? reading.certificates.map(({ der }) => der)
    : [];
}

describe("the files of a scenario", () => {
  it.each(examinable.filter(({ severity }) => severity !== null))(
    "are found out: $rule: $name",
    async (scenario) => {
      const found = await examined(scenario);
      expect(found).toContain(`${String(scenario.severity)} ${scenario.rule}`);
    },
  );

  it.each(examinable.filter(({ severity }) => severity === null))(
    "are no case of $rule: $name",
    async (scenario) => {
      const found = await examined(scenario);
      expect(found.map((one) => one.split(" ")[1])).not.toContain(
        scenario.rule,
      );
      expect(found.filter((one) => one.startsWith("fatal"))).toEqual([]);
    },
  );

  it.each(examinable.filter(({ nginxTest }) => nginxTest === "fails"))(
    "are fatal because Nginx refuses them: $rule: $name",
    async (scenario) => {
      const found = await examined(scenario);
      expect(found.some((one) => one.startsWith("fatal"))).toBe(true);
    },
  );
});
