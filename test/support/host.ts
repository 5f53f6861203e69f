import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Cleanup } from "./cleanup.ts";
import { servedFingerprint } from "./client.ts";
import {
  CertbotDirectory,
  lineageFiles,
  type LineageFiles,
} from "./lineage.ts";
import { LivecertBed } from "./livecert.ts";
import { NginxBed, type NginxOptions } from "./nginx.ts";
import {
  createPki,
  fingerprintOf,
  type CertificateRequest,
  type Pki,
} from "./pki.ts";
import { temporaryDirectory } from "./temporary.ts";

/** The files that Nginx loads for one server. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

/**
 * A machine with Certbot's directory, an Nginx that is not started yet, and the built livecert, which trusts the roots of
 * `pki` beside the system's unless told otherwise.
 */
export class HostBed implements AsyncDisposable {
  /** A directory of the test's own. */
  readonly directory: string;
  readonly pki: Pki;
  readonly certbot: CertbotDirectory;
  readonly nginx: NginxBed;
  readonly livecert: LivecertBed;
  readonly #cleanup: Cleanup;

  private constructor(
    directory: string,
    beds: Pick<HostBed, "pki" | "certbot" | "nginx" | "livecert">,
    cleanup: Cleanup,
  ) {
    this.directory = directory;
    this.pki = beds.pki;
    this.certbot = beds.certbot;
    this.nginx = beds.nginx;
    this.livecert = beds.livecert;
    this.#cleanup = cleanup;
  }

  static async create(
    options: {
      readonly trusted?: boolean;
      readonly nginx?: NginxOptions;
    } = {},
  ): Promise<HostBed> {
    const cleanup = new Cleanup();
    try {
      const { path } = cleanup.use(await temporaryDirectory());
      const pki = cleanup.use(await createPki());
      const certbot = await CertbotDirectory.create(join(path, "letsencrypt"));
      const nginx = cleanup.use(await NginxBed.create(options.nginx));
      const roots = options.trusted === false ? {} : { roots: pki.rootFile };
      const livecert = cleanup.use(
        await LivecertBed.create({ certbot, nginx, ...roots }),
      );
      return new HostBed(path, { pki, certbot, nginx, livecert }, cleanup);
    } catch (error) {
      await cleanup[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The files of a leaf below the intermediate, for these names. */
  async files(
    names: readonly string[],
    request: CertificateRequest = {},
  ): Promise<LineageFiles> {
    const { intermediate } = this.pki;
    const leaf = await intermediate.leaf({ names, ...request });
    return lineageFiles(leaf, intermediate);
  }

  /** Issues the lineage of this name, or renews it where it exists; for that name alone unless told otherwise. */
  async renew(name: string, request: CertificateRequest = {}): Promise<Pair> {
    await this.certbot.write(name, await this.files([name], request));
    return this.pair(name);
  }

  /** The live files of a lineage, as Certbot tells people to name them. */
  pair(name: string): Pair {
    return {
      certificate: this.certbot.live(name, "fullchain"),
      key: this.certbot.live(name, "privkey"),
    };
  }

  /** Of the leaf on disk. */
  async onDisk(name: string): Promise<string> {
    return fingerprintOf(
      await readFile(this.certbot.live(name, "fullchain"), "utf8"),
    );
  }

  /** Whether a client is handed the leaf that is on disk. */
  async isLive(
    name: string,
    address: string,
    args: readonly string[] = [],
  ): Promise<boolean> {
    const served = await servedFingerprint({ address, servername: name, args });
    return served === (await this.onDisk(name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }
}
