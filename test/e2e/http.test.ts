import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { createServer } from "node:net";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { StatusDocument } from "../../src/core/report/document.ts";
import { HostBed } from "../support/host.ts";
import { goesLive, serveNames } from "../support/serve.ts";
import { waitFor } from "../support/wait.ts";
import { WatcherBed } from "../support/watcher.ts";

const name = "shown.example.test";

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
}

interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** `place`: a socket's path or a port of the loopback address. */
function ask(
  place: string | number,
  path: string,
  { method = "GET", headers = {} }: Asking = {},
): Promise<Answer> {
  const where =
    typeof place === "string"
      ? { socketPath: place }
      : { host: "127.0.0.1", port: place };
  return new Promise((resolve, reject) => {
    const asked = request({ ...where, path, method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (text += part));
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
        }),
      );
    });
    asked.on("error", reject);
    asked.end();
  });
}

async function portOf(host: HostBed): Promise<number> {
  const file = join(host.livecert.runDirectory, "watcher.json");
  const { http } = JSON.parse(await readFile(file, "utf8")) as {
    readonly http: string | null;
  };
  return Number(http?.split(":").at(-1));
}

const onAnyPort = { flags: ["--http", "127.0.0.1:0"] };

async function statusAt(place: string | number): Promise<StatusDocument> {
  return JSON.parse((await ask(place, "/api/status")).text) as StatusDocument;
}

describe("the watcher's HTTP", () => {
  it("is on a socket that only its owner and group may use, and goes with the watcher", async () => {
    await using host = await HostBed.create();
    await serveNames(host, [name]);
    const socket = join(host.livecert.runDirectory, "http.sock");
    await using watcher = await WatcherBed.start(host.livecert);
    expect((await stat(socket)).mode & 0o777).toBe(0o660);
    expect(await ask(socket, "/healthz")).toMatchObject({
      status: 200,
      text: "the certificate is live\n",
    });
    // A killed one leaves its socket behind.
    await watcher.kill();
    expect((await stat(socket)).isSocket()).toBe(true);
    await using next = await WatcherBed.start(host.livecert);
    expect((await ask(socket, "/healthz")).status).toBe(200);
    expect((await next.stop()).exitCode).toBe(0);
    await expect(stat(socket)).rejects.toThrow("ENOENT");
  });

  it("tells what livecert status tells, without a handshake for it", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert, onAnyPort);
    const port = await portOf(host);
    const asked = (await host.livecert.document(["status"])) as StatusDocument;
    const told = await statusAt(port);
    expect(told.lineages).toEqual(asked.lineages);
    expect(told.watcher).toEqual(asked.watcher);
    await host.nginx.stop();
    expect((await statusAt(port)).lineages).toEqual(asked.lineages);
    expect((await ask(port, "/metrics")).text).toContain(
      'livecert_nginx_running{target="host"} 0',
    );
    expect(address).not.toBe("");
    expect(watcher.text).not.toContain('"level":50');
  });

  it("turns to 503 while a certificate is not live, with the reason, and back", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert, onAnyPort);
    const port = await portOf(host);
    const files = await host.files([name]);
    await host.certbot.write(name, { ...files, fullchain: "none\n" });
    await waitFor("a failure is told", async () => {
      return (await ask(port, "/healthz")).status === 503;
    });
    expect((await ask(port, "/healthz")).text).toBe(`1 not live: ${name}\n`);
    const failing = await statusAt(port);
    expect(failing).toMatchObject({ outcome: "rejected", exitCode: 3 });
    expect(failing.lineages[0]?.served).toHaveLength(1);
    expect(failing.events[0]).toMatchObject({ name, outcome: "rejected" });
    expect(failing.watcher?.retries[0]).toMatchObject({ name });
    const metrics = (await ask(port, "/metrics")).text;
    expect(metrics).toMatch(/^livecert_certificate_live\{.*\} 0$/m);
    expect(metrics).toMatch(
      /^livecert_failures_total\{outcome="rejected"\} [1-9]/m,
    );
    await host.certbot.write(name, files);
    await goesLive(host, name, address);
    await waitFor("all is well again", async () => {
      return (await ask(port, "/healthz")).status === 200;
    });
    const mended = (await ask(port, "/metrics")).text;
    expect(mended).toMatch(/^livecert_certificate_live\{.*\} 1$/m);
    expect(mended).toContain('livecert_reloads_total{target="host"} 1');
    expect(mended).toContain("livecert_time_to_live_seconds_count 1");
    expect(mended).toMatch(/^livecert_retries_total [1-9]/m);
    expect(watcher.pid).toBeGreaterThan(0);
  });

  it("turns back as soon as a person has mended it, however late the next attempt is", async () => {
    await using host = await HostBed.create();
    await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert, {
      flags: [
        ...onAnyPort.flags,
        ...["--watch-retry-first", "2h", "--watch-retry-longest", "2h"],
      ],
    });
    const port = await portOf(host);
    await host.nginx.stop();
    await host.renew(name);
    await waitFor("a failure is told", async () => {
      return (await ask(port, "/healthz")).status === 503;
    });
    await host.nginx.start();
    const byHand = await host.livecert.run(["deploy"]);
    expect(byHand.exitCode).toBe(0);
    await waitFor("all is well again", async () => {
      return (await ask(port, "/healthz")).status === 200;
    });
    expect((await statusAt(port)).watcher?.retries).toEqual([]);
    await watcher.says("no longer failing");
  });

  it("knows what a hook has made live", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert, {
      // The hook has to be done before the watcher looks for itself.
      flags: [...onAnyPort.flags, "--watch-quiet", "10s"],
    });
    const port = await portOf(host);
    await host.renew(name);
    const environment = {
      ...process.env,
      RENEWED_LINEAGE: host.certbot.live(name),
    };
    const hook = await host.livecert.run(["hook"], { environment });
    expect(hook.exitCode).toBe(0);
    await goesLive(host, name, address);
    const fingerprint = await host.onDisk(name);
    const known = await waitFor(
      "the hook's doing is known",
      async () => {
        const document = await statusAt(port);
        const [lineage] = document.lineages;
        return lineage?.served[0]?.fingerprint256 === fingerprint
          ? document
          : null;
      },
      90_000,
    );
    expect(known.lineages[0]).toMatchObject({
      outcome: "live",
      last: { outcome: "deployed" },
      leaf: { fingerprint256: fingerprint },
      probes: [{ verdict: "live", before: fingerprint }],
    });
    expect(known.events[0]).toMatchObject({ command: "hook" });
    expect((await ask(port, "/metrics")).text).toContain(
      'livecert_reloads_total{target="host"} 1',
    );
    expect(watcher.text).not.toContain("certificates went live");
  });

  it("can only be read, by a name that nobody can rebind, with a page that runs nothing foreign", async () => {
    await using host = await HostBed.create();
    await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert, onAnyPort);
    const port = await portOf(host);
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"])
      expect(await ask(port, "/", { method })).toMatchObject({
        status: 405,
        headers: { allow: "GET, HEAD" },
      });
    const rebound = { headers: { host: `attacker.example:${String(port)}` } };
    for (const path of ["/", "/metrics", "/api/status", "/healthz"]) {
      expect((await ask(port, path, rebound)).status).toBe(421);
      expect(await ask(port, path, { method: "HEAD" })).toMatchObject({
        status: 200,
        text: "",
        headers: { "x-content-type-options": "nosniff" },
      });
    }
    const own = { headers: { host: `localhost:${String(port)}` } };
    const page = await ask(port, "/", own);
    expect(page.status).toBe(200);
    expect(page.headers["content-security-policy"]).toMatch(
      /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+';/,
    );
    expect(page.text).not.toMatch(/\s(?:src|href)="(?!data:)/);
    expect((await ask(port, "/../../etc/passwd")).status).toBe(404);
    expect((await ask(port, "/%00")).status).toBe(404);
    const { headers } = await ask(port, "/api/status");
    const again = { headers: { "if-none-match": String(headers["etag"]) } };
    expect((await ask(port, "/api/status", again)).status).toBe(304);
    expect(watcher.text).not.toContain('"level":50');
  });

  it("warns where the address is taken, and works on without it", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    const taken = createServer();
    await new Promise<void>((resolve) =>
      taken.listen(0, "127.0.0.1", () => resolve()),
    );
    const bound = taken.address();
    const port = typeof bound === "object" && bound !== null ? bound.port : 0;
    try {
      await using watcher = await WatcherBed.start(host.livecert, {
        flags: ["--http", `127.0.0.1:${String(port)}`],
      });
      await watcher.says("no metrics and no page");
      await host.renew(name);
      await goesLive(host, name, address);
      expect((await watcher.stop()).exitCode).toBe(0);
    } finally {
      taken.close();
    }
  });

  it("does not wait for clients when it ends", async () => {
    await using host = await HostBed.create();
    await serveNames(host, [name]);
    await using watcher = await WatcherBed.start(host.livecert, onAnyPort);
    const socket = connect({ port: await portOf(host), host: "127.0.0.1" });
    socket.on("error", () => undefined);
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    socket.write("GET / HTTP/1.1\r\n");
    const { exitCode, tookMs } = await watcher.stop();
    socket.destroy();
    expect(exitCode).toBe(0);
    expect(tookMs).toBeLessThan(5_000);
  });
});

describe("metrics.textfile", () => {
  it("is written by every run while no watcher runs, for everybody to read, and tells all certificates", async () => {
    await using host = await HostBed.create();
    const other = "other.example.test";
    const address = await serveNames(host, [name, other]);
    const file = join(host.directory, "livecert.prom");
    const flags = ["--metrics-textfile", file];
    const first = await host.livecert.run(["deploy", ...flags]);
    expect(first.exitCode).toBe(0);
    expect((await stat(file)).mode & 0o777).toBe(0o644);
    await host.renew(name);
    const second = await host.livecert.run(["deploy", name, ...flags]);
    expect(second.exitCode).toBe(0);
    expect(await host.isLive(name, address)).toBe(true);
    const text = await readFile(file, "utf8");
    for (const certificate of [name, other]) {
      expect(text).toMatch(
        new RegExp(
          `^livecert_certificate_live\\{certificate="${certificate}",.*\\} 1$`,
          "m",
        ),
      );
      expect(text).toMatch(
        new RegExp(
          `^livecert_certificate_served_not_after_timestamp_seconds\\{certificate="${certificate}",.*\\} \\d+$`,
          "m",
        ),
      );
    }
    expect(text).toContain("# TYPE livecert_reloads_total counter");
    expect(text).toContain('livecert_reloads_total{target="host"} 1');
    expect(text).not.toContain("# EOF");
  });

  it("is a warning where it cannot be written", async () => {
    await using host = await HostBed.create();
    await serveNames(host, [name]);
    await writeFile(join(host.directory, "file"), "");
    const run = await host.livecert.run([
      "deploy",
      ...["--metrics-textfile", join(host.directory, "file", "x.prom")],
    ]);
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toContain("the metrics cannot be written");
  });
});

describe("livecert status --nagios", () => {
  it("says in one line and an exit code what monitoring wants to know", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, [name]);
    const ok = await host.livecert.run(["status", "--nagios"]);
    expect(ok).toMatchObject({ exitCode: 0 });
    expect(ok.stdout).toMatch(
      /^LIVECERT OK - the certificate is live; the next expires in 89 days \(shown\.example\.test\) \| certificates=1;;;0 not_live=0;;0;0 .*next_expiry_days=\d+\.\d\n$/,
    );
    await host.renew(name);
    const critical = await host.livecert.run(["status", "--nagios"]);
    expect(critical.exitCode).toBe(2);
    expect(critical.stdout).toMatch(
      /^LIVECERT CRITICAL - 1 not live: shown\.example\.test;.*not_live=1;;0;0/,
    );
    await host.livecert.run(["deploy"]);
    const dueSoon = new Date(Date.now() - 70 * 86_400_000);
    await host.renew(name, { notBefore: dueSoon, notAfter: in20Days() });
    await host.livecert.run(["deploy"]);
    await goesLive(host, name, address);
    const warning = await host.livecert.run(["status", "--nagios"]);
    expect(warning.exitCode).toBe(1);
    expect(warning.stdout).toMatch(/^LIVECERT WARNING - 1 overdue for renewal/);
  });

  it("is UNKNOWN on standard output where nothing can be found out", async () => {
    await using host = await HostBed.create();
    const file = join(host.directory, "livecert.yaml");
    await writeFile(file, "htp: off\n");
    await chmod(file, 0o600);
    const run = await host.livecert.run([
      ...["status", "--nagios", "--config", file],
    ]);
    expect(run.exitCode).toBe(3);
    expect(run.stdout).toMatch(/^LIVECERT UNKNOWN - .*there is no option htp/);
  });
});

function in20Days(): Date {
  return new Date(Date.now() + 20 * 86_400_000);
}
