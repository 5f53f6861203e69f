/** A machine with one lineage, served by a real Nginx, whose renewals cost next to nothing. */
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { HostBed } from "../support/host.ts";
import { kinds } from "../support/lineage.ts";
import { serverBlock } from "../support/nginx.ts";
import type { RunOptions, RunResult } from "../support/run.ts";

export const name = "proof.example.test";
const dayMs = 86_400_000;

export class Machine implements AsyncDisposable {
  readonly bed: HostBed;
  readonly address: string;
  #version = 0;
  #fingerprint = "";

  private constructor(bed: HostBed, address: string) {
    this.bed = bed;
    this.address = address;
  }

  static async start(): Promise<Machine> {
    const bed = await HostBed.create();
    try {
      const machine = new Machine(bed, await bed.nginx.address());
      await machine.renew();
      await bed.nginx.configure({
        http: serverBlock({
          listen: [`${machine.address} ssl`],
          names: [name],
          pairs: [bed.pair(name)],
        }),
      });
      await bed.nginx.start();
      return machine;
    } catch (error) {
      await bed[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** As Certbot does, also in that only a few old versions are kept; valid from ten days ago for ninety days. */
  async renew(): Promise<void> {
    const now = Date.now();
    await this.bed.renew(name, {
      notBefore: new Date(now - 10 * dayMs),
      notAfter: new Date(now + 80 * dayMs),
    });
    this.#version += 1;
    this.#fingerprint = await this.bed.onDisk(name);
    for (const kind of kinds)
      await rm(this.bed.certbot.archive(name, kind, this.#version - 5), {
        force: true,
      });
  }

  /** What Certbot gives a hook. */
  get environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      RENEWED_LINEAGE: this.bed.certbot.live(name),
      RENEWED_DOMAINS: name,
    };
  }

  hook(options: RunOptions = {}): Promise<RunResult> {
    return this.bed.livecert.run(["hook", "--json"], {
      environment: this.environment,
      ...options,
    });
  }

  /** Whether a client is handed the leaf that is on disk. */
  async isLive(): Promise<boolean> {
    return (await this.#served()) === this.#fingerprint;
  }

  /** As before the first run of all. */
  async forget(): Promise<void> {
    const { stateDirectory, runDirectory } = this.bed.livecert;
    for (const directory of [stateDirectory, runDirectory])
      for (const entry of await readdir(directory))
        await rm(join(directory, entry), { recursive: true });
  }

  /** Names in the state of what was begun and not finished. */
  async unfinished(): Promise<readonly string[]> {
    const { stateDirectory } = this.bed.livecert;
    const files = await readdir(stateDirectory, { recursive: true });
    return files.filter((path) => /\.(?:tmp|taken|corrupt)$/.test(path));
  }

  /** Every name below Certbot's directory with its inode and the time of its last change. */
  async certbotTree(): Promise<string> {
    const { path } = this.bed.certbot;
    const names = (await readdir(path, { recursive: true })).sort();
    const lines = names.map(async (file) => {
      const { ino, mtimeMs, ctimeMs } = await stat(join(path, file));
      return `${file} ${ino} ${mtimeMs} ${ctimeMs}`;
    });
    return (await Promise.all(lines)).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bed[Symbol.asyncDispose]();
  }

  #served(): Promise<string> {
    const [host = "", port = ""] = this.address.split(":");
    return new Promise((resolve, reject) => {
      const socket = connect(
        {
          host,
          port: Number(port),
          servername: name,
          rejectUnauthorized: false,
          timeout: 10_000,
        },
        () => {
          resolve(socket.getPeerCertificate().fingerprint256);
          socket.destroy();
        },
      );
      socket.once("timeout", () => socket.destroy(new Error("no answer")));
      socket.once("error", reject);
    });
  }
}
