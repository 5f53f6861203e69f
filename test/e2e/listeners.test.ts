/** Every way in which Nginx hands out certificates: each must be seen live, and seen stale when it is. */
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { RunDocument } from "../../src/core/report/document.ts";
import { servedFingerprint } from "../support/client.ts";
import { HostBed, type Pair } from "../support/host.ts";
import {
  serverBlock,
  type NginxConfiguration,
  type ServerBlockText,
} from "../support/nginx.ts";
import { freePort } from "../support/ports.ts";

const ecdsa = ["-sigalgs", "ecdsa_secp256r1_sha256"];
const rsa = ["-sigalgs", "rsa_pss_rsae_sha256:rsa_pkcs1_sha256"];

/** Issues these lineages and starts Nginx with what `configure` makes of them. */
async function serve(
  names: readonly string[],
  configure: (
    host: HostBed,
  ) => Promise<NginxConfiguration> | NginxConfiguration,
): Promise<HostBed> {
  const host = await HostBed.create();
  try {
    for (const name of names) await host.renew(name);
    await host.nginx.configure(await configure(host));
    await host.nginx.start();
    return host;
  } catch (error) {
    await host[Symbol.asyncDispose]();
    throw error;
  }
}

/** `verdict address name` of each probe point, of all lineages. */
function sights({ lineages }: RunDocument): readonly string[] {
  return lineages
    .flatMap(({ probes }) => probes)
    .map(
      ({ verdict, address, servername }) =>
        `${verdict} ${address} ${servername ?? "-"}`,
    )
    .sort();
}

/** Stale before, one reload, live after, at exactly these points: `address name`. */
async function expectOneReload(
  host: HostBed,
  points: readonly string[],
): Promise<void> {
  const at = (verdict: string): readonly string[] =>
    points.map((point) => `${verdict} ${point}`).sort();
  expect(sights(await host.livecert.document(["status"]))).toEqual(at("stale"));
  const deployed = await host.livecert.document(["deploy"]);
  expect(deployed).toMatchObject({ outcome: "deployed", reloads: 1 });
  expect(sights(deployed)).toEqual(at("live"));
  expect(await host.nginx.reconfigurations()).toBe(1);
  const again = await host.livecert.document(["deploy"]);
  expect(again).toMatchObject({ outcome: "live", reloads: 0 });
}

/** One server block for `a.test` with this listener and these directives. */
function single(pair: Pair, listen: string, more?: string): NginxConfiguration {
  return { http: serverBlock(block("a.test", pair, listen, more)) };
}

function block(
  name: string,
  pair: Pair,
  listen: string,
  more?: string,
): ServerBlockText {
  return {
    listen: [listen],
    names: [name],
    pairs: [pair],
    ...(more === undefined ? {} : { more }),
  };
}

describe("one listener", () => {
  let port = 0;
  beforeAll(async () => {
    port = await freePort();
  });

  it.each<{
    what: string;
    listen: (host: HostBed) => string;
    point: (host: HostBed) => string;
    more?: string;
  }>([
    {
      what: "on IPv6",
      listen: () => `[::1]:${port} ssl`,
      point: () => `[::1]:${port} a.test`,
    },
    {
      what: "on all addresses of IPv4",
      listen: () => `${port} ssl`,
      point: () => `127.0.0.1:${port} a.test`,
    },
    {
      what: "on all addresses of IPv6",
      listen: () => `[::]:${port} ssl`,
      point: () => `[::1]:${port} a.test`,
    },
    {
      what: "on another loopback address",
      listen: () => `127.0.0.9:${port} ssl`,
      point: () => `127.0.0.9:${port} a.test`,
    },
    {
      what: "on a unix socket",
      listen: (host) => `unix:${host.directory}/tls.sock ssl`,
      point: (host) => `unix:${host.directory}/tls.sock a.test`,
    },
    {
      what: "that wants the PROXY protocol",
      listen: () => `127.0.0.1:${port} ssl proxy_protocol`,
      point: () => `127.0.0.1:${port} a.test`,
    },
    {
      what: "with HTTP/2",
      listen: () => `127.0.0.1:${port} ssl http2`,
      point: () => `127.0.0.1:${port} a.test`,
    },
    {
      what: "with TLS 1.2 only",
      listen: () => `127.0.0.1:${port} ssl`,
      point: () => `127.0.0.1:${port} a.test`,
      more: "ssl_protocols TLSv1.2;",
    },
    {
      what: "with TLS 1.3 only",
      listen: () => `127.0.0.1:${port} ssl`,
      point: () => `127.0.0.1:${port} a.test`,
      more: "ssl_protocols TLSv1.3;",
    },
    {
      what: "with TLS 1.0 for old clients",
      listen: () => `127.0.0.1:${port} ssl`,
      point: () => `127.0.0.1:${port} a.test`,
      more: 'ssl_protocols TLSv1; ssl_ciphers "ALL:@SECLEVEL=0";',
    },
  ])("is seen $what", async ({ listen, point, more }) => {
    await using host = await serve(["a.test"], (bed) =>
      single(bed.pair("a.test"), listen(bed), more),
    );
    await host.renew("a.test");
    await expectOneReload(host, [point(host)]);
  });

  it("is seen that demands a certificate of its clients", async () => {
    await using host = await serve(["a.test"], (bed) =>
      single(
        bed.pair("a.test"),
        `127.0.0.1:${port} ssl`,
        `ssl_client_certificate "${bed.pki.rootFile}"; ssl_verify_client on;`,
      ),
    );
    await host.renew("a.test");
    await expectOneReload(host, [`127.0.0.1:${port} a.test`]);
  });
});

describe("server blocks that share an address", () => {
  it("are each asked by a name that leads to them", async () => {
    let address = "";
    await using host = await serve(["a.test", "b.test"], async (bed) => {
      address = await bed.nginx.address();
      return {
        http: ["a.test", "b.test"]
          .map((name) =>
            serverBlock(block(name, bed.pair(name), `${address} ssl`)),
          )
          .join(""),
      };
    });
    await host.renew("a.test");
    await host.renew("b.test");
    await expectOneReload(host, [`${address} a.test`, `${address} b.test`]);
  });

  it("are found behind a wildcard listener, where another has the specific address", async () => {
    const port = await freePort();
    await using host = await serve(["a.test", "b.test"], (bed) => ({
      http:
        serverBlock(block("a.test", bed.pair("a.test"), `${port} ssl`)) +
        serverBlock(
          block("b.test", bed.pair("b.test"), `127.0.0.1:${port} ssl`),
        ),
    }));
    await host.renew("a.test");
    await host.renew("b.test");
    const document = await host.livecert.document(["deploy"]);
    expect(document).toMatchObject({ exitCode: 0, reloads: 1 });
    const [a, b] = document.lineages;
    expect(b).toMatchObject({
      outcome: "deployed",
      probes: [{ address: `127.0.0.1:${port}`, verdict: "live" }],
    });
    // 127.0.0.1 is the other block's: only another of this machine's addresses leads to the wildcard.
    expect(a?.probes[0]?.address).not.toBe(`127.0.0.1:${port}`);
  });

  it("may refuse handshakes by default without being wrong", async () => {
    let address = "";
    await using host = await serve(["a.test"], async (bed) => {
      address = await bed.nginx.address();
      return {
        http:
          `server { listen ${address} ssl default_server; ssl_reject_handshake on; }\n` +
          serverBlock(block("a.test", bed.pair("a.test"), `${address} ssl`)),
      };
    });
    await host.renew("a.test");
    await expectOneReload(host, [`${address} a.test`]);
  });

  it("may have no name: the default server is asked without one", async () => {
    let address = "";
    await using host = await serve(["a.test"], async (bed) => {
      address = await bed.nginx.address();
      return {
        http: serverBlock({
          listen: [`${address} ssl default_server`],
          names: ["_"],
          pairs: [bed.pair("a.test")],
        }),
      };
    });
    await host.renew("a.test");
    await expectOneReload(host, [`${address} -`]);
  });

  it("may inherit the certificate of the http level", async () => {
    let addresses: readonly string[] = [];
    await using host = await serve(["a.test", "b.test"], async (bed) => {
      addresses = [await bed.nginx.address(), await bed.nginx.address()];
      const [first = "", second = ""] = addresses;
      const { certificate, key } = bed.pair("a.test");
      return {
        http:
          `ssl_certificate "${certificate}"; ssl_certificate_key "${key}";\n` +
          serverBlock({ listen: [`${first} ssl`], names: ["a.test"] }) +
          serverBlock(block("b.test", bed.pair("b.test"), `${second} ssl`)),
      };
    });
    await host.renew("a.test");
    await host.renew("b.test");
    await expectOneReload(host, [
      `${addresses[0] ?? ""} a.test`,
      `${addresses[1] ?? ""} b.test`,
    ]);
  });
});

describe("an RSA and an ECDSA pair in one server block", () => {
  async function both(): Promise<{
    readonly host: HostBed;
    readonly address: string;
  }> {
    const host = await HostBed.create();
    const address = await host.nginx.address();
    await host.certbot.write(
      "a.test-rsa",
      await host.files(["a.test"], { keyType: "rsa-2048" }),
    );
    await host.certbot.write("a.test", await host.files(["a.test"]));
    await host.nginx.configure({
      http: serverBlock({
        listen: [`${address} ssl`],
        names: ["a.test"],
        pairs: [host.pair("a.test-rsa"), host.pair("a.test")],
      }),
    });
    await host.nginx.start();
    return { host, address };
  }

  it("is probed once for each, so that either is seen stale alone", async () => {
    const { host, address } = await both();
    await using bed = host;
    await bed.certbot.write(
      "a.test-rsa",
      await bed.files(["a.test"], { keyType: "rsa-2048" }),
    );
    const status = await bed.livecert.document(["status"]);
    expect(
      status.lineages.map(
        ({ name, outcome }) => `${name ?? ""} ${outcome ?? ""}`,
      ),
    ).toEqual(["a.test-rsa stale", "a.test live"]);
    const deployed = await bed.livecert.document(["deploy"]);
    expect(deployed).toMatchObject({ outcome: "deployed", reloads: 1 });
    expect(await bed.isLive("a.test", address, ecdsa)).toBe(true);
    expect(
      await servedFingerprint({ address, servername: "a.test", args: rsa }),
    ).toBe(await bed.onDisk("a.test-rsa"));
  });

  it("is still good when both are renewed", async () => {
    const { host } = await both();
    await using bed = host;
    await bed.certbot.write(
      "a.test-rsa",
      await bed.files(["a.test"], { keyType: "rsa-2048" }),
    );
    await bed.certbot.write("a.test", await bed.files(["a.test"]));
    const deployed = await bed.livecert.document(["deploy"]);
    expect(deployed).toMatchObject({ outcome: "deployed", reloads: 1 });
    expect(deployed.lineages).toMatchObject([
      { outcome: "deployed" },
      { outcome: "deployed" },
    ]);
  });
});

describe("a stream server", () => {
  it("is probed without a name, as it has none", async () => {
    let address = "";
    await using host = await serve(["a.test"], async (bed) => {
      address = await bed.nginx.address();
      const { certificate, key } = bed.pair("a.test");
      return {
        stream: `server { listen ${address} ssl; ssl_certificate "${certificate}"; ssl_certificate_key "${key}"; return ok; }`,
      };
    });
    await host.renew("a.test");
    await expectOneReload(host, [`${address} -`]);
  });

  it("that passes TLS through is not held against anybody", async () => {
    let address = "";
    let front = "";
    await using host = await serve(["a.test"], async (bed) => {
      address = await bed.nginx.address();
      front = await bed.nginx.address();
      return {
        http: serverBlock(
          block("a.test", bed.pair("a.test"), `${address} ssl`),
        ),
        stream: `server { listen ${front}; ssl_preread on; proxy_pass ${address}; }`,
      };
    });
    await host.renew("a.test");
    await expectOneReload(host, [`${address} a.test`]);
  });
});

describe("files that are no lineage's", () => {
  it("get the same care: found by deploy, and named by their path", async () => {
    await using host = await HostBed.create();
    const address = await host.nginx.address();
    const pair = {
      certificate: join(host.directory, "site.crt"),
      key: join(host.directory, "site.key"),
    };
    const place = async (): Promise<void> => {
      const files = await host.files(["a.test"]);
      await writeFile(pair.certificate, files.fullchain);
      await writeFile(pair.key, files.privkey, { mode: 0o600 });
    };
    await place();
    await host.nginx.configure({
      http: serverBlock({
        listen: [`${address} ssl`],
        names: ["a.test"],
        pairs: [pair],
      }),
    });
    await host.nginx.start();
    await place();
    await expectOneReload(host, [`${address} a.test`]);
    const { lineages } = await host.livecert.document(["status"]);
    expect(lineages).toMatchObject([{ name: null, path: pair.certificate }]);
  });
});

describe("a server block that names cert.pem", () => {
  it("serves a leaf without its intermediate: told, and no worse than before", async () => {
    let address = "";
    await using host = await serve(["a.test"], async (bed) => {
      address = await bed.nginx.address();
      return {
        http: serverBlock({
          listen: [`${address} ssl`],
          names: ["a.test"],
          pairs: [
            {
              certificate: bed.certbot.live("a.test", "cert"),
              key: bed.certbot.live("a.test", "privkey"),
            },
          ],
        }),
      };
    });
    await host.renew("a.test");
    const document = await host.livecert.document(["deploy"]);
    expect(document).toMatchObject({ outcome: "deployed", reloads: 1 });
    expect(document.lineages).toMatchObject([{ name: "a.test" }]);
    expect(
      document.lineages[0]?.findings.map(
        ({ rule, severity }) => `${severity} ${rule}`,
      ),
    ).toEqual(["warning chain/missing-intermediate"]);
    expect(document.lineages[0]?.findings[0]?.hint).toContain(
      "use fullchain.pem",
    );
    expect(await host.isLive("a.test", address)).toBe(true);
  });
});

describe("a socket that is not Nginx's", () => {
  it("answers for nobody: unverified, never stale", async () => {
    await using host = await HostBed.create();
    const pair = await host.renew("a.test");
    const address = await host.nginx.address();
    const server = createServer((socket) => socket.destroy());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      await host.nginx.configure({
        http: serverBlock({
          listen: [`${address} ssl`],
          names: ["a.test"],
          pairs: [pair],
        }),
      });
      await host.nginx.start();
      const { port } = server.address() as AddressInfo;
      await host.nginx.configure({
        http: serverBlock({
          listen: [`${address} ssl`, `127.0.0.1:${port} ssl`],
          names: ["a.test"],
          pairs: [pair],
        }),
      });
      const document = await host.livecert.document(["status"]);
      expect(document).toMatchObject({ outcome: "live", exitCode: 0 });
      expect(sights(document)).toEqual([
        `live ${address} a.test`,
        `unverified 127.0.0.1:${port} a.test`,
      ]);
    } finally {
      server.close();
    }
  });
});
