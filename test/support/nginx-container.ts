/** Nginx in a container of a real engine, as its administrators run it, looked at from outside. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { servedFingerprint } from "./client.ts";
import { nginxImage, type DockerEngine } from "./docker.ts";
import type { Pair } from "./host.ts";
import { freePort } from "./ports.ts";
import { waitFor } from "./wait.ts";

export interface NginxContainerOptions {
  readonly engine: DockerEngine;
  readonly name: string;
  /** A directory of the test's own, where its configuration is kept. */
  readonly directory: string;
  /** As after `--volume`. */
  readonly volumes: readonly string[];
  /** One server block each; paths inside of the container. */
  readonly sites: readonly (Pair & { readonly name: string })[];
  /** What PID 1 is: Nginx's master, or tini with supervisord below it, as in AzuraCast. */
  readonly runs?: "nginx" | "supervisord";
  /** In place of what `runs` says. */
  readonly command?: readonly string[];
  /** Where that command is started. */
  readonly workingDirectory?: string;
  /** Further options of `docker run`, e.g. labels. */
  readonly options?: readonly string[];
}

export class NginxContainer {
  readonly name: string;
  /** Where its port 443 is published. */
  readonly address: string;
  readonly #options: NginxContainerOptions;

  private constructor(options: NginxContainerOptions, address: string) {
    this.name = options.name;
    this.address = address;
    this.#options = options;
  }

  /** Started, and its workers accept. */
  static async start(options: NginxContainerOptions): Promise<NginxContainer> {
    const address = `127.0.0.1:${await freePort()}`;
    const container = new NginxContainer(options, address);
    await mkdir(container.#configurations, { recursive: true });
    await container.#writeConfigurations();
    await container.start();
    return container;
  }

  /** `docker run`: a new container of this name. */
  async start(): Promise<void> {
    const { engine, volumes, runs = "nginx", options = [] } = this.#options;
    const { command = commands[runs], workingDirectory = "/" } = this.#options;
    await engine.do(
      ...["run", "--detach", "--name", this.name],
      ...["--publish", `${this.address}:443`],
      ...["--volume", `${this.#configurations}:/etc/nginx:ro`],
      ...volumes.flatMap((volume) => ["--volume", volume]),
      ...options,
      ...["--workdir", workingDirectory],
      nginxImage,
      ...command,
    );
    const { name = "" } = this.#options.sites[0] ?? {};
    await waitFor(`${this.name} serves`, async () => {
      return (await this.served(name)) !== null;
    });
  }

  async remove(): Promise<void> {
    await this.#options.engine.do("rm", "--force", "--volumes", this.name);
  }

  /** `docker compose up --force-recreate`: another id under the same name. */
  async recreate(): Promise<void> {
    await this.remove();
    await this.start();
  }

  async pause(): Promise<void> {
    await this.#options.engine.do("pause", this.name);
  }

  async unpause(): Promise<void> {
    await this.#options.engine.do("unpause", this.name);
  }

  /** Of the leaf that a client is handed at the published port. */
  served(name: string): Promise<string | null> {
    return servedFingerprint({ address: this.address, servername: name });
  }

  /** How often workers were brought up in this container, by its start and by reloads. */
  async generations(): Promise<number> {
    const lines = (await this.log()).split("\n");
    return lines.filter((line) => line.endsWith(": start worker processes"))
      .length;
  }

  /** What the container wrote. */
  async log(): Promise<string> {
    const { stdout, stderr } = await this.#options.engine.docker(
      ...["logs", this.name],
    );
    return stdout + stderr;
  }

  get #configurations(): string {
    return join(this.#options.directory, `${this.name}-etc`);
  }

  async #writeConfigurations(): Promise<void> {
    const servers = this.#options.sites.map(
      ({ name, certificate, key }) => `
  server {
    listen 443 ssl;
    server_name ${name};
    ssl_certificate ${certificate};
    ssl_certificate_key ${key};
    return 200 "ok\\n";
  }`,
    );
    await writeFile(
      join(this.#configurations, "nginx.conf"),
      `user www-data;
worker_processes 2;
pid /run/nginx.pid;
error_log stderr notice;
events { worker_connections 256; }
http {
  access_log off;
  ssl_protocols TLSv1.2 TLSv1.3;${servers.join("")}
}
`,
    );
    await writeFile(
      join(this.#configurations, "supervisord.conf"),
      supervisordConfiguration,
    );
  }
}

const commands = {
  nginx: ["nginx", "-g", "daemon off;"],
  supervisord: [
    ...["tini", "--", "supervisord", "-c", "/etc/nginx/supervisord.conf"],
  ],
} as const;

const supervisordConfiguration = `[supervisord]
nodaemon=true
user=root
logfile=/dev/null
logfile_maxbytes=0
pidfile=/run/supervisord.pid
[program:nginx]
command=nginx -g "daemon off;"
stdout_logfile=/dev/fd/1
stdout_logfile_maxbytes=0
stderr_logfile=/dev/fd/2
stderr_logfile_maxbytes=0
`;
