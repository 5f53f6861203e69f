/** A machine that publishes one lineage into a volume, and what a service finds there. */
import { chown, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Layout } from "../../src/core/settings/publications.ts";
import type { RunDocument } from "../../src/core/report/document.ts";
import { Cleanup } from "./cleanup.ts";
import { HostBed } from "./host.ts";
import { fingerprintOf } from "./pki.ts";
import type { RunOptions, RunResult } from "./run.ts";

export interface PublicationOptions {
  readonly layout?: Layout;
  /** Of the volume; root by default. */
  readonly owner?: number;
  /** Further lines of the entry, e.g. `keep: 2`. */
  readonly lines?: readonly string[];
}

export const publishedName = "published.example.test";

export class PublicationBed implements AsyncDisposable {
  readonly host: HostBed;
  readonly volume: string;
  readonly configuration: string;
  readonly #cleanup: Cleanup;

  private constructor(host: HostBed, cleanup: Cleanup) {
    this.host = host;
    this.volume = join(host.directory, "volume");
    this.configuration = join(host.directory, "livecert.yaml");
    this.#cleanup = cleanup;
  }

  /** The lineage is issued, the volume empty. */
  static async create(
    options: PublicationOptions = {},
  ): Promise<PublicationBed> {
    const cleanup = new Cleanup();
    const host = cleanup.use(await HostBed.create());
    const bed = new PublicationBed(host, cleanup);
    const { owner = 0, layout = "versioned", lines = [] } = options;
    await mkdir(bed.volume);
    await chown(bed.volume, owner, owner);
    await host.renew(publishedName);
    const text = [
      "publish:",
      "  - name: web",
      `    lineage: ${publishedName}`,
      `    directory: ${bed.volume}`,
      `    layout: ${layout}`,
      "    files: { fullchain: ssl.crt, key: ssl.key }",
      ...lines.map((line) => `    ${line}`),
    ];
    await writeFile(bed.configuration, `${text.join("\n")}\n`);
    return bed;
  }

  run(args: readonly string[], options?: RunOptions): Promise<RunResult> {
    return this.host.livecert.run(this.#configured(args), options);
  }

  document(
    args: readonly string[],
    options?: RunOptions,
  ): Promise<RunDocument> {
    return this.host.livecert.document(this.#configured(args), options);
  }

  #configured(args: readonly string[]): readonly string[] {
    return [...args, "--config", this.configuration];
  }

  renew(): Promise<unknown> {
    return this.host.renew(publishedName);
  }

  onDisk(): Promise<string> {
    return this.host.onDisk(publishedName);
  }

  path(name: "ssl.crt" | "ssl.key"): string {
    return join(this.volume, name);
  }

  /** The leaf's fingerprint that a service finds; throws where there is none. */
  async published(): Promise<string> {
    return fingerprintOf(await readFile(this.path("ssl.crt"), "utf8"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }
}
