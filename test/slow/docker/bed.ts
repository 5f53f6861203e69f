/** What the tests share: one engine per file, and a host with Pebble, Certbot and livecert beside it. */
import { readFile } from "node:fs/promises";
import { Cleanup } from "../../support/cleanup.ts";
import type { DockerEngine } from "../../support/docker.ts";
import { LivecertBed } from "../../support/livecert.ts";
import {
  NginxContainer,
  type NginxContainerOptions,
} from "../../support/nginx-container.ts";
import { PebbleBed } from "../../support/pebble.ts";
import { fingerprintOf } from "../../support/pki.ts";
import type { RunResult } from "../../support/run.ts";
import { WatcherBed } from "../../support/watcher.ts";
import type { RunDocument } from "../../../src/core/report/document.ts";

/** The lineage of every test. */
export const name = "site.test";

/** Where a container has Certbot's directory. */
export const letsencrypt = "/etc/letsencrypt";

/** The site with its certificate from Certbot's directory. */
export const site = {
  name,
  certificate: `${letsencrypt}/live/${name}/fullchain.pem`,
  key: `${letsencrypt}/live/${name}/privkey.pem`,
} as const;

export class DockerBed implements AsyncDisposable {
  readonly engine: DockerEngine;
  readonly pebble: PebbleBed;
  readonly livecert: LivecertBed;
  readonly #cleanup: Cleanup;

  private constructor(
    engine: DockerEngine,
    beds: { readonly pebble: PebbleBed; readonly livecert: LivecertBed },
    cleanup: Cleanup,
  ) {
    this.engine = engine;
    this.pebble = beds.pebble;
    this.livecert = beds.livecert;
    this.#cleanup = cleanup;
  }

  /** With the lineage. */
  static async create(engine: DockerEngine): Promise<DockerBed> {
    const cleanup = new Cleanup();
    try {
      const pebble = cleanup.use(await PebbleBed.start());
      const livecert = cleanup.use(
        await LivecertBed.create({
          certbot: pebble.certbotDirectory,
          roots: pebble.rootFile,
        }),
      );
      const bed = new DockerBed(engine, { pebble, livecert }, cleanup);
      await pebble.issue([name]);
      return bed;
    } catch (error) {
      await cleanup[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Nginx in a container with Certbot's directory mounted, unless told otherwise. */
  async nginx(
    container: string,
    options: Partial<NginxContainerOptions> = {},
  ): Promise<NginxContainer> {
    const nginx = await NginxContainer.start({
      engine: this.engine,
      name: container,
      directory: this.pebble.directory,
      volumes: [`${this.pebble.certbotDirectory.path}:${letsencrypt}:ro`],
      sites: [site],
      ...options,
    });
    this.#cleanup.defer(() => nginx.remove());
    return nginx;
  }

  /** `certbot renew`, with livecert as the deploy hook. */
  async renewWithHook(targets: readonly object[]): Promise<RunResult> {
    return this.pebble.renew(["--deploy-hook", this.livecert.hookCommand()], {
      environment: this.environment(targets),
    });
  }

  /** `certbot renew` that tells nobody. */
  async renew(): Promise<void> {
    await this.pebble.renew();
  }

  run(
    targets: readonly object[],
    ...args: readonly string[]
  ): Promise<RunResult> {
    return this.livecert.run(args, { environment: this.environment(targets) });
  }

  document(
    targets: readonly object[],
    ...args: readonly string[]
  ): Promise<RunDocument> {
    return this.livecert.document(args, {
      environment: this.environment(targets),
    });
  }

  async watcher(targets: readonly object[]): Promise<WatcherBed> {
    return this.#cleanup.use(
      await WatcherBed.start(this.livecert, {
        environment: this.environment(targets),
      }),
    );
  }

  /** What livecert and Certbot are given: this engine, and these targets. */
  environment(targets: readonly object[]): NodeJS.ProcessEnv {
    return {
      ...process.env,
      ...this.engine.environment,
      LIVECERT_TARGETS: JSON.stringify(targets),
    };
  }

  /** Of the leaf that Certbot wrote last. */
  async onDisk(): Promise<string> {
    const file = this.pebble.certbotDirectory.live(name, "cert");
    return fingerprintOf(await readFile(file, "utf8"));
  }

  /** Whether a client is handed the leaf that Certbot wrote last. */
  async isLive(nginx: NginxContainer): Promise<boolean> {
    return (await nginx.served(name)) === (await this.onDisk());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }
}
