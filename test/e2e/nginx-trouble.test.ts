/** Nginx refuses, is stopped, hangs, or says what is not so: told apart, with an exit code and a remedy for each. */
import { once } from "node:events";
import {
  chmod,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type {
  LineageReport,
  RunDocument,
} from "../../src/core/report/document.ts";
import type {
  Generation,
  TargetRecord,
} from "../../src/core/decision/record.ts";
import { servedFingerprint } from "../support/client.ts";
import { HostBed, type Pair } from "../support/host.ts";
import { kinds } from "../support/lineage.ts";
import { NginxBed, nginxProgram, serverBlock } from "../support/nginx.ts";
import { createKey } from "../support/pki.ts";
import { childrenOf, hasEnded } from "../support/processes.ts";
import { serveNames } from "../support/serve.ts";
import { waitFor } from "../support/wait.ts";

interface Renewed extends AsyncDisposable {
  readonly host: HostBed;
  readonly address: string;
  readonly pair: Pair;
  /** Of the leaf that is served. */
  readonly old: string;
}

/** `a.test` is served, and renewed on disk. */
async function renewed(): Promise<Renewed> {
  const host = await HostBed.create();
  const pair = await host.renew("a.test");
  const address = await host.nginx.address();
  await host.nginx.configure({ http: block(address, pair) });
  await host.nginx.start();
  const old = await host.onDisk("a.test");
  await host.renew("a.test");
  return {
    host,
    address,
    pair,
    old,
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

function block(address: string, pair: Pair, more?: string): string {
  return serverBlock({
    listen: [`${address} ssl`],
    names: ["a.test"],
    pairs: [pair],
    ...(more === undefined ? {} : { more }),
  });
}

function only({ lineages }: RunDocument): LineageReport {
  const [lineage] = lineages;
  if (lineage === undefined || lineages.length > 1)
    throw new Error(`${lineages.length} lineages`);
  return lineage;
}

async function stillServesOld({ address, old }: Renewed): Promise<boolean> {
  const served = await servedFingerprint({ address, servername: "a.test" });
  return served === old;
}

describe("Nginx's own test fails", () => {
  it("is config-invalid, with Nginx's words and no reload", async () => {
    await using bed = await renewed();
    const { host, address, pair } = bed;
    await host.nginx.configure({ http: block(address, pair, "frobnicate;") });
    const document = await host.livecert.document(["deploy"]);
    expect(document).toMatchObject({
      outcome: "config-invalid",
      exitCode: 4,
      reloads: 0,
      nginx: { configOk: false },
    });
    expect(only(document).reason).toContain(
      'unknown directive "frobnicate" in ' + host.nginx.configuration,
    );
    expect(only(document).remedy).toBe(
      "mend it until nginx -t passes, then livecert deploy a.test",
    );
    expect(await host.nginx.reconfigurations()).toBe(0);
    expect(await stillServesOld(bed)).toBe(true);
  });

  it("names the lineage whose key does not fit, in the user's terms", async () => {
    await using bed = await renewed();
    const { host, address, pair } = bed;
    const other = await host.renew("b.test");
    await host.nginx.configure({
      http:
        block(address, pair) +
        serverBlock({
          listen: [`${address} ssl`],
          names: ["b.test"],
          pairs: [other],
        }),
    });
    await host.certbot.tamper("b.test", {
      privkey: await createKey("ec-p256"),
    });
    const { stdout, exitCode } = await host.livecert.run(["deploy", "a.test"]);
    expect(exitCode).toBe(4);
    expect(stdout).toContain(
      `a.test: config-invalid, Nginx's own test fails because of b.test: ${other.key} does not belong to the certificate in ${other.certificate}\n`,
    );
    expect(stdout).toMatch(/\nnginx: .*key values mismatch/);
    expect(stdout).toMatch(
      /\n {2}hint: mend b\.test \(.*\), then livecert deploy a\.test\n/,
    );
  });

  it("names a file that is no lineage's, and the rejected lineage itself where that is to blame", async () => {
    await using bed = await renewed();
    const { host, address, pair } = bed;
    const foreign = join(host.directory, "copied.pem");
    await writeFile(foreign, "");
    await host.nginx.configure({
      http:
        block(address, pair) +
        serverBlock({
          listen: [`${address} ssl`],
          names: ["c.test"],
          pairs: [{ certificate: foreign, key: pair.key }],
        }),
    });
    const blamed = await host.livecert.document(["deploy", "a.test"]);
    expect(only(blamed).reason).toContain(
      `because of ${foreign}: ${foreign} is empty`,
    );
    await host.certbot.tamper("a.test", { fullchain: "" });
    const rejected = await host.livecert.document(["deploy", "a.test"]);
    expect(rejected).toMatchObject({ outcome: "rejected", exitCode: 3 });
  });

  it("is taken up again by a retry", async () => {
    await using bed = await renewed();
    const { host, address, pair } = bed;
    await host.nginx.configure({ http: block(address, pair, "frobnicate;") });
    await host.livecert.document(["deploy"]);
    await host.nginx.configure({ http: block(address, pair) });
    const later = { through: ["faketime", "-f", "+16m"] };
    const document = await host.livecert.document(["retry"], later);
    expect(document).toMatchObject({ outcome: "deployed", exitCode: 0 });
    expect(await host.livecert.document(["retry"])).toMatchObject({
      outcome: null,
      lineages: [],
    });
  });
});

describe("Nginx refuses a reload at run time", () => {
  it("is reload-failed with the line of its error log, and the last run is told by status", async () => {
    await using bed = await renewed();
    const { host, address, pair } = bed;
    const server = createServer((socket) => socket.destroy());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      await host.nginx.configure({
        http: block(address, pair) + block(`127.0.0.1:${port}`, pair),
      });
      const document = await host.livecert.document(["deploy"]);
      expect(document).toMatchObject({
        outcome: "reload-failed",
        exitCode: 5,
        reloads: 0,
      });
      expect(only(document).reason).toMatch(
        new RegExp(
          `\\[emerg\\].* bind\\(\\) to 127\\.0\\.0\\.1:${port} failed .*still could not bind`,
        ),
      );
      expect(only(document).remedy).toContain(
        "another program holds that address",
      );
      expect(await stillServesOld(bed)).toBe(true);
      const { stdout, exitCode } = await host.livecert.run(["status"]);
      expect(exitCode).toBe(6);
      expect(stdout).toMatch(
        /\n {2}last run \(.*\): reload-failed, .*bind\(\)/,
      );
    } finally {
      server.close();
    }
    const document = await host.livecert.document(["deploy"]);
    expect(document).toMatchObject({ outcome: "deployed", exitCode: 0 });
  });
});

describe("Nginx is stopped", () => {
  it("is not-running, leaves no trace of a test, and is verified once it runs", async () => {
    await using bed = await renewed();
    const { host } = bed;
    await host.nginx.stop();
    const files = await readdir(host.nginx.prefix);
    const log = await host.nginx.errorLog();
    for (const command of [
      ["status"],
      ["deploy"],
      ["deploy", "a.test"],
      ["retry"],
      ["uses"],
    ]) {
      const { exitCode } = await host.livecert.run(command);
      if (command[0] !== "uses") expect(exitCode, command[0]).toBe(5);
    }
    expect(await readdir(host.nginx.prefix)).toEqual(files);
    expect(await host.nginx.errorLog()).toBe(log);

    const { stdout } = await host.livecert.run(["deploy"]);
    expect(stdout).toContain("a.test: not-running, Nginx is not running: ");
    // No unit starts an Nginx with a configuration of its own.
    const start = /^ {2}hint: (.* -c \S+); it then loads/m.exec(stdout)?.[1];
    expect(start).toContain(host.nginx.configuration);
    await host.nginx.start();
    const retried = await host.livecert.document(["retry"]);
    expect(retried).toMatchObject({ outcome: "live", exitCode: 0, reloads: 0 });
  });

  it("still rejects what it could not load", async () => {
    await using bed = await renewed();
    const { host } = bed;
    await host.nginx.stop();
    await host.certbot.tamper("a.test", { fullchain: "" });
    const document = await host.livecert.document(["deploy", "a.test"]);
    expect(document).toMatchObject({ outcome: "rejected", exitCode: 3 });
  });

  it("is told from a stranger whose pid its pid file names", async () => {
    await using bed = await renewed();
    const { host } = bed;
    await host.nginx.stop();
    await writeFile(host.nginx.pidFile, `${process.pid}\n`);
    const document = await host.livecert.document(["deploy"]);
    expect(document).toMatchObject({ outcome: "not-running", exitCode: 5 });
    expect(await readFile(host.nginx.pidFile, "utf8")).toBe(`${process.pid}\n`);
  });
});

describe("Nginx hangs", () => {
  it("is reload-failed where the master is stopped, without a signal that would come late", async () => {
    await using bed = await renewed();
    const { host } = bed;
    const master = await host.nginx.masterPid();
    await host.nginx.signal("SIGSTOP");
    const document = await host.livecert.document(["deploy"]);
    expect(document).toMatchObject({ outcome: "reload-failed", exitCode: 5 });
    expect(only(document)).toMatchObject({
      remedy: `kill -CONT ${master}; then livecert retry`,
      probes: [{ verdict: "stale" }],
    });
    await host.nginx.signal("SIGCONT");
    expect(await host.nginx.reconfigurations()).toBe(0);
    const retried = await host.livecert.document(["retry"]);
    expect(retried).toMatchObject({ outcome: "deployed", reloads: 1 });
  });

  it("ends within its limits where the workers are stopped too", async () => {
    await using bed = await renewed();
    const { host } = bed;
    // One that is still to come would answer.
    const workers = await waitFor("both workers", async () => {
      const found = await host.nginx.workers();
      return found.length === 2 ? found : null;
    });
    await host.nginx.signal("SIGSTOP");
    for (const { pid } of workers) process.kill(pid, "SIGSTOP");
    try {
      const document = await host.livecert.document([
        ...["deploy", "--limits-connect", "200ms"],
        ...["--limits-handshake", "200ms"],
      ]);
      expect(document).toMatchObject({ outcome: "reload-failed", exitCode: 5 });
      expect(only(document).probes).toMatchObject([
        {
          verdict: "unverified",
          error: "no end of the handshake within 0.2 s",
        },
      ]);
    } finally {
      for (const { pid } of workers) process.kill(pid, "SIGCONT");
      await host.nginx.signal("SIGCONT");
    }
  });
});

describe("an old worker that does not hear of the reload", () => {
  it("is reloading and not reload-failed, and is live once the worker drains, without a second reload", async () => {
    await using bed = await renewed();
    const { host } = bed;
    const [worker] = await host.nginx.workers();
    const pid = worker?.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    try {
      const document = await host.livecert.document([
        ...["deploy", "--limits-generation-base", "100ms"],
        ...["--limits-generation-max", "2s"],
      ]);
      expect(document).toMatchObject({ outcome: "reloading", exitCode: 6 });
      expect(only(document).reason).toContain("old workers still accept");
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await waitFor("the worker ends", () => hasEnded(pid));
    const retried = await host.livecert.document(["retry"]);
    expect(retried).toMatchObject({ outcome: "live", exitCode: 0, reloads: 0 });
    expect(await host.nginx.reconfigurations()).toBe(1);
  });
});

describe("an old worker that is killed in the middle of a reload", () => {
  it("is no refusal: the others are waited for", async () => {
    await using bed = await renewed();
    const { host } = bed;
    const old = await host.nginx.workers();
    const [killed = 0, stopped = 0] = old.map(({ pid }) => pid);
    for (const pid of [killed, stopped]) process.kill(pid, "SIGSTOP");
    const running = await host.livecert.start(["deploy", "--json"]);
    await waitFor("new workers", async () => {
      const workers = await host.nginx.workers();
      return workers.length === 2 * old.length;
    });
    process.kill(killed, "SIGKILL");
    await waitFor("the master says so", async () =>
      (await host.nginx.errorLog()).includes(
        `worker process ${String(killed)} exited on signal 9`,
      ),
    );
    // Whoever takes that for a refusal has had the time to say so.
    await pause(500);
    process.kill(stopped, "SIGCONT");
    const { exitCode, stdout } = await running.ended;
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: "deployed",
      reloads: 1,
    });
  });
});

describe("links that were switched to files older than the workers", () => {
  it("are no sign that these are loaded", async () => {
    await using host = await HostBed.create();
    const name = "client.example.test";
    await host.renew(name);
    const { certificate, key } = await host.renew(name);
    const switchTo = async (version: number): Promise<void> => {
      for (const kind of kinds) {
        await rm(host.certbot.live(name, kind));
        await symlink(
          host.certbot.archive(name, kind, version),
          host.certbot.live(name, kind),
        );
      }
    };
    await switchTo(1);
    await host.nginx.configure({
      http: `proxy_ssl_certificate ${certificate}; proxy_ssl_certificate_key ${key};\n`,
    });
    await host.nginx.start();
    await pause(100);
    await switchTo(2);
    const document = await host.livecert.document(["deploy"]);
    expect(document).toMatchObject({ outcome: "unverified", reloads: 1 });
    const again = await host.livecert.document(["deploy"]);
    expect(again).toMatchObject({ outcome: "unverified", reloads: 0 });
  });
});

describe("a worker that crashed and was replaced after the renewal", () => {
  it("has what its master has, so that the renewal is not taken for loaded", async () => {
    await using host = await HostBed.create();
    const name = "client.example.test";
    const { certificate, key } = await host.renew(name);
    await host.nginx.configure({
      http: `proxy_ssl_certificate ${certificate}; proxy_ssl_certificate_key ${key};\n`,
    });
    await host.nginx.start();
    await host.renew(name);
    // The second one may come after the start.
    const bothWorkers = (unwanted?: number): Promise<readonly number[]> =>
      waitFor("both workers", async () => {
        const pids = (await host.nginx.workers()).map(({ pid }) => pid);
        const areThere =
          pids.length === 2 && pids.every((pid) => pid !== unwanted);
        return areThere ? pids : null;
      });
    const [crashing = NaN] = await bothWorkers();
    process.kill(crashing, "SIGKILL");
    await bothWorkers(crashing);
    const document = await host.livecert.document(["deploy"]);
    expect(document).toMatchObject({ outcome: "unverified", reloads: 1 });
  });
});

/** A worker waits before it changes the title that it has from its master. */
function slowWorkers(delayMs: number): { readonly through: readonly string[] } {
  const slowly = `--inject=setuid:delay_enter=${String(delayMs * 1_000)}`;
  const strace = ["strace", "-D", "-f", "-qq", "-o", "/dev/null"];
  return { through: [...strace, "--trace=setuid", slowly] };
}

describe("new workers that take their time", () => {
  it("are waited for, though the master rests and no process calls itself a worker yet", async () => {
    await using host = await HostBed.create({ nginx: slowWorkers(1_500) });
    await serveNames(host, ["slow.example.test"]);
    await host.renew("slow.example.test");
    const document = await host.livecert.document([
      ...["deploy", "--limits-generation-base", "100ms"],
    ]);
    expect(document).toMatchObject({ outcome: "deployed", reloads: 1 });
    expect(await host.nginx.reconfigurations()).toBe(1);
  });
});

describe("new workers of which one takes longer than the others", () => {
  it("are waited for and remembered together", async () => {
    await using host = await HostBed.create({ nginx: slowWorkers(3_000) });
    await serveNames(host, ["slow.example.test"]);
    await host.renew("slow.example.test");
    const old = await host.nginx.workers();
    const running = await host.livecert.start(["deploy", "--json"]);
    const master = (await host.nginx.masterPid()) ?? 0;
    const [slow] = await waitFor("both new workers", () => {
      const children = childrenOf(master);
      const own = children.filter(
        ({ pid }) => !old.some((one) => one.pid === pid),
      );
      return own.length === 2 ? own : null;
    });
    process.kill(slow?.pid ?? 0, "SIGSTOP");
    await waitFor("one of them is ready, and the old ones drain", async () => {
      const workers = await host.nginx.workers();
      return workers.length === 1 && workers[0]?.pid !== slow?.pid;
    });
    // Whoever is content with a part has had the time to say so.
    await pause(1_000);
    process.kill(slow?.pid ?? 0, "SIGCONT");
    const { exitCode, stdout } = await running.ended;
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
    expect((await newestGeneration(host))?.workers).toHaveLength(2);
  });
});

/** That the state remembers. */
async function newestGeneration(host: HostBed): Promise<Generation | null> {
  const directory = join(host.livecert.stateDirectory, "v1", "targets");
  const [file = ""] = await readdir(directory);
  const record = JSON.parse(
    await readFile(join(directory, file), "utf8"),
  ) as TargetRecord;
  return record.generations.at(-1) ?? null;
}

describe("a reload command that lies", () => {
  it("is found out, and is called twice and no more for one state", async () => {
    await using bed = await renewed();
    const { host } = bed;
    const { program, calls } = await lyingProgram(host);
    const options = [
      ...["--nginx-bin", program, "--nginx-reload-by", "nginx"],
      ...["--limits-generation-base", "100ms"],
    ];
    const deploy = () => host.livecert.document(["deploy", ...options]);
    const first = await deploy();
    expect(first).toMatchObject({ outcome: "reload-failed", exitCode: 5 });
    expect(only(first).reason).toContain("started no new workers");
    expect(await deploy()).toMatchObject({ outcome: "reload-failed" });
    expect(await deploy()).toMatchObject({ outcome: "stale", exitCode: 6 });
    expect(await deploy()).toMatchObject({ outcome: "stale", exitCode: 6 });
    expect(await calls()).toBe(2);
    expect(await host.nginx.reconfigurations()).toBe(0);

    const honest = await host.livecert.document(["deploy", "--force"]);
    expect(honest).toMatchObject({ outcome: "deployed", reloads: 1 });
  });

  it("is not believed when it fails and says why", async () => {
    await using bed = await renewed();
    const { host } = bed;
    const program = join(host.directory, "nginx");
    await writeFile(
      program,
      `#!/bin/sh\ncase "$*" in *"-s reload") echo "no room left" >&2; exit 9;; esac\nexec ${nginxProgram} "$@"\n`,
    );
    await chmod(program, 0o755);
    const options = ["--nginx-bin", program, "--nginx-reload-by", "nginx"];
    const document = await host.livecert.document(["deploy", ...options]);
    expect(document).toMatchObject({ outcome: "reload-failed", exitCode: 5 });
    expect(only(document).reason).toMatch(
      /-s reload exited with 9\nno room left$/,
    );
  });
});

describe("one Nginx of two of which nothing can be learnt", () => {
  it("keeps the other from nothing, and nobody says that all is well", async () => {
    await using bed = await renewed();
    const { host, address } = bed;
    await using other = await NginxBed.start({});
    const file = join(host.directory, "livecert.yaml");
    const unaskable = {
      ...other.commandTarget("other"),
      dump: ["/bin/false"],
    };
    const targets = [{ kind: "host" }, unaskable];
    await writeFile(file, JSON.stringify({ targets }), { mode: 0o600 });
    const config = ["--config", file];

    const deployed = await host.livecert.document(["deploy", ...config]);
    expect(deployed).toMatchObject({
      ...{ outcome: "deployed", exitCode: 0, nginx: { unjudged: ["other"] } },
      warnings: [
        expect.stringMatching(/^other: its configuration could not be asked: /),
      ],
    });
    expect(await host.isLive("a.test", address)).toBe(true);
    const uses = await host.livecert.run(["uses", "--json", ...config]);
    expect(JSON.parse(uses.stdout)).toMatchObject({
      uses: [{ target: "host", lineage: "a.test" }],
      warnings: [expect.stringContaining("other: ")],
    });
    const status = await host.livecert.run(["status", ...config]);
    expect(status.stdout).toContain("live; nothing is known of other\n");
    const plugin = await host.livecert.run(["status", "--nagios", ...config]);
    expect(plugin).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining("nothing is known of other") as string,
    });
  });
});

describe("a configuration that is refused before any certificate is known", () => {
  it("is a failure, and nobody says that there is nothing to do", async () => {
    await using host = await HostBed.create();
    await host.nginx.configure({ http: "" });
    await host.nginx.start();
    const sound = await readFile(host.nginx.configuration, "utf8");
    await writeFile(host.nginx.configuration, `${sound}\nnonsense;\n`);
    const { exitCode, stdout } = await host.livecert.run(["deploy"]);
    expect(exitCode).toBe(4);
    expect(stdout).toContain("nonsense");
    expect(stdout).toContain("could not be asked");
    expect(await host.livecert.document(["status"])).toMatchObject({
      outcome: "config-invalid",
      exitCode: 4,
    });
  });
});

describe("one Nginx of two whose configuration is refused", () => {
  it("keeps the other from nothing, and is told in every answer", async () => {
    await using bed = await renewed();
    const { host, address } = bed;
    const http = block(await host.nginx.address(), bed.pair);
    await using other = await NginxBed.start({ http });
    const file = join(host.directory, "livecert.yaml");
    const targets = [{ kind: "host" }, other.commandTarget("other")];
    await writeFile(file, JSON.stringify({ targets }), { mode: 0o600 });
    const sound = await readFile(other.configuration, "utf8");
    const deploy = () => host.livecert.document(["deploy", "--config", file]);

    // Nobody knows yet what it serves.
    await writeFile(other.configuration, `${sound}\nnonsense;\n`);
    const unknown = await deploy();
    expect(unknown).toMatchObject({
      ...{ outcome: "deployed", reloads: 1, nginx: { configOk: false } },
      warnings: [expect.stringContaining("nonsense")],
    });
    expect(await host.isLive("a.test", address)).toBe(true);

    await writeFile(other.configuration, sound);
    expect(await deploy()).toMatchObject({
      ...{ exitCode: 0, nginx: { configOk: true }, warnings: [] },
    });

    const uses = await host.livecert.run(["uses", "--config", file]);
    expect(uses.stdout).toMatch(
      /^\S+\ta\.test\t.*\thost\n\S+\ta\.test\t.*\tother\n$/,
    );

    await writeFile(other.configuration, `${sound}\nnonsense;\n`);
    await host.renew("a.test");
    const refused = await deploy();
    expect(refused).toMatchObject({
      ...{ outcome: "config-invalid", exitCode: 4, reloads: 1 },
      nginx: { configOk: false },
    });
    expect(only(refused).reason).toContain("other: ");
    expect(await host.isLive("a.test", address)).toBe(true);
  });
});

describe("what others change while Nginx tests its configuration", () => {
  it("is looked at again where it is the lineage that the hook is about", async () => {
    await using bed = await renewed();
    const { host, address } = bed;
    const key = join(host.certbot.live("a.test"), "privkey.pem");
    const program = await meddlingProgram(host, `chmod 640 '${key}'`);
    const { exitCode, stdout } = await host.livecert.run(
      ["hook", "--nginx-bin", program],
      { environment: { RENEWED_LINEAGE: host.certbot.live("a.test") } },
    );
    expect(stdout).toContain("deployed");
    expect(exitCode).toBe(0);
    expect(await host.isLive("a.test", address)).toBe(true);
    expect(await host.nginx.reconfigurations()).toBe(1);
  });

  it("is not loaded untested where it is the configuration", async () => {
    await using bed = await renewed();
    const { host } = bed;
    const program = await meddlingProgram(
      host,
      `echo 'frobnicate on;' >>'${host.nginx.configuration}'`,
    );
    const options = ["--nginx-bin", program];
    const document = await host.livecert.document(["deploy", ...options]);
    expect(document).toMatchObject({ outcome: "config-invalid", exitCode: 4 });
    expect(await host.nginx.reconfigurations()).toBe(0);
  });
});

/** A wrapper around the real Nginx that does something when the first test has ended but before that is told. */
async function meddlingProgram(
  host: HostBed,
  something: string,
): Promise<string> {
  const program = join(host.directory, "nginx");
  const done = join(host.directory, "done");
  await writeFile(
    program,
    `#!/bin/sh
${nginxProgram} "$@"
code=$?
case "$*" in *-T*) [ -e '${done}' ] || { : >'${done}'; ${something}; };; esac
exit $code
`,
  );
  await chmod(program, 0o755);
  return program;
}

/** A wrapper around the real Nginx that answers `-s reload` with success and does nothing. */
async function lyingProgram(host: HostBed): Promise<{
  readonly program: string;
  readonly calls: () => Promise<number>;
}> {
  const program = join(host.directory, "nginx");
  const log = join(host.directory, "reloads");
  await writeFile(
    program,
    `#!/bin/sh\ncase "$*" in *"-s reload") echo called >>'${log}'; exit 0;; esac\nexec ${nginxProgram} "$@"\n`,
  );
  await chmod(program, 0o755);
  const calls = async (): Promise<number> =>
    (await readFile(log, "utf8")).split("\n").length - 1;
  return { program, calls };
}
