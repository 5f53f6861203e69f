import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { Cleanup } from "../support/cleanup.ts";
import { CertbotDirectory } from "../support/lineage.ts";
import { NginxBed, serverBlock } from "../support/nginx.ts";
import { createPki } from "../support/pki.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { names, sound, type Scenario, type Stage } from "./scenario.ts";

/** A scenario's beginning: the lineage is issued, and a real Nginx serves it. */
export interface ServedStage extends Stage, AsyncDisposable {
  readonly nginx: NginxBed;
  /** Where Nginx listens. */
  readonly address: string;
}

export async function setStage(scenario: Scenario): Promise<ServedStage> {
  const cleanup = new Cleanup();
  try {
    const { path } = cleanup.use(await temporaryDirectory());
    const pki = cleanup.use(await createPki());
    const certbot = await CertbotDirectory.create(join(path, "letsencrypt"));
    const stage = { pki, certbot, lineage: names[0] };
    await certbot.write(stage.lineage, await (scenario.before ?? sound)(stage));
    const nginx = cleanup.use(await NginxBed.create());
    const address = await nginx.address();
    const server = serverBlock({
      listen: [`${address} ssl`],
      names: scenario.serverNames ?? names,
      pairs: [await loadedPair(scenario, stage, nginx.prefix)],
    });
    await nginx.configure({ http: server });
    await nginx.start();
    return {
      ...stage,
      nginx,
      address,
      [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
    };
  } catch (error) {
    await cleanup[Symbol.asyncDispose]();
    throw error;
  }
}

async function loadedPair(
  { loads }: Scenario,
  { certbot, lineage }: Stage,
  directory: string,
): Promise<{ certificate: string; key: string }> {
  const path = async (kind: "fullchain" | "privkey") => {
    if (loads === undefined) return certbot.live(lineage, kind);
    if (loads === "archive") return certbot.archive(lineage, kind, 1);
    const copy = join(directory, `${kind}.pem`);
    await copyFile(certbot.live(lineage, kind), copy);
    return copy;
  };
  return { certificate: await path("fullchain"), key: await path("privkey") };
}
