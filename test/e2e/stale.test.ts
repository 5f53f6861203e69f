/** Renewed files that Nginx has not loaded, for all the reasons there are: never silent, and told with what mends it. */
import { existsSync } from "node:fs";
import {
  copyFile,
  mkdir,
  readdir,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { servedChain } from "../support/client.ts";
import { HostBed, type Pair } from "../support/host.ts";
import { NginxBed, serverBlock } from "../support/nginx.ts";
import { fingerprintOf } from "../support/pki.ts";
import { run } from "../support/run.ts";

interface Served extends AsyncDisposable {
  readonly host: HostBed;
  readonly address: string;
  readonly pair: Pair;
}

/** Nginx serves `a.test` from the lineage of that name, or from what `choose` makes of it. */
async function serve(
  choose?: (host: HostBed, pair: Pair) => Promise<Pair>,
): Promise<Served> {
  const host = await HostBed.create();
  const live = await host.renew("a.test");
  const pair = (await choose?.(host, live)) ?? live;
  const address = await host.nginx.address();
  await host.nginx.configure({ http: block(address, pair) });
  await host.nginx.start();
  return {
    host,
    address,
    pair,
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

describe("files renewed, and nobody told Nginx", () => {
  it("is stale in plain words, mended by the command that status names, and live afterwards", async () => {
    await using bed = await serve();
    const { host, address } = bed;
    await host.renew("a.test");

    const before = await host.livecert.run(["status"]);
    expect(before.exitCode).toBe(6);
    expect(before.stdout).toContain(
      "a.test: stale, Nginx serves an old certificate; it has not loaded the one on disk\n",
    );
    expect(before.stdout).toContain("  hint: livecert deploy a.test\n");
    expect(before.stdout).toContain("\n0 of 1 certificates are live\n");
    expect(await host.nginx.reconfigurations()).toBe(0);

    const deployed = await host.livecert.run(["deploy", "a.test"]);
    expect(deployed.stdout).toContain("a.test: deployed, reloaded;");
    expect(deployed.exitCode).toBe(0);
    expect(await host.isLive("a.test", address)).toBe(true);

    const after = await host.livecert.run(["status"]);
    expect(after.exitCode).toBe(0);
    expect(after.stdout).toContain("\nevery certificate is live\n");
    expect(await host.nginx.reconfigurations()).toBe(1);
  });

  it("shows the address, the name and both fingerprints in the document", async () => {
    await using bed = await serve();
    const { host, address } = bed;
    const old = await host.onDisk("a.test");
    await host.renew("a.test");
    const { lineages } = await host.livecert.document(["status"]);
    expect(lineages[0]?.probes).toEqual([
      {
        target: "host",
        address,
        servername: "a.test",
        expected: await host.onDisk("a.test"),
        before: old,
        after: null,
        verdict: "stale",
        error: null,
      },
    ]);
  });

  it("tells a person at a terminal the same, in columns", async () => {
    await using bed = await serve();
    const { host } = bed;
    await host.renew("a.test");
    const command = host.livecert.hookCommand().replace(/ hook /, " status ");
    const { exitCode, stdout } = await run(
      "script",
      ["-qec", command, "/dev/null"],
      { environment: { ...host.livecert.environment(), NO_COLOR: "1" } },
    );
    expect(stdout).toMatch(
      /^certificate +state +expiry +on disk +served +last run +names\r\n/,
    );
    expect(stdout).toContain("  hint: livecert deploy a.test\r\n");
    expect(exitCode).toBe(6);
  });

  it("is left alone by the next deploy where it was asked for by mistake", async () => {
    await using bed = await serve();
    const { livecert } = bed.host;
    const mistaken = await livecert.run([
      ...["deploy", "a.test", "--nginx-bin", "/nowhere/nginx"],
    ]);
    expect(mistaken.exitCode).toBe(2);
    const queue = join(livecert.stateDirectory, "v1", "queue");
    expect(await readdir(queue)).toEqual([]);
  });

  it("says what a dry run would do, and neither does it nor writes anything", async () => {
    await using bed = await serve();
    const { host } = bed;
    await host.renew("a.test");
    const { runDirectory } = host.livecert;
    const kept = join(runDirectory, "nginx-defaults.json");
    await rm(kept, { force: true });
    const before = await readdir(runDirectory);
    const document = await host.livecert.document(["deploy", "--dry-run"]);
    expect(document).toMatchObject({ outcome: "stale", reloads: 0 });
    expect(await host.nginx.reconfigurations()).toBe(0);
    expect(await readdir(runDirectory)).toEqual(before);
  });

  it("keeps what OpenSSL said of certificates where everything was deployed, and of new ones it is asked", async () => {
    await using bed = await serve();
    const { livecert } = bed.host;
    const kept = join(livecert.runDirectory, "certificates.json");
    for (const line of [
      ["status"],
      ["deploy", "--dry-run"],
      ["deploy", "a.test"],
    ])
      await livecert.document(line);
    expect(existsSync(kept)).toBe(false);
    const first = await livecert.document(["deploy"]);
    expect(await readFile(kept, "utf8")).toContain(
      first.lineages[0]?.leaf?.fingerprint256,
    );
    await bed.host.renew("a.test");
    const second = await livecert.document(["deploy"]);
    expect(second).toMatchObject({ outcome: "deployed", reloads: 1 });
    const { fingerprint256 } = second.lineages[0]?.leaf ?? {};
    expect(fingerprint256).not.toBe(first.lineages[0]?.leaf?.fingerprint256);
    expect(await readFile(kept, "utf8")).toContain(fingerprint256);
    expect(await livecert.document(["deploy"])).toMatchObject({
      outcome: "live",
      lineages: [{ leaf: { fingerprint256 } }],
    });
  });

  it("is live without a reload where somebody else has reloaded", async () => {
    await using bed = await serve();
    const { host } = bed;
    await host.renew("a.test");
    await host.nginx.reload();
    const document = await host.livecert.document(["deploy", "a.test"]);
    expect(document).toMatchObject({ outcome: "live", reloads: 0 });
    expect(await host.nginx.reconfigurations()).toBe(1);
  });
});

describe("a copy that no renewal changes", () => {
  const copied = async (
    host: HostBed,
    { certificate, key }: Pair,
  ): Promise<Pair> => {
    const copies = {
      certificate: join(host.directory, "site.crt"),
      key: join(host.directory, "site.key"),
    };
    await copyFile(certificate, copies.certificate);
    await copyFile(key, copies.key);
    return copies;
  };
  const archived = (host: HostBed): Promise<Pair> =>
    Promise.resolve({
      certificate: host.certbot.archive("a.test", "fullchain", 1),
      key: host.certbot.archive("a.test", "privkey", 1),
    });

  it.each([
    { name: "files copied elsewhere", choose: copied },
    { name: "files of archive/", choose: archived },
  ])(
    "is stale for $name, with the directive to change and no reload",
    async ({ choose }) => {
      await using bed = await serve(choose);
      const { host, pair } = bed;
      await host.renew("a.test");
      const { certificate, key } = host.pair("a.test");
      const expected = fingerprintOf(await readFile(certificate, "utf8"));
      const before = fingerprintOf(await readFile(pair.certificate, "utf8"));
      for (const command of [["status"], ["deploy"], ["deploy", "a.test"]]) {
        const document = await host.livecert.document(command);
        const [lineage] = document.lineages;
        expect(document, command.join(" ")).toMatchObject({
          outcome: "stale",
          exitCode: 6,
          reloads: 0,
        });
        expect(lineage?.name).toBe("a.test");
        expect(lineage?.leaf?.fingerprint256).toBe(expected);
        expect(lineage?.probes).toMatchObject([
          { expected, before, verdict: "stale" },
        ]);
        expect(lineage?.remedy).toContain(
          `${certificate}, and that of its key ${key}`,
        );
        expect(lineage?.findings).toMatchObject([
          { rule: "source/outdated-copy", severity: "warning" },
        ]);
        expect(lineage?.findings[0]?.message).toMatch(
          new RegExp(`nginx\\.conf:\\d+ names ${pair.certificate}`),
        );
      }
      expect(await host.nginx.reconfigurations()).toBe(0);
    },
  );

  it("is live while it equals the lineage's own files", async () => {
    await using bed = await serve(copied);
    const { exitCode } = await bed.host.livecert.document(["status"]);
    expect(exitCode).toBe(0);
  });

  it("is not called loaded where the directive was mended and no reload followed", async () => {
    await using bed = await serve(copied);
    const { host, address } = bed;
    await host.renew("a.test");
    await host.nginx.reload();
    const copy = await host.livecert.document(["deploy", "a.test"]);
    expect(copy.outcome).toBe("stale");
    await host.nginx.configure({ http: block(address, host.pair("a.test")) });

    const document = await host.livecert.document(["deploy", "a.test"]);
    expect(document).toMatchObject({ outcome: "unverified", reloads: 0 });
    expect(document.lineages).toMatchObject([
      {
        reason: `only an edit that nobody has loaded yet names it: ${host.nginx.configuration}`,
        remedy:
          "once that edit is to be loaded: livecert deploy a.test --force",
      },
    ]);
    const forced = await host.livecert.document([
      "deploy",
      "a.test",
      "--force",
    ]);
    expect(forced).toMatchObject({ outcome: "deployed", reloads: 1 });
    expect(await host.isLive("a.test", address)).toBe(true);
  });

  it("is deployed with the lineage once it is refreshed, also by a retry", async () => {
    await using bed = await serve(copied);
    const { host, address, pair } = bed;
    const refresh = async (): Promise<void> => {
      await host.renew("a.test");
      await copyFile(host.pair("a.test").certificate, pair.certificate);
      await copyFile(host.pair("a.test").key, pair.key);
    };
    await refresh();
    const named = await host.livecert.document(["deploy", "a.test"]);
    expect(named.lineages).toMatchObject([
      { name: "a.test", outcome: "deployed" },
    ]);
    expect(await host.isLive("a.test", address)).toBe(true);

    await host.renew("a.test");
    const early = await host.livecert.document(["deploy", "a.test"]);
    expect(early.outcome).toBe("stale");
    await refresh();
    const retried = await host.livecert.document(["retry"]);
    expect(retried).toMatchObject({ outcome: "deployed", reloads: 1 });
    expect(await host.isLive("a.test", address)).toBe(true);
  });
});

describe("a second Nginx with a configuration of its own", () => {
  it("is named in a warning where it may be the one that uses a lineage", async () => {
    await using bed = await serve();
    const { host } = bed;
    const other = await host.renew("b.test");
    await using second = await NginxBed.create();
    const address = await second.address();
    await second.configure({
      http: serverBlock({
        listen: [`${address} ssl`],
        names: ["b.test"],
        pairs: [other],
      }),
    });
    await second.start();
    await host.renew("b.test");

    for (const command of [["status"], ["deploy", "b.test"]]) {
      const document = await host.livecert.document(command);
      const lineage = document.lineages.find(({ name }) => name === "b.test");
      expect(lineage?.outcome).toBe("unused");
      expect(document.warnings.join("\n")).toContain(
        "b.test: used by no Nginx that livecert looks after",
      );
      expect(document.warnings.join("\n")).toContain(second.configuration);
    }
    expect(await second.reconfigurations()).toBe(0);
    const { stdout } = await host.livecert.run(["deploy", "b.test"]);
    expect(stdout).toContain("\nwarning: b.test: used by no Nginx");
  });
});

describe("a server block that was edited and not loaded", () => {
  it("is not put live by a timer's retry, is reported, and goes live when a person retries", async () => {
    await using bed = await serve();
    const { host, address, pair } = bed;
    await host.livecert.document(["deploy"]);
    await host.certbot.write("a.test", {
      ...(await host.files(["a.test"])),
      fullchain: "",
    });
    await host.livecert.document(["deploy", "a.test"]);
    await host.renew("a.test");
    const added = await host.nginx.address();
    await host.nginx.configure({
      http: block(address, pair, "return 503;") + block(added, pair),
    });

    const { configuration } = host.nginx;
    const retried = await host.livecert.document(["retry"]);
    expect(retried).toMatchObject({ outcome: "stale", exitCode: 6 });
    expect(retried.nginx?.configPending).toEqual([configuration]);
    expect(retried.lineages[0]?.reason).toContain(configuration);
    expect(retried.lineages[0]?.probes).toMatchObject([
      { address, verdict: "stale" },
      {
        address: added,
        verdict: "unverified",
        error:
          "not loaded yet: only the configuration on disk has this server block",
      },
    ]);
    expect(await host.nginx.reconfigurations()).toBe(0);

    const { stdout } = await host.livecert.run(["status"]);
    expect(stdout).toContain(
      `\nedited, and not loaded by Nginx yet: ${configuration}\n`,
    );

    const asked = host.livecert.hookCommand().replace(/ hook /, " retry ");
    const byHand = await run("script", ["-qec", asked, "/dev/null"], {
      environment: host.livecert.environment(),
    });
    expect(byHand.exitCode).toBe(0);
    expect(await host.nginx.reconfigurations()).toBe(1);
  });

  it.each([
    ["what Nginx runs is known, and its file is an old one", true],
    ["somebody else has reloaded Nginx since", false],
  ])(
    "is neither loaded by itself nor called stale where %s",
    async (_, isKnown) => {
      await using bed = await serve();
      const { host, pair } = bed;
      const added = await host.nginx.address();
      const enabled = join(host.nginx.prefix, "enabled");
      await mkdir(enabled);
      const site = join(host.nginx.prefix, "site.conf");
      await writeFile(site, block(added, pair));
      if (isKnown) await utimes(site, 1_600_000_000, 1_600_000_000);
      const http = block(bed.address, pair) + `include ${enabled}/*;`;
      await host.nginx.configure({ http });
      await host.nginx.reload();
      await host.livecert.document(["deploy"]);
      if (!isKnown) {
        await host.nginx.reload();
        await pause(1_100);
        await writeFile(site, block(added, pair));
      }
      await symlink(site, join(enabled, "site.conf"));

      const document = await host.livecert.document(["status"]);
      expect(document).toMatchObject({ outcome: "live", exitCode: 0 });
      expect(document.nginx?.configPending).toEqual([
        join(enabled, "site.conf"),
      ]);
      expect(document.lineages[0]?.probes).toMatchObject([
        { verdict: "live" },
        { address: added, verdict: "unverified" },
      ]);
    },
  );

  it("excuses no old version of the certificate where what Nginx runs is not known", async () => {
    await using bed = await serve();
    const { host, address, pair } = bed;
    await host.renew("a.test");
    await host.nginx.configure({ http: block(address, pair, "return 503;") });
    const document = await host.livecert.document(["status"]);
    expect(document).toMatchObject({ outcome: "stale", exitCode: 6 });
    expect(document.lineages[0]?.probes).toMatchObject([{ verdict: "stale" }]);
    expect(document.nginx?.configPending).toEqual([host.nginx.configuration]);
  });

  it("is put live by a retry once the files have been quiet", async () => {
    await using bed = await serve();
    const { host, address, pair } = bed;
    await host.certbot.write("a.test", {
      ...(await host.files(["a.test"])),
      fullchain: "",
    });
    await host.livecert.document(["deploy"]);
    await host.renew("a.test");
    await host.nginx.configure({ http: block(address, pair, "return 503;") });
    const later = { through: ["faketime", "-f", "+16m"] };
    const document = await host.livecert.document(["retry"], later);
    expect(document).toMatchObject({ outcome: "deployed", reloads: 1 });
    expect(document.warnings).toEqual([
      `the reload also loaded what had been edited in ${host.nginx.configuration}`,
    ]);
  });

  it("goes live when a person deploys, who is told so", async () => {
    await using bed = await serve();
    const { host, address, pair } = bed;
    await host.renew("a.test");
    await host.nginx.configure({ http: block(address, pair, "return 503;") });
    const { stdout, exitCode } = await host.livecert.run(["deploy"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(
      `\nwarning: the reload also loaded what had been edited in ${host.nginx.configuration}\n`,
    );
    const { nginx } = await host.livecert.document(["status"]);
    expect(nginx?.configPending).toEqual([]);
  });

  it("does not make a live certificate stale", async () => {
    await using bed = await serve();
    const { host, address, pair } = bed;
    await host.livecert.document(["deploy"]);
    const added = await host.nginx.address();
    await host.nginx.configure({
      http: block(address, pair) + block(added, pair),
    });
    const document = await host.livecert.document(["status"]);
    expect(document).toMatchObject({ outcome: "live", exitCode: 0 });
    expect(document.lineages[0]?.probes).toMatchObject([
      { verdict: "live" },
      { verdict: "unverified" },
    ]);
    expect(await servedChain({ address: added, servername: null })).toEqual([]);
  });
});

describe("a broken lineage elsewhere, so that nginx -T prints nothing", () => {
  it("leaves the model of the last good dump, and names the lineage that is to blame", async () => {
    await using bed = await serve();
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
    await host.nginx.reload();
    await host.livecert.document(["deploy"]);
    await host.certbot.tamper("b.test", { fullchain: "" });
    await host.renew("a.test");

    const document = await host.livecert.document(["deploy", "a.test"]);
    const [lineage] = document.lineages;
    expect(document).toMatchObject({ outcome: "config-invalid", exitCode: 4 });
    expect(document.nginx).toMatchObject({ configOk: false });
    expect(document.nginx?.errors.join()).toContain("cannot load certificate");
    expect(lineage?.reason).toBe(
      `Nginx's own test fails because of b.test: ${other.certificate} is empty`,
    );
    expect(lineage?.remedy).toMatch(
      /^mend b\.test .*, then livecert deploy a\.test$/,
    );
    expect(lineage?.probes).toMatchObject([{ address, verdict: "stale" }]);

    const { uses } = JSON.parse(
      (await host.livecert.run(["uses", "--json"])).stdout,
    ) as { uses: readonly { lineage: string }[] };
    expect(uses.map((use) => use.lineage)).toEqual(["a.test", "b.test"]);
  });

  it("mends both as soon as the broken one is renewed", async () => {
    await using bed = await serve();
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
    await host.nginx.reload();
    await host.livecert.document(["deploy"]);
    await host.certbot.tamper("b.test", { fullchain: "" });
    await host.renew("a.test");
    await host.livecert.document(["deploy"]);
    await host.renew("b.test");
    const document = await host.livecert.document(["retry"]);
    expect(document).toMatchObject({ outcome: "deployed", reloads: 1 });
    expect(await host.isLive("a.test", address)).toBe(true);
    expect(await host.isLive("b.test", address)).toBe(true);
  });
});
