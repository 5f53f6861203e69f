/** Certificate sources that are no ordinary pair of files must neither be called broken nor stand in the others' way. */
import {
  copyFile,
  mkdir,
  readFile,
  rename,
  symlink,
  unlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { serveTogether } from "../support/serve.ts";
import { servedFingerprint } from "../support/client.ts";
import { HostBed, type Pair } from "../support/host.ts";
import { lineageFiles } from "../support/lineage.ts";
import { serverBlock } from "../support/nginx.ts";
import { fingerprintOf } from "../support/pki.ts";

describe("a path with a variable", () => {
  it("is unverified for the lineages that it can lead to, needs no reload and is no failure", async () => {
    await using host = await HostBed.create();
    await host.renew("a.test");
    await host.renew("b.test");
    const address = await host.nginx.address();
    const directory = `${host.certbot.path}/live/$ssl_server_name`;
    await host.nginx.configure({
      main: "user root;",
      http: serverBlock({
        listen: [`${address} ssl`],
        names: ["a.test", "b.test"],
        pairs: [
          {
            certificate: `${directory}/fullchain.pem`,
            key: `${directory}/privkey.pem`,
          },
        ],
      }),
    });
    await host.nginx.start();
    await host.renew("a.test");
    expect(await host.isLive("a.test", address)).toBe(true);

    const named = await host.livecert.document(["deploy", "a.test"]);
    expect(named).toMatchObject({ outcome: "unverified", exitCode: 0 });
    const all = await host.livecert.document(["deploy"]);
    expect(
      all.lineages.map(({ name, outcome, findings }) => ({
        name,
        outcome,
        findings,
      })),
    ).toEqual([
      { name: "a.test", outcome: "unverified", findings: [] },
      { name: "b.test", outcome: "unverified", findings: [] },
    ]);
    expect(await host.nginx.reconfigurations()).toBe(0);
  });

  it("says nothing of a lineage that Nginx also loads by its own path", async () => {
    await using host = await HostBed.create();
    const served = await host.renew("a.test");
    const client = await host.renew("b.test");
    const address = await host.nginx.address();
    const directory = `${host.certbot.path}/live/$ssl_server_name`;
    await host.nginx.configure({
      main: "user root;",
      http:
        `proxy_ssl_certificate ${client.certificate}; proxy_ssl_certificate_key ${client.key};\n` +
        serverBlock({
          listen: [`${address} ssl`],
          names: ["a.test"],
          pairs: [served],
        }) +
        serverBlock({
          listen: [`${address} ssl`],
          names: ["c.test"],
          pairs: [
            {
              certificate: `${directory}/fullchain.pem`,
              key: `${directory}/privkey.pem`,
            },
          ],
        }),
    });
    await host.nginx.start();
    await host.renew("a.test");
    const deployed = await host.livecert.document(["deploy", "a.test"]);
    expect(deployed).toMatchObject({ outcome: "deployed", reloads: 1 });
    await host.renew("b.test");
    const other = await host.livecert.document(["deploy", "b.test"]);
    expect(other).toMatchObject({ outcome: "unverified", reloads: 1 });
    const status = await host.livecert.document(["status"]);
    for (const { lineages } of [other, status])
      expect(lineages.find(({ name }) => name === "b.test")?.reason).toContain(
        "Nginx hands it to no client",
      );
  });

  it("that no lineage matches is listed with its words, and is no failure", async () => {
    await using host = await HostBed.create();
    const pair = await host.renew("a.test");
    const address = await host.nginx.address();
    const certificate = "/srv/certificates/$ssl_server_name.pem";
    await host.nginx.configure({
      http:
        serverBlock({
          listen: [`${address} ssl`],
          names: ["a.test"],
          pairs: [pair],
        }) +
        serverBlock({
          listen: [`${address} ssl`],
          names: ["b.test"],
          pairs: [{ certificate, key: certificate }],
        }),
    });
    await host.nginx.start();
    await host.renew("a.test");
    const { lineages } = await host.livecert.document(["deploy"]);
    expect(lineages.map(({ path, outcome }) => ({ path, outcome }))).toEqual([
      { path: host.certbot.live("a.test"), outcome: "deployed" },
      { path: certificate, outcome: "unverified" },
    ]);
  });
});

describe("a server block whose certificate a script chooses", () => {
  const modules = ["ndk_http_module", "ngx_http_lua_module"]
    .map((name) => `load_module /usr/lib/nginx/modules/${name}.so;`)
    .join("\n");

  /** What lua-resty-auto-ssl and its like do: a pair in the configuration, and another one for each handshake. */
  function handsOut({ certificate, key }: Pair): string {
    return `ssl_certificate_by_lua_block {
      local ssl = require "ngx.ssl"
      local function text(path)
        local file = io.open(path)
        local content = file:read("*a")
        file:close()
        return content
      end
      ssl.clear_certs()
      ssl.set_cert(ssl.parse_pem_cert(text("${certificate}")))
      ssl.set_priv_key(ssl.parse_pem_priv_key(text("${key}")))
    }`;
  }

  it("is unverified, not stale, where another certificate is handed out", async () => {
    await using host = await HostBed.create();
    const fallback = await host.renew("a.test");
    const chosen = await host.renew("b.test");
    const address = await host.nginx.address();
    await host.nginx.configure({
      main: `user root;\n${modules}`,
      http: serverBlock({
        listen: [`${address} ssl`],
        names: ["a.test"],
        pairs: [fallback],
        more: handsOut(chosen),
      }),
    });
    await host.nginx.start();
    await host.renew("a.test");
    const deployed = await host.livecert.document(["deploy", "a.test"]);
    expect(deployed).toMatchObject({
      outcome: "unverified",
      exitCode: 0,
      reloads: 1,
    });
    const again = await host.livecert.document(["deploy", "a.test"]);
    expect(again).toMatchObject({ outcome: "unverified", reloads: 0 });
    const [probe] = again.lineages[0]?.probes ?? [];
    expect(probe?.error).toContain("a script chooses the certificate");
    expect(probe?.before).toBe(await host.onDisk("b.test"));
  });

  it("is live where the script leaves the configured one", async () => {
    await using host = await HostBed.create();
    const pair = await host.renew("a.test");
    const address = await host.nginx.address();
    await host.nginx.configure({
      main: modules,
      http: serverBlock({
        listen: [`${address} ssl`],
        names: ["a.test"],
        pairs: [pair],
        more: "ssl_certificate_by_lua_block { return }",
      }),
    });
    await host.nginx.start();
    await host.renew("a.test");
    const deployed = await host.livecert.document(["deploy", "a.test"]);
    expect(deployed).toMatchObject({ outcome: "deployed", reloads: 1 });
    expect(await host.isLive("a.test", address)).toBe(true);
  });
});

describe("a server block without a listener that speaks TLS", () => {
  it("is said to hand its certificate to no client", async () => {
    await using host = await HostBed.create();
    const pair = await host.renew("a.test");
    const address = await host.nginx.address();
    await host.nginx.configure({
      http: serverBlock({
        listen: [address],
        names: ["a.test"],
        pairs: [pair],
      }),
    });
    await host.nginx.start();
    await host.renew("a.test");
    const { lineages } = await host.livecert.document(["deploy", "a.test"]);
    expect(lineages).toMatchObject([{ outcome: "unverified" }]);
    expect(lineages[0]?.reason).toContain("Nginx hands it to no client");
  });
});

describe("a key that is a directory", () => {
  it("of a lineage that nobody uses does not keep the others from being deployed", async () => {
    await using host = await HostBed.create();
    const pair = await host.renew("a.test");
    await host.renew("b.test");
    const address = await serveTogether(host, ["a.test"], [pair]);
    await host.renew("a.test");
    await unlink(host.certbot.live("b.test", "privkey"));
    await mkdir(host.certbot.live("b.test", "privkey"));

    const { lineages } = await host.livecert.document(["deploy"]);
    expect(lineages.map(({ name, outcome }) => ({ name, outcome }))).toEqual([
      { name: "a.test", outcome: "deployed" },
      { name: "b.test", outcome: "rejected" },
    ]);
    expect(await host.isLive("a.test", address)).toBe(true);
  });
});

describe("a lineage that Nginx loads by its cert.pem", () => {
  it("is not kept as pending once what failed before Nginx could be asked is live", async () => {
    await using host = await HostBed.create();
    const { key } = await host.renew("a.test");
    const address = await host.nginx.address();
    await host.livecert.document(["deploy", "a.test"]);
    await host.nginx.configure({
      http: serverBlock({
        listen: [`${address} ssl`],
        names: ["a.test"],
        pairs: [{ certificate: host.certbot.live("a.test", "cert"), key }],
      }),
    });
    const stopped = await host.livecert.document(["retry"]);
    expect(stopped.outcome).toBe("not-running");
    await host.nginx.start();
    const first = await host.livecert.document(["retry"]);
    expect(first.outcome).toBe("live");
    const second = await host.livecert.document(["retry"]);
    expect(second.lineages).toEqual([]);
  });
});

describe("a server block whose ciphers do not suit the certificate's key", () => {
  it("is told as what it is, after the reload and when there is nothing left to try", async () => {
    await using host = await HostBed.create();
    const pair = await host.renew("a.test");
    const address = await host.nginx.address();
    await host.nginx.configure({
      http: serverBlock({
        listen: [`${address} ssl`],
        names: ["a.test"],
        pairs: [pair],
        more: "ssl_protocols TLSv1.2; ssl_ciphers aRSA; return 200;",
      }),
    });
    await host.nginx.start();
    await host.renew("a.test");
    const reloaded = await host.livecert.document(["deploy", "a.test"]);
    await host.livecert.document(["deploy", "a.test"]);
    const last = await host.livecert.document(["deploy", "a.test"]);
    for (const { outcome, lineages } of [reloaded, last]) {
      expect(outcome).toBe("stale");
      expect(lineages[0]?.reason).toContain(
        `every handshake is refused at ${address} (a.test)`,
      );
      expect(lineages[0]?.remedy).toContain("ssl_ciphers");
    }
    expect(await host.nginx.reconfigurations()).toBe(2);
  });
});

describe("a certificate that lost a served name", () => {
  it("is not valid, whatever its files are", async () => {
    await using host = await HostBed.create();
    const pair = await host.renew("a.test");
    await serveTogether(host, ["a.test"], [pair]);
    await host.certbot.write("a.test", await host.files(["b.test"]));
    const { lineages } = await host.livecert.document(["status"]);
    expect(lineages).toMatchObject([{ outcome: "rejected", valid: false }]);
  });
});

describe("a lineage that Nginx names by another path than Certbot", () => {
  /** Each makes the path by which Nginx names it, of what is served as `a.test`. */
  const ways = {
    "a link to a name that Certbot has numbered": async (host: HostBed) => {
      await host.renew("a.test-0001", { names: ["a.test"] });
      await symlink("a.test-0001", host.certbot.live("a.test"));
      return {
        lineage: host.certbot.live("a.test-0001"),
        named: host.certbot.live("a.test"),
      };
    },
    "Certbot's configuration says where a linked directory really lies": async (
      host: HostBed,
    ) => {
      await host.renew("a.test-0001", { names: ["a.test"] });
      const real = join(host.directory, "real");
      await rename(host.certbot.path, real);
      await symlink(real, host.certbot.path);
      const conf = join(real, "renewal/a.test-0001.conf");
      const text = await readFile(conf, "utf8");
      await writeFile(conf, text.replaceAll(host.certbot.path, real));
      return {
        lineage: join(real, "live/a.test-0001"),
        named: host.certbot.live("a.test-0001"),
      };
    },
  } as const;

  it.each(Object.entries(ways))(
    "is made live by a hook and by name, and is one (%s)",
    async (_, prepare) => {
      await using host = await HostBed.create();
      const { lineage, named } = await prepare(host);
      const address = await host.nginx.address();
      const pair = {
        certificate: join(named, "fullchain.pem"),
        key: join(named, "privkey.pem"),
      };
      await host.nginx.configure({
        http: serverBlock({
          listen: [`${address} ssl`],
          names: ["a.test"],
          pairs: [pair],
        }),
      });
      await host.nginx.start();
      const renewed = async (): Promise<string> => {
        const files = await host.files(["a.test"]);
        await host.certbot.write("a.test-0001", files);
        return fingerprintOf(files.cert);
      };
      const served = () => servedFingerprint({ address, servername: "a.test" });

      const first = await renewed();
      const hook = await host.livecert.document(["hook"], {
        environment: {
          ...process.env,
          RENEWED_LINEAGE: lineage,
          RENEWED_DOMAINS: "a.test",
        },
      });
      expect(hook).toMatchObject({ outcome: "deployed", reloads: 1 });
      expect(await served()).toBe(first);

      const second = await renewed();
      const deployed = await host.livecert.document(["deploy", "a.test-0001"]);
      expect(deployed).toMatchObject({ outcome: "deployed", reloads: 1 });
      expect(await served()).toBe(second);

      const { lineages } = await host.livecert.document(["status"]);
      expect(lineages).toMatchObject([
        { name: "a.test-0001", outcome: "live" },
      ]);
    },
  );
});

describe("a leaf that a private root signed itself", () => {
  it("is live where Node.js trusts that root, and would complete the chain", async () => {
    await using host = await HostBed.create();
    const { root, rootFile } = host.pki;
    const leaf = await root.leaf({ names: ["a.test"] });
    await host.certbot.write("a.test", lineageFiles(leaf));
    await serveTogether(host, ["a.test"], [host.pair("a.test")]);
    const environment = { ...process.env, NODE_EXTRA_CA_CERTS: rootFile };
    const status = await host.livecert.document(["status"], { environment });
    expect(status).toMatchObject({ outcome: "live" });
  });
});

describe("two certificates with one type of key in a server block", () => {
  it("are told, and cost no reload that could mend nothing", async () => {
    await using host = await HostBed.create();
    const first = await host.renew("a.test", { names: ["x.test"] });
    const last = await host.renew("b.test", { names: ["x.test"] });
    await serveTogether(host, ["x.test"], [first, last]);
    const deployed = await host.livecert.document(["deploy"]);
    expect(deployed).toMatchObject({ exitCode: 0, reloads: 0 });
    expect(deployed.lineages).toMatchObject([
      {
        ...{ name: "a.test", outcome: "unverified" },
        probes: [
          {
            verdict: "unverified",
            error: expect.stringContaining(
              `replaced in this block by ${last.certificate} (`,
            ) as string,
          },
        ],
      },
      { name: "b.test", outcome: "live" },
    ]);
  });
});

describe("a pair that one block loads at the start and another one reads at each handshake", () => {
  it("is reloaded for the first, in whichever order they stand", async () => {
    await using host = await HostBed.create();
    const pair = await host.renew("a.test", { names: ["a.test", "b.test"] });
    const address = await host.nginx.address();
    const variable = `${host.certbot.path}/live/$ssl_server_name`;
    await host.nginx.configure({
      main: "user root;",
      http:
        serverBlock({
          listen: [`${address} ssl`],
          names: ["a.test"],
          pairs: [
            pair,
            {
              certificate: `${variable}/fullchain.pem`,
              key: `${variable}/privkey.pem`,
            },
          ],
        }) +
        serverBlock({
          listen: [`${address} ssl`],
          names: ["b.test"],
          pairs: [pair],
        }),
    });
    await host.nginx.start();
    const files = await host.files(["a.test", "b.test"]);
    await host.certbot.write("a.test", files);
    const deployed = await host.livecert.document(["deploy", "a.test"]);
    expect(deployed).toMatchObject({ outcome: "deployed", reloads: 1 });
    expect(await servedFingerprint({ address, servername: "b.test" })).toBe(
      fingerprintOf(files.cert),
    );
  });
});

describe("a copy that Nginx hands to an upstream", () => {
  it("is compared with the archive like any other", async () => {
    await using host = await HostBed.create();
    await host.renew("up.test");
    const copy = join(host.directory, "copy.pem");
    const key = join(host.directory, "key.pem");
    await copyFile(host.certbot.live("up.test", "fullchain"), copy);
    await copyFile(host.certbot.live("up.test", "privkey"), key);
    await host.nginx.configure({
      http: `proxy_ssl_certificate ${copy}; proxy_ssl_certificate_key ${key};`,
    });
    await host.nginx.start();
    await host.renew("up.test");
    const document = await host.livecert.document(["deploy", "up.test"]);
    expect(document).toMatchObject({
      ...{ outcome: "stale", exitCode: 6, reloads: 0 },
      lineages: [
        {
          reason: expect.stringContaining(
            "a copy that no renewal changes",
          ) as string,
        },
      ],
    });
  });
});

describe("a name that a renewal has lost", () => {
  it.each([
    ["a server for all names", ["_"], "rejected"],
    ["a regular expression", ["~^[ab]\\.test$"], "rejected"],
    ["a block that does not spell it out", ["a.test"], "deployed"],
  ])("is a regression where %s served it", async (_, names, outcome) => {
    await using host = await HostBed.create();
    const pair = await host.renew("a.test", { names: ["a.test", "b.test"] });
    await serveTogether(host, names, [pair]);
    await host.renew("a.test", { names: ["a.test"] });
    const document = await host.livecert.document(["deploy"]);
    expect(document).toMatchObject({ outcome });
    expect(document.lineages[0]?.findings).toMatchObject(
      outcome === "deployed"
        ? []
        : [{ rule: "names/lost", severity: "regression", subject: "b.test" }],
    );
  });
});
