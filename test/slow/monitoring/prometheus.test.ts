/** Debian's Prometheus and promtool with what a real watcher tells. */
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { HostBed } from "../../support/host.ts";
import { freePort } from "../../support/ports.ts";
import { run, start } from "../../support/run.ts";
import { goesLive, serveNames } from "../../support/serve.ts";
import { waitFor } from "../../support/wait.ts";
import { WatcherBed } from "../../support/watcher.ts";

const name = "scraped.example.test";
const rules = resolve(
  import.meta.dirname,
  "../../../monitoring/livecert.rules.yml",
);
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);

async function checkMetrics(text: string): Promise<string> {
  const checked = await run("promtool", ["check", "metrics"], { input: text });
  return `${String(checked.exitCode)}${checked.stdout}${checked.stderr}`;
}

/** A Prometheus that asks every second, with the shipped rules and no patience. */
class PrometheusBed implements AsyncDisposable {
  readonly #base: string;
  readonly #end: () => Promise<void>;

  private constructor(base: string, end: () => Promise<void>) {
    this.#base = base;
    this.#end = end;
  }

  static async start(
    directory: string,
    scraped: string,
  ): Promise<PrometheusBed> {
    const impatient = (await readFile(rules, "utf8")).replaceAll(
      /^(\s+for:) \d+[mh]$/gm,
      "$1 2s",
    );
    await writeFile(join(directory, "rules.yml"), impatient);
    await writeFile(
      join(directory, "prometheus.yml"),
      `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [rules.yml]
scrape_configs:
  - job_name: livecert
    static_configs: [{ targets: ["${scraped}"] }]
`,
    );
    const port = await freePort();
    const program = await start(
      "prometheus",
      [
        `--config.file=${join(directory, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(directory, "data")}`,
        `--web.listen-address=127.0.0.1:${String(port)}`,
      ],
      { limitMs: 110_000 },
    );
    const ended = program.ended.catch(() => undefined);
    return new PrometheusBed(`http://127.0.0.1:${String(port)}`, async () => {
      program.signal("SIGKILL");
      await ended;
    });
  }

  /** The value of the only series that a query answers with; null for none. */
  async value(query: string): Promise<number | null> {
    const { result } = await this.#ask<{
      readonly result: readonly { readonly value: readonly [number, string] }[];
    }>(`query?query=${encodeURIComponent(query)}`);
    const [first] = result;
    return first === undefined ? null : Number(first.value[1]);
  }

  async firing(): Promise<readonly string[]> {
    const { alerts } = await this.#ask<{
      readonly alerts: readonly {
        readonly state: string;
        readonly labels: Readonly<Record<string, string>>;
      }[];
    }>("alerts");
    return alerts
      .filter(({ state }) => state === "firing")
      .map(({ labels }) => labels["alertname"] ?? "")
      .sort();
  }

  async #ask<Data>(path: string): Promise<Data> {
    const response = await waitFor("Prometheus answers", async () => {
      const answer = await fetch(`${this.#base}/api/v1/${path}`).catch(
        () => null,
      );
      return answer?.ok === true ? answer : null;
    });
    return ((await response.json()) as { readonly data: Data }).data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }
}

describe("Prometheus", () => {
  it("finds nothing wrong with the metrics in either format, hostile names included", async () => {
    await using host = await HostBed.create();
    const hostile = `a"b\\c {d="e"}`;
    await serveNames(host, [name]);
    await host.certbot.write(hostile, await host.files([name]));
    await using watcher = await WatcherBed.start(host.livecert, {
      flags: ["--http", "127.0.0.1:0"],
    });
    const { http } = await host.livecert.firstPresence(watcher.pid);
    const response = await fetch(`http://${http ?? ""}/metrics`);
    const told = await response.text();
    expect(response.headers.get("content-type")).toContain("version=0.0.4");
    expect(await checkMetrics(told)).toBe("0");
    expect(told).toContain(String.raw`certificate="a\"b\\c {d=\"e\"}"`);
    await watcher.stop();
    const file = join(host.directory, "livecert.prom");
    await host.livecert.run(["deploy", "--metrics-textfile", file]);
    expect(await checkMetrics(await readFile(file, "utf8"))).toBe("0");
  });

  it("scrapes the watcher, and raises the alert for what was renewed and is not live until it is", async () => {
    await using host = await HostBed.create();
    const address = await serveNames(host, []);
    await host.renew(name, { notAfter: inDays(60) });
    const pair = host.pair(name);
    const block = `server { listen ${address} ssl; server_name ${name}; ssl_certificate ${pair.certificate}; ssl_certificate_key ${pair.key}; }`;
    await host.nginx.stop();
    await host.nginx.configure({ http: block });
    await host.nginx.start();
    await using watcher = await WatcherBed.start(host.livecert, {
      flags: ["--http", "127.0.0.1:0"],
    });
    const { http } = await host.livecert.firstPresence(watcher.pid);
    await using prometheus = await PrometheusBed.start(
      host.directory,
      http ?? "",
    );
    await waitFor("Prometheus has scraped the watcher", async () => {
      return (await prometheus.value("livecert_certificate_live")) === 1;
    });
    expect(await prometheus.value('up{job="livecert"}')).toBe(1);
    expect(await prometheus.firing()).toEqual([]);
    // Nginx's own test fails, so nothing can be made live.
    await host.nginx.configure({ http: `${block} nonsense;` });
    await host.renew(name, { notAfter: inDays(90) });
    await waitFor("the alerts fire", async () => {
      const firing = await prometheus.firing();
      return (
        firing.includes("LivecertCertificateNotLive") &&
        firing.includes("LivecertRenewedButNotLive") &&
        firing.includes("LivecertNginxConfigBroken")
      );
    });
    await host.nginx.configure({ http: block });
    await goesLive(host, name, address);
    await waitFor("the alerts end", async () => {
      return !(await prometheus.firing()).some((one) =>
        one.endsWith("NotLive"),
      );
    });
    // A scrape that came too late on a busy machine leaves a gap, in which nothing has a value.
    await waitFor("the reload was counted", async () => {
      return ((await prometheus.value("livecert_reloads_total")) ?? 0) >= 1;
    });
    expect(await prometheus.value("livecert_time_to_live_seconds_count")).toBe(
      1,
    );
    await watcher.stop();
    await waitFor("the watcher's end raises an alert", async () => {
      return (await prometheus.firing()).includes("LivecertWatcherDown");
    });
  });
});
