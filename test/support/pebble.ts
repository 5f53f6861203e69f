import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile, writeFile } from "node:fs/promises";
import { get } from "node:https";
import { join } from "node:path";
import { Cleanup } from "./cleanup.ts";
import { CertbotDirectory } from "./lineage.ts";
import { createPki } from "./pki.ts";
import { freePorts } from "./ports.ts";
import { hasEnded } from "./processes.ts";
import {
  mustRun,
  start,
  type RunningProgram,
  type RunOptions,
  type RunResult,
} from "./run.ts";
import { temporaryDirectory } from "./temporary.ts";
import { waitFor } from "./wait.ts";

/** `certbot renew` of all that there is, at once. */
export const renewal = [
  ...["renew", "--force-renewal", "--no-random-sleep-on-renew"],
] as const;

const certbotProgram = join(import.meta.dirname, "programs", "certbot");

export interface PebbleOptions {
  /** Lifetime of the certificates issued. */
  readonly validitySeconds?: number;
  /** Intermediates below the root. */
  readonly chainLength?: number;
  /** Further roots over the same issuing key, for `--preferred-chain`. */
  readonly alternateRoots?: number;
}

/**
 * Pebble, an ACME server for tests, with a Certbot of the test's own: separate
 * configuration, work and log directories. Challenges always succeed, so no
 * name is looked up and no port below 1024 is used.
 */
export class PebbleBed implements AsyncDisposable {
  readonly directory: string;
  readonly certbotDirectory: CertbotDirectory;
  /** Certbot's log: what hooks said with `-q`. */
  readonly certbotLog: string;
  readonly directoryUrl: string;
  /** The root that the issued chains end at, as a file. */
  readonly rootFile: string;
  readonly #apiCertificate: string;
  readonly #cleanup: Cleanup;

  private constructor(
    directory: string,
    server: PebbleServer,
    certbotDirectory: CertbotDirectory,
    cleanup: Cleanup,
  ) {
    this.directory = directory;
    this.certbotDirectory = certbotDirectory;
    this.certbotLog = join(directory, "log", "letsencrypt.log");
    this.directoryUrl = server.directoryUrl;
    this.rootFile = server.rootFile;
    this.#apiCertificate = server.apiCertificate;
    this.#cleanup = cleanup;
  }

  static async start(options: PebbleOptions = {}): Promise<PebbleBed> {
    const cleanup = new Cleanup();
    try {
      const { path } = cleanup.use(await temporaryDirectory());
      const server = await startPebble(path, options, cleanup);
      const certbot = await CertbotDirectory.create(join(path, "letsencrypt"));
      return new PebbleBed(path, server, certbot, cleanup);
    } catch (error) {
      await cleanup[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Certbot with this bed's directories and server, never interactive. `-q` is left to the caller: it hides what hooks say. */
  async certbot(
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<RunResult> {
    return (await this.startCertbot(args, options)).ended;
  }

  /** The same, to be watched or killed under way; the pid is Certbot's own. */
  startCertbot(
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<RunningProgram> {
    const [subcommand = "certificates", ...rest] = args;
    return start(
      "/usr/bin/python3",
      [certbotProgram, subcommand, ...this.#options(), ...rest],
      { ...options, environment: this.environment(options.environment) },
    );
  }

  /** What Certbot needs beyond `base` (by default the test's own): trust in Pebble's API, and a place for the log that an early end leaves. */
  environment(base: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
    return {
      ...base,
      REQUESTS_CA_BUNDLE: this.#apiCertificate,
      TMPDIR: this.directory,
    };
  }

  /** Issues a lineage that is named like the first name, by `certonly`. */
  async issue(
    names: readonly string[],
    args: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<void> {
    const domains = names.flatMap((name) => ["-d", name]);
    const result = await this.certbot(
      [...this.#issuance, ...domains, ...args],
      options,
    );
    if (result.exitCode !== 0)
      throw new Error(
        `certbot issued nothing: ${result.stdout}${result.stderr}`,
      );
  }

  /** One lineage per name, with one start of Certbot for all. */
  async issueEach(names: readonly string[]): Promise<void> {
    const list = join(this.directory, "names.txt");
    await writeFile(list, names.map((name) => `${name}\n`).join(""));
    const [subcommand = "", ...rest] = this.#issuance;
    await mustRun(
      "/usr/bin/python3",
      [certbotProgram, subcommand, ...this.#options(), ...rest],
      {
        environment: { ...this.environment(), LIVECERT_TEST_ISSUE: list },
        limitMs: 600_000,
      },
    );
  }

  /** `certbot renew --force-renewal` of all lineages, or as `args` say. */
  renew(
    args: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<RunResult> {
    return this.certbot([...renewal, ...args], options);
  }

  /** What Certbot logged, or nothing where it has not run. */
  async log(): Promise<string> {
    return readFile(this.certbotLog, "utf8").catch(() => "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }

  get #issuance(): readonly string[] {
    return [
      ...["certonly", "-q", "--agree-tos", "--register-unsafely-without-email"],
      ...["--server", this.directoryUrl, "--manual"],
      ...["--preferred-challenges", "http", "--manual-auth-hook", "/bin/true"],
    ];
  }

  #options(): readonly string[] {
    return [
      "-n",
      ...["--config-dir", this.certbotDirectory.path],
      ...["--work-dir", join(this.directory, "work")],
      ...["--logs-dir", join(this.directory, "log")],
    ];
  }
}

interface PebbleServer {
  readonly directoryUrl: string;
  /** File: what a client of the API must trust. */
  readonly apiCertificate: string;
  readonly rootFile: string;
}

async function startPebble(
  directory: string,
  options: PebbleOptions,
  cleanup: Cleanup,
): Promise<PebbleServer> {
  const [api = 0, management = 0, http = 0, tls = 0] = await freePorts(4);
  const apiCertificate = await writeConfiguration(directory, options, {
    listenAddress: `127.0.0.1:${api}`,
    managementListenAddress: `127.0.0.1:${management}`,
    httpPort: http,
    tlsPort: tls,
  });
  await spawnPebble(directory, options, cleanup);
  const trusted = await readFile(apiCertificate, "utf8");
  const root = await waitFor("Pebble answers", () =>
    download(`https://127.0.0.1:${management}/roots/0`, trusted),
  );
  const directoryUrl = `https://127.0.0.1:${api}/dir`;
  await waitFor("Pebble's API answers", () => download(directoryUrl, trusted));
  const rootFile = join(directory, "root.pem");
  await writeFile(rootFile, root);
  return { directoryUrl, apiCertificate, rootFile };
}

/** Pebble's two listeners are served with a certificate of their own; returns its path. */
async function writeConfiguration(
  directory: string,
  options: PebbleOptions,
  listeners: object,
): Promise<string> {
  await using pki = await createPki();
  const api = await pki.root.leaf({ names: ["localhost", "127.0.0.1"] });
  const certificate = join(directory, "api-root.pem");
  await writeFile(certificate, pki.root.certificate);
  await writeFile(join(directory, "api.pem"), api.certificate);
  await writeFile(join(directory, "api-key.pem"), api.key, { mode: 0o600 });
  await writeFile(
    join(directory, "pebble.json"),
    JSON.stringify({
      pebble: {
        ...listeners,
        certificate: join(directory, "api.pem"),
        privateKey: join(directory, "api-key.pem"),
        ocspResponderURL: "",
        externalAccountBindingRequired: false,
        certificateValidityPeriod: options.validitySeconds ?? 7_776_000,
      },
    }),
  );
  return certificate;
}

async function spawnPebble(
  directory: string,
  options: PebbleOptions,
  cleanup: Cleanup,
): Promise<void> {
  const log = await open(join(directory, "pebble.log"), "a");
  const child = spawn(
    "setpriv",
    [
      ...["--pdeathsig", "KILL", "pebble"],
      ...["-config", join(directory, "pebble.json")],
    ],
    {
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
      env: {
        ...process.env,
        PEBBLE_VA_ALWAYS_VALID: "1",
        PEBBLE_VA_NOSLEEP: "1",
        PEBBLE_WFE_NONCEREJECT: "0",
        PEBBLE_CHAIN_LENGTH: String(options.chainLength ?? 1),
        PEBBLE_ALTERNATE_ROOTS: String(options.alternateRoots ?? 0),
      },
    },
  );
  await once(child, "spawn");
  await log.close();
  child.unref();
  cleanup.defer(async () => {
    child.kill("SIGKILL");
    await waitFor("Pebble ends", () => hasEnded(child.pid ?? 0));
  });
}

/** The body, or null while nothing answers. */
function download(url: string, trusted: string): Promise<string | null> {
  return new Promise((resolve) => {
    get(url, { ca: trusted, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => (body += text));
      response.on("end", () =>
        resolve(response.statusCode === 200 ? body : null),
      );
    }).on("error", () => resolve(null));
  });
}
