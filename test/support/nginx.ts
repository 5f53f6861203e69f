import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFile,
  chmod,
  mkdir,
  open,
  readFile,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { Cleanup } from "./cleanup.ts";
import { freePort } from "./ports.ts";
import {
  childrenOf,
  hasEnded,
  processEntry,
  type ProcessEntry,
} from "./processes.ts";
import { run, type RunResult } from "./run.ts";
import { temporaryDirectory } from "./temporary.ts";
import { waitFor } from "./wait.ts";

/** Debian's. */
export const nginxProgram = "/usr/sbin/nginx";

export interface ServerBlockText {
  /** The words after `listen`, e.g. `127.0.0.1:8443 ssl`. */
  readonly listen: readonly string[];
  readonly names?: readonly string[];
  /** One pair or one per key type. */
  readonly pairs?: readonly {
    readonly certificate: string;
    readonly key: string;
  }[];
  /** Further directives. */
  readonly more?: string;
}

/** A `server { … }` of the http context. */
export function serverBlock(server: ServerBlockText): string {
  return [
    "server {",
    ...server.listen.map((words) => `  listen ${words};`),
    ...(server.names === undefined || server.names.length === 0
      ? []
      : [`  server_name ${server.names.join(" ")};`]),
    ...(server.pairs ?? []).flatMap(({ certificate, key }) => [
      `  ssl_certificate "${certificate}";`,
      `  ssl_certificate_key "${key}";`,
    ]),
    server.more ?? '  return 200 "ok\\n";',
    "}",
    "",
  ].join("\n");
}

export interface NginxOptions {
  /** Words before the program, e.g. those of a SyslogBed. */
  readonly through?: readonly string[];
}

export interface NginxConfiguration {
  /** Content of the http block. */
  readonly http?: string;
  /** Content of the stream block; without it the stream module is not loaded. */
  readonly stream?: string;
  /** Content of the main context, first in the file. */
  readonly main?: string;
  readonly workers?: number;
}

/**
 * A real Nginx of the test's own: prefix, configuration, pid file, logs, and
 * ports that the kernel gave. What happened to it is read from outside: from the
 * process table and from its error log, which stands at `notice`.
 */
export class NginxBed implements AsyncDisposable {
  readonly program = nginxProgram;
  readonly prefix: string;
  /** The main configuration file. */
  readonly configuration: string;
  readonly pidFile: string;
  readonly errorLogFile: string;
  readonly #through: readonly string[];
  readonly #cleanup: Cleanup;

  private constructor(
    prefix: string,
    through: readonly string[],
    cleanup: Cleanup,
  ) {
    this.prefix = prefix;
    this.#through = through;
    this.configuration = join(prefix, "nginx.conf");
    this.pidFile = join(prefix, "nginx.pid");
    this.errorLogFile = join(prefix, "error.log");
    this.#cleanup = cleanup;
  }

  /** A bed that is not started and has an empty configuration. */
  static async create(options: NginxOptions = {}): Promise<NginxBed> {
    const cleanup = new Cleanup();
    const { path } = cleanup.use(await temporaryDirectory());
    const bed = new NginxBed(path, options.through ?? [], cleanup);
    await mkdir(join(bed.prefix, "tmp"));
    await bed.configure({});
    // A regular end takes Nginx a tenth of a second.
    cleanup.defer(() => bed.stop("SIGKILL"));
    return bed;
  }

  /** Created, configured and started. */
  static async start(
    configuration: NginxConfiguration,
    options: NginxOptions = {},
  ): Promise<NginxBed> {
    const bed = await NginxBed.create(options);
    try {
      await bed.configure(configuration);
      await bed.start();
      return bed;
    } catch (error) {
      await bed[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `127.0.0.1:PORT` with a port that was free a moment ago. */
  async address(): Promise<string> {
    return `127.0.0.1:${await freePort()}`;
  }

  /** Writes the main configuration file; Nginx learns of it at its next start or reload. */
  async configure(configuration: NginxConfiguration): Promise<void> {
    await writeFile(this.configuration, this.#text(configuration));
  }

  /** An entry of `targets` in a configuration file: this Nginx by commands of the user's. */
  commandTarget(name: string) {
    const words = [this.program, ...this.arguments];
    return {
      ...{ kind: "command", name, "pid-file": this.pidFile },
      dump: [...words, "-T"],
      reload: [...words, "-s", "reload"],
    };
  }

  /** The arguments that make the program this bed's, as an administrator would give them. */
  get arguments(): readonly string[] {
    return ["-e", "stderr", "-p", this.prefix, "-c", this.configuration];
  }

  /** Starts the master as a child that ends with us, and waits until its workers accept. */
  async start(): Promise<number> {
    const stderr = await open(join(this.prefix, "stderr.log"), "a");
    const [program = "setpriv", ...words] = [
      ...this.#through,
      ...["setpriv", "--pdeathsig", "TERM"],
      ...[this.program, ...this.arguments, "-g", "daemon off;"],
    ];
    const child = spawn(program, words, {
      stdio: ["ignore", stderr.fd, stderr.fd],
      detached: true,
      cwd: "/",
    });
    await once(child, "spawn");
    await stderr.close();
    child.unref();
    return waitFor("nginx starts", async () => {
      if (child.exitCode !== null)
        throw new Error(`nginx did not start:\n${await this.#messages()}`);
      const pid = await this.masterPid();
      if (pid === null || pid !== child.pid) return null;
      return (await this.workers()).length > 0 ? pid : null;
    });
  }

  /** Signals the master and waits for its end; nothing where there is none. */
  async stop(signal: "SIGQUIT" | "SIGTERM" | "SIGKILL" = "SIGQUIT") {
    const pid = await this.masterPid();
    if (pid === null) return;
    if (signal === "SIGKILL") return this.#kill(pid);
    process.kill(pid, "SIGCONT");
    process.kill(pid, signal);
    await waitFor("nginx stops", () => hasEnded(pid));
  }

  /** HUP to the master, the plainest of reloads; returns when only new workers accept. */
  async reload(): Promise<void> {
    const old = (await this.workers()).map(({ pid }) => pid);
    await this.signal("SIGHUP");
    await waitFor("only new workers accept", async () => {
      const now = (await this.workers()).map(({ pid }) => pid);
      return now.length > 0 && now.every((pid) => !old.includes(pid));
    });
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    const pid = await this.masterPid();
    if (pid === null) throw new Error("nginx is not running");
    process.kill(pid, signal);
  }

  /** `nginx -t` on this bed's configuration. */
  test(): Promise<RunResult> {
    return run(this.program, [...this.arguments, "-t"]);
  }

  /** `nginx -T`. */
  dump(): Promise<RunResult> {
    return run(this.program, [...this.arguments, "-T"]);
  }

  /** The pid in the pid file where that is a running Nginx of this prefix, else null. */
  async masterPid(): Promise<number | null> {
    const text = await readFile(this.pidFile, "utf8").catch(() => "");
    const entry = text === "" ? null : processEntry(Number(text));
    const ours =
      entry !== null &&
      entry.state !== "Z" &&
      entry.title.startsWith("nginx: master process") &&
      entry.title.includes(this.prefix);
    return ours ? entry.pid : null;
  }

  /** Workers that accept connections. */
  async workers(): Promise<readonly ProcessEntry[]> {
    return this.#children("nginx: worker process");
  }

  /** Old workers that serve their last connections. */
  async draining(): Promise<readonly ProcessEntry[]> {
    return this.#children("nginx: worker process is shutting down");
  }

  async errorLog(): Promise<string> {
    return readFile(this.errorLogFile, "utf8").catch(() => "");
  }

  /** How often the master began to read its configuration anew, whether or not it liked it. */
  async reconfigurations(): Promise<number> {
    return countLines(await this.errorLog(), /: reconfiguring$/);
  }

  /** How often workers were brought up: by starts and by reloads that succeeded. */
  async generations(): Promise<number> {
    return countLines(await this.errorLog(), /: start worker processes$/);
  }

  /**
   * A directory with a program `nginx` that is this bed's Nginx when called without options of its own; for what
   * finds Nginx by PATH.
   */
  async binDirectory(): Promise<string> {
    const directory = join(this.prefix, "bin");
    await mkdir(directory, { recursive: true });
    const words = [this.program, ...this.arguments].map((word) => `'${word}'`);
    await writeFile(
      join(directory, "nginx"),
      `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`,
    );
    await chmod(join(directory, "nginx"), 0o755);
    return directory;
  }

  /** A line in the error log by which a test finds its place. */
  async mark(text: string): Promise<void> {
    await appendFile(this.errorLogFile, `${text}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }

  /** A killed master leaves workers that hold the ports; while it is stopped it neither starts nor collects any. */
  async #kill(master: number): Promise<void> {
    process.kill(master, "SIGSTOP");
    const workers = childrenOf(master).map(({ pid }) => pid);
    for (const pid of [...workers, master]) process.kill(pid, "SIGKILL");
    for (const pid of [...workers, master])
      await waitFor("nginx stops", () => hasEnded(pid));
  }

  async #children(title: string): Promise<readonly ProcessEntry[]> {
    const pid = await this.masterPid();
    if (pid === null) return [];
    return childrenOf(pid).filter((entry) => entry.title === title);
  }

  async #messages(): Promise<string> {
    const stderr = join(this.prefix, "stderr.log");
    return (await readFile(stderr, "utf8")) + (await this.errorLog());
  }

  #text({ http, stream, main, workers }: NginxConfiguration): string {
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (name) => `  ${name}_temp_path "${join(this.prefix, "tmp", name)}";`,
    );
    return [
      main ?? "",
      ...(stream === undefined
        ? []
        : ["load_module /usr/lib/nginx/modules/ngx_stream_module.so;"]),
      `worker_processes ${workers ?? 2};`,
      `pid "${this.pidFile}";`,
      `error_log "${this.errorLogFile}" notice;`,
      "events { worker_connections 256; }",
      "http {",
      "  access_log off;",
      ...temporary,
      "  ssl_protocols TLSv1.2 TLSv1.3;",
      http ?? "",
      "}",
      ...(stream === undefined ? [] : ["stream {", stream, "}"]),
      "",
    ].join("\n");
  }
}

function countLines(text: string, pattern: RegExp): number {
  return text.split("\n").filter((line) => pattern.test(line)).length;
}
