import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { servedFingerprint } from "./client.ts";
import { Cleanup } from "./cleanup.ts";
import { writeHook, writeScript } from "./hook.ts";
import { LivecertBed, livecertProgram } from "./livecert.ts";
import { NginxBed, serverBlock } from "./nginx.ts";
import { renewal, type PebbleBed } from "./pebble.ts";
import { fingerprintOf } from "./pki.ts";
import type { RunningProgram, RunOptions, RunResult } from "./run.ts";
import { waitFor } from "./wait.ts";

export interface RenewalOptions {
  readonly pebble: PebbleBed;
  /** Lineages of that Pebble, each named like its only name. */
  readonly names: readonly string[];
  /** Words before every program, e.g. those of a SyslogBed. */
  readonly through?: readonly string[];
}

/**
 * Lineages that the real Certbot renews and a real Nginx serves, one server block
 * each, with livecert as its administrator would set it up between the two.
 */
export class RenewalBed implements AsyncDisposable {
  readonly pebble: PebbleBed;
  readonly names: readonly string[];
  readonly nginx: NginxBed;
  readonly livecert: LivecertBed;
  /** Where Nginx serves all of the names. */
  readonly address: string;
  readonly #through: readonly string[];
  readonly #cleanup: Cleanup;

  private constructor(
    { pebble, names, through }: RenewalOptions,
    beds: Pick<RenewalBed, "nginx" | "livecert" | "address">,
    cleanup: Cleanup,
  ) {
    this.pebble = pebble;
    this.names = names;
    this.nginx = beds.nginx;
    this.livecert = beds.livecert;
    this.address = beds.address;
    this.#through = through ?? [];
    this.#cleanup = cleanup;
  }

  static async create(options: RenewalOptions): Promise<RenewalBed> {
    const cleanup = new Cleanup();
    try {
      const { pebble, through } = options;
      const nginx = cleanup.use(
        await NginxBed.create(through === undefined ? {} : { through }),
      );
      const livecert = cleanup.use(
        await LivecertBed.create({
          certbot: pebble.certbotDirectory,
          nginx,
          roots: pebble.rootFile,
        }),
      );
      const address = await nginx.address();
      const beds = { nginx, livecert, address };
      const bed = new RenewalBed(options, beds, cleanup);
      await nginx.configure({ http: bed.serverBlocks() });
      await nginx.start();
      return bed;
    } catch (error) {
      await cleanup[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** One for each lineage; `more` is added to each. */
  serverBlocks(more?: string): string {
    const { certbotDirectory } = this.pebble;
    return this.names
      .map((name) =>
        serverBlock({
          listen: [`${this.address} ssl`],
          names: [name],
          pairs: [
            {
              certificate: certbotDirectory.live(name, "fullchain"),
              key: certbotDirectory.live(name, "privkey"),
            },
          ],
          ...(more === undefined ? {} : { more }),
        }),
      )
      .join("");
  }

  /** Both hooks, as install.sh writes them; they go when the bed does. */
  async installHooks(node: string = process.execPath): Promise<void> {
    for (const [moment, mode] of [
      ["deploy", "--defer"],
      ["post", "--flush"],
    ] as const) {
      const path = this.hookPath(moment, "livecert");
      this.#cleanup.defer(() => rm(path, { force: true }));
      await writeHook(path, { mode, node, livecert: livecertProgram });
    }
  }

  /** Another script of sh(1) beside them; it goes when the bed does. */
  async addHook(
    moment: "deploy" | "post",
    name: string,
    ...lines: readonly string[]
  ): Promise<void> {
    const path = this.hookPath(moment, name);
    this.#cleanup.defer(() => rm(path, { force: true }));
    await writeScript(path, ...lines);
  }

  /** Of a script in `renewal-hooks/`. */
  hookPath(moment: "deploy" | "post", name: string): string {
    return join(
      this.pebble.certbotDirectory.path,
      ...["renewal-hooks", moment, name],
    );
  }

  /** `certbot renew --force-renewal ARGS…` of all lineages of the Pebble, in an environment by which the installed hooks find the beds. */
  async renew(
    args: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<RunResult> {
    return (await this.startRenewal(args, options)).ended;
  }

  /** The same as a trial, which would ask Let's Encrypt's own server for trials otherwise. */
  dryRun(args: readonly string[]): Promise<RunResult> {
    const server = ["--server", this.pebble.directoryUrl];
    return this.renew(["--dry-run", ...server, ...args]);
  }

  startRenewal(
    args: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<RunningProgram> {
    return this.startCertbot([...renewal, ...args], options);
  }

  /** Any subcommand of Certbot's. */
  startCertbot(
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<RunningProgram> {
    return this.pebble.startCertbot(args, {
      through: this.#through,
      ...options,
      environment: this.livecert.environment(options.environment),
    });
  }

  /** The fingerprint that a client is handed. */
  served(name: string): Promise<string | null> {
    return servedFingerprint({ address: this.address, servername: name });
  }

  async onDisk(name: string): Promise<string> {
    const file = this.pebble.certbotDirectory.live(name, "cert");
    return fingerprintOf(await readFile(file, "utf8"));
  }

  /** How many renewals wait in livecert's queue. */
  async queued(): Promise<number> {
    const directory = join(this.livecert.stateDirectory, "v1", "queue");
    const files = await readdir(directory).catch(() => []);
    return files.filter((file) => file.endsWith(".json")).length;
  }

  /** Lineages of which a client is handed another certificate than the one on disk. */
  async notLive(): Promise<readonly string[]> {
    const live = await Promise.all(
      this.names.map(
        async (name) => (await this.served(name)) === (await this.onDisk(name)),
      ),
    );
    return this.names.filter((_, index) => live[index] !== true);
  }

  /**
   * How often Nginx was told to reload, by whomever. It deals with its signals
   * in order of their kind, so what it was told before is in its log when it
   * has reopened that.
   */
  async reloads(): Promise<number> {
    const reopened = async () =>
      (await this.nginx.errorLog()).split(": reopening logs\n").length;
    const before = await reopened();
    await this.nginx.signal("SIGUSR1");
    await waitFor("Nginx reopens its logs", async () => {
      return (await reopened()) > before;
    });
    return this.nginx.reconfigurations();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }
}
