import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Cleanup } from "../support/cleanup.ts";
import { servedFingerprint } from "../support/client.ts";
import { CertbotDirectory, lineageFiles } from "../support/lineage.ts";
import { LivecertBed } from "../support/livecert.ts";
import { NginxBed, serverBlock } from "../support/nginx.ts";
import { createPki, fingerprintOf, type Pki } from "../support/pki.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { waitFor } from "../support/wait.ts";
import { WatcherBed } from "../support/watcher.ts";

interface Host extends AsyncDisposable {
  readonly pki: Pki;
  readonly certbot: CertbotDirectory;
  readonly nginx: NginxBed;
  readonly livecert: LivecertBed;
  readonly address: string;
  /** Renews to the end; the new leaf's fingerprint. */
  renew(name: string): Promise<string>;
  /** What a client is handed for the name. */
  served(name: string): Promise<string | null>;
  /** Waits until a client is handed that certificate. */
  serves(name: string, fingerprint: string): Promise<void>;
  /** A server block for each name, after `more`. */
  configure(names: readonly string[], more?: string): Promise<void>;
}

async function createHost(names: readonly string[]): Promise<Host> {
  const cleanup = new Cleanup();
  const { path } = cleanup.use(await temporaryDirectory());
  const pki = cleanup.use(await createPki());
  const certbot = await CertbotDirectory.create(`${path}/letsencrypt`);
  const renew = async (name: string) => {
    const leaf = await pki.intermediate.leaf({ names: [name] });
    await certbot.write(name, lineageFiles(leaf, pki.intermediate));
    return fingerprintOf(leaf.certificate);
  };
  for (const name of names) await renew(name);
  const nginx = cleanup.use(await NginxBed.create());
  const address = await nginx.address();
  const configure = (wanted: readonly string[], more = "") =>
    nginx.configure({
      http:
        more +
        wanted
          .map((name) =>
            serverBlock({
              listen: [`${address} ssl`],
              names: [name],
              pairs: [
                {
                  certificate: certbot.live(name, "fullchain"),
                  key: certbot.live(name, "privkey"),
                },
              ],
            }),
          )
          .join(""),
    });
  await configure(names);
  await nginx.start();
  const livecert = cleanup.use(
    await LivecertBed.create({ certbot, nginx, roots: pki.rootFile }),
  );
  const served = (servername: string) =>
    servedFingerprint({ address, servername });
  return {
    pki,
    certbot,
    nginx,
    livecert,
    address,
    renew,
    served,
    configure,
    serves: async (name, fingerprint) => {
      await waitFor(
        `${name} is live`,
        async () => (await served(name)) === fingerprint,
      );
    },
    [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
  };
}

const name = "watched.example.test";

describe("livecert watch", () => {
  it("makes live at its start what was renewed while it was stopped", async () => {
    await using host = await createHost([name]);
    const fingerprint = await host.renew(name);
    expect(await host.served(name)).not.toBe(fingerprint);
    await using watcher = await WatcherBed.start(host.livecert);
    await host.serves(name, fingerprint);
    await watcher.says("certificates went live");
    expect(await host.nginx.reconfigurations()).toBe(1);
  });

  it("makes one reload for a renewal that takes its time, and none in a mixed state", async () => {
    await using host = await createHost([name]);
    await using watcher = await WatcherBed.start(host.livecert);
    const leaf = await host.pki.intermediate.leaf({ names: [name] });
    const writing = await host.certbot.begin(
      name,
      lineageFiles(leaf, host.pki.intermediate),
    );
    // Longer than the quiet that the watcher waits for, so that it looks at every state.
    for (const step of writing.steps) {
      await writing.through(step);
      await pause(300);
      if (step !== "link fullchain" && !step.startsWith("forget"))
        expect(await host.nginx.reconfigurations(), step).toBe(0);
    }
    await host.serves(name, await fingerprintOf(leaf.certificate));
    await watcher.says("certificates went live");
    expect(await host.nginx.reconfigurations()).toBe(1);
  });
});
