/**
 * What is worse than what is served waits, and what is sound never waits for ever: the no-regression rule, the reload that
 * would bring another source's fault live, and the way to the end of the served certificate by hook and retry alone.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { RunDocument } from "../../src/core/report/document.ts";
import { servedFingerprint } from "../support/client.ts";
import { HostBed } from "../support/host.ts";
import { lineageFiles, type LineageFiles } from "../support/lineage.ts";
import { serverBlock } from "../support/nginx.ts";
import {
  createKey,
  createPki,
  fingerprintOf,
  type CertificateRequest,
} from "../support/pki.ts";

const dayMs = 86_400_000;

interface Site extends AsyncDisposable {
  readonly host: HostBed;
  readonly address: string;
}

/** Nginx serves each lineage for the names that it has. */
async function serve(
  sites: Readonly<Record<string, LineageFiles | readonly string[]>>,
  given?: HostBed,
): Promise<Site> {
  const host = given ?? (await HostBed.create());
  const address = await host.nginx.address();
  const blocks: string[] = [];
  for (const [lineage, content] of Object.entries(sites)) {
    const names = isNames(content) ? content : [lineage];
    await host.certbot.write(
      lineage,
      isNames(content) ? await host.files(content) : content,
    );
    blocks.push(
      serverBlock({
        listen: [`${address} ssl`],
        names,
        pairs: [host.pair(lineage)],
      }),
    );
  }
  await host.nginx.configure({ http: blocks.join("") });
  await host.nginx.start();
  return {
    host,
    address,
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

function isNames(
  content: LineageFiles | readonly string[],
): content is readonly string[] {
  return Array.isArray(content);
}

function inDays(days: number): { through: readonly string[] } {
  return { through: ["faketime", "-f", `+${days}d`] };
}

function outcomes({ lineages }: RunDocument): Record<string, string | null> {
  return Object.fromEntries(
    lineages.map(({ name, outcome }) => [name ?? "", outcome]),
  );
}

async function hook(host: HostBed, lineage: string): Promise<RunDocument> {
  return host.livecert.document(["hook"], {
    environment: {
      ...process.env,
      RENEWED_LINEAGE: host.certbot.live(lineage),
      RENEWED_DOMAINS: lineage,
    },
  });
}

/** A certificate that is 60 days old and ends in 30. */
const middleAged: CertificateRequest = {
  notBefore: new Date(Date.now() - 60 * dayMs),
  notAfter: new Date(Date.now() + 30 * dayMs),
};

describe("a regression of one used lineage", () => {
  async function withBadOne(): Promise<Site> {
    const site = await serve({
      "a.test": ["a.test"],
      "b.test": ["b.test", "www.b.test"],
    });
    await site.host.livecert.document(["deploy"]);
    await site.host.certbot.write("b.test", await site.host.files(["b.test"]));
    await site.host.renew("a.test");
    return site;
  }

  it("holds back the reload that another one needs, and is named", async () => {
    await using site = await withBadOne();
    const { host } = site;
    const document = await hook(host, "a.test");
    expect(document).toMatchObject({ outcome: "blocked", exitCode: 3 });
    expect(document.lineages[0]?.reason).toMatch(
      /^sound itself, but a reload would also bring b\.test live: the name www\.b\.test is served at present.* \(waits until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ at most\)$/,
    );
    const all = await host.livecert.document(["deploy"]);
    expect(outcomes(all)).toEqual({
      "a.test": "blocked",
      "b.test": "rejected",
    });
    expect(await host.nginx.reconfigurations()).toBe(0);
  });

  it("does so until holdback has passed, and then goes live with a loud warning", async () => {
    await using site = await withBadOne();
    const { host, address } = site;
    await hook(host, "a.test");
    const early = await host.livecert.document(["retry"], inDays(0.95));
    expect(outcomes(early)).toEqual({ "a.test": "blocked" });
    expect(await host.nginx.reconfigurations()).toBe(0);
    const late = await host.livecert.document(["retry"], inDays(1.05));
    expect(outcomes(late)).toMatchObject({ "a.test": "deployed" });
    expect(late.reloads).toBe(1);
    expect(late.warnings.join()).toContain(
      "also brings b.test live, which is bad",
    );
    expect(await host.isLive("a.test", address)).toBe(true);
  });

  it("is overridden by a person, and mended by a renewal", async () => {
    await using forced = await withBadOne();
    const first = await forced.host.livecert.document([
      "deploy",
      "a.test",
      "--force",
    ]);
    expect(first).toMatchObject({ exitCode: 0, reloads: 1 });
    expect(first.warnings.join()).toContain(
      "also brings b.test live, which is bad",
    );
    await using mended = await withBadOne();
    await hook(mended.host, "a.test");
    await mended.host.certbot.write(
      "b.test",
      await mended.host.files(["b.test", "www.b.test"]),
    );
    const second = await hook(mended.host, "b.test");
    expect(second).toMatchObject({ outcome: "deployed", reloads: 1 });
    expect(await mended.host.isLive("a.test", mended.address)).toBe(true);
    const retried = await mended.host.livecert.document(["retry"]);
    expect(retried).toMatchObject({ exitCode: 0, reloads: 0 });
  });

  it.each([
    {
      words: ["c.test"],
      found: { "c.test": "deployed", "a.test": "deployed" },
    },
    {
      words: [],
      found: {
        "a.test": "deployed",
        "b.test": "rejected",
        "c.test": "deployed",
      },
    },
  ])(
    "holds nobody back who is served nowhere yet, and what goes live along is told: deploy $words",
    async ({ words, found }) => {
      await using site = await withBadOne();
      const { host, address } = site;
      const added = await host.renew("c.test");
      await host.nginx.configure({
        http: ["a.test", "b.test"]
          .map((name) =>
            serverBlock({
              listen: [`${address} ssl`],
              names: name === "b.test" ? [name, "www.b.test"] : [name],
              pairs: [host.pair(name)],
            }),
          )
          .concat(
            serverBlock({
              listen: [`${address} ssl`],
              names: ["c.test"],
              pairs: [added],
            }),
          )
          .join(""),
      });
      const document = await host.livecert.document(["deploy", ...words]);
      expect(outcomes(document)).toEqual(found);
      expect(document.reloads).toBe(1);
      expect(document.warnings.join()).toContain(
        "also brings b.test live, which is bad",
      );
      const rejected = document.lineages.find(({ name }) => name === "b.test");
      if (rejected !== undefined) {
        expect(rejected.reason).toContain("has brought it live at");
        expect(rejected.probes[0]?.after).toBe(await host.onDisk("b.test"));
      }
      const again = await host.livecert.document(["retry"]);
      expect(again).toMatchObject({ exitCode: 0, reloads: 0 });
    },
  );
});

describe("a fatal fault of one used lineage that nginx -t accepts", () => {
  it("holds the others back until a tenth of their lifetime is left", async () => {
    await using host = await HostBed.create();
    await using site = await serve(
      {
        "a.test": await host.files(["a.test"], middleAged),
        "b.test": await host.files(["b.test"], { keyType: "rsa-2048" }),
      },
      host,
    );
    const { address } = site;
    await host.livecert.document(["deploy"]);
    const broken = await host.files(["b.test"], { keyType: "rsa-2048" });
    await host.certbot.write("b.test", {
      ...broken,
      privkey: await createKey("ec-p256"),
    });
    await host.renew("a.test");
    expect((await host.nginx.test()).exitCode).toBe(0);

    const first = await hook(host, "a.test");
    expect(outcomes(first)).toEqual({ "a.test": "blocked" });
    expect(first.lineages[0]?.reason).toContain("bring b.test live");
    const forced = await host.livecert.document([
      "deploy",
      "a.test",
      "--force",
    ]);
    expect(outcomes(forced)).toEqual({ "a.test": "blocked" });
    const early = await host.livecert.document(["retry"], inDays(20));
    expect(outcomes(early)).toEqual({ "a.test": "blocked" });
    expect(await host.nginx.reconfigurations()).toBe(0);
    const late = await host.livecert.document(["retry"], inDays(21.5));
    expect(outcomes(late)).toMatchObject({ "a.test": "deployed" });
    expect(late.warnings.join()).toContain("b.test");
    expect(await host.isLive("a.test", address)).toBe(true);
  });
});

describe("by hook and retry alone, live before the served certificate ends", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => `n${index}.a.test`);

  it.each([
    {
      what: "one of 100 names lost",
      rule: "names/lost",
      message: "n99.a.test",
      next: (host: HostBed) => host.files(hundred.slice(0, 99)),
    },
    {
      what: "a root that the system does not know yet",
      rule: "chain/untrusted",
      message: "",
      next: async (host: HostBed) => {
        const root = await host.pki.anotherRoot();
        const intermediate = await root.authority({});
        const leaf = await intermediate.leaf({ names: hundred });
        return lineageFiles(leaf, intermediate);
      },
    },
  ])("$what", async ({ rule, message, next }) => {
    await using host = await HostBed.create();
    await using site = await serve({ "n0.a.test": hundred }, host);
    const { address } = site;
    await host.certbot.write(
      "n0.a.test",
      await host.files(hundred, middleAged),
    );
    await host.livecert.document(["deploy", "--force"]);
    await host.certbot.write("n0.a.test", await next(host));

    const first = await hook(host, "n0.a.test");
    expect(first).toMatchObject({ outcome: "rejected", exitCode: 3 });
    const [finding] = first.lineages[0]?.findings ?? [];
    expect(finding).toMatchObject({ rule, severity: "regression" });
    expect(finding?.message).toContain(message);

    for (const day of [1, 10, 20]) {
      const waiting = await host.livecert.document(["retry"], inDays(day));
      expect(waiting, `day ${day}`).toMatchObject({ outcome: "rejected" });
    }
    const done = await host.livecert.document(["retry"], inDays(21.5));
    expect(done).toMatchObject({
      outcome: "deployed",
      exitCode: 0,
      reloads: 1,
    });
    expect(done.lineages[0]?.findings).toContainEqual(
      expect.objectContaining({
        rule,
        severity: "warning",
        message: expect.stringContaining("near its end") as string,
      }),
    );
    expect(await host.isLive("n0.a.test", address)).toBe(true);
  });
});

describe("what is no worse than what is served", () => {
  it.each([
    { issuer: "a private CA", commonName: "Acme Corporation Root" },
    { issuer: "a staging issuer", commonName: "(STAGING) Pretend Pear X1" },
  ])(
    "goes live: $issuer, out of the box, again and again",
    async ({ commonName }) => {
      await using pki = await createPki({
        root: { commonName },
        intermediate: { commonName },
      });
      await using host = await HostBed.create({ trusted: false });
      const files = async (): Promise<LineageFiles> =>
        lineageFiles(
          await pki.intermediate.leaf({ names: ["a.test"] }),
          pki.intermediate,
        );
      await using site = await serve({ "a.test": await files() }, host);
      for (const round of [1, 2]) {
        await host.certbot.write("a.test", await files());
        const document = await hook(host, "a.test");
        expect(document, `round ${round}`).toMatchObject({
          outcome: "deployed",
          exitCode: 0,
        });
        expect(await host.isLive("a.test", site.address)).toBe(true);
      }
      const { exitCode } = await host.livecert.run(["status"]);
      expect(exitCode).toBe(0);
    },
  );

  it("goes live: the first certificate of a private CA for a server block that is new", async () => {
    await using host = await HostBed.create({ trusted: false });
    await using site = await serve({ "a.test": ["a.test"] }, host);
    const pair = await host.renew("b.test");
    await host.nginx.configure({
      http: ["a.test", "b.test"]
        .map((name) =>
          serverBlock({
            listen: [`${site.address} ssl`],
            names: [name],
            pairs: [name === "b.test" ? pair : host.pair(name)],
          }),
        )
        .join(""),
    });
    const document = await hook(host, "b.test");
    expect(document).toMatchObject({ outcome: "deployed", exitCode: 0 });
  });

  it("goes live with a warning: untrusted but valid, where the served one has expired", async () => {
    await using host = await HostBed.create();
    const expired = await host.files(["a.test"], {
      notBefore: new Date(Date.now() - 91 * dayMs),
      notAfter: new Date(Date.now() - dayMs),
    });
    await using site = await serve({ "a.test": expired }, host);
    const root = await host.pki.anotherRoot();
    const leaf = await root.leaf({ names: ["a.test"] });
    await host.certbot.write("a.test", lineageFiles(leaf, root));
    const { stdout, exitCode } = await host.livecert.run(["deploy"]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /\n {2}warning chain\/\S+: .*\(tolerated: the served certificate has expired\)\n/,
    );
    expect(await host.isLive("a.test", site.address)).toBe(true);
  });
});

describe("a certificate that lost a served name", () => {
  it.each([
    { what: "one of two", names: ["a.test"] },
    { what: "all of them", names: ["other.test"] },
  ])(
    "is held back with the name in the message, also without a record: $what",
    async ({ names }) => {
      await using site = await serve({ "a.test": ["a.test", "www.a.test"] });
      const { host, address } = site;
      const old = await host.onDisk("a.test");
      await host.certbot.write("a.test", await host.files(names));
      const { stdout, exitCode } = await host.livecert.run(["deploy"]);
      expect(exitCode).toBe(3);
      expect(stdout).toMatch(
        /\n {2}regression names\/lost: the name www\.a\.test is served at present, but the certificate of a\.test on disk does not cover it\n/,
      );
      expect(stdout).toContain("livecert deploy a.test --force");
      expect(await servedFingerprint({ address, servername: "a.test" })).toBe(
        old,
      );
      expect(await host.nginx.reconfigurations()).toBe(0);

      const forced = await host.livecert.document([
        "deploy",
        "a.test",
        "--force",
      ]);
      expect(forced).toMatchObject({ exitCode: 0, reloads: 1 });
      expect(await servedFingerprint({ address, servername: "a.test" })).toBe(
        await host.onDisk("a.test"),
      );
    },
  );
});

describe("a fullchain with certificates too many or out of order", () => {
  it.each([
    {
      what: "a superfluous one",
      chain: async (host: HostBed, cert: string) =>
        cert +
        host.pki.intermediate.certificate +
        (await host.pki.anotherRoot()).certificate,
    },
    {
      what: "a duplicate",
      chain: (host: HostBed, cert: string) =>
        Promise.resolve(cert + host.pki.intermediate.certificate.repeat(2)),
    },
    {
      what: "the root before the intermediate",
      chain: (host: HostBed, cert: string) =>
        Promise.resolve(
          cert + host.pki.root.certificate + host.pki.intermediate.certificate,
        ),
    },
  ])(
    "costs one reload and is live at the next run: $what",
    async ({ chain }) => {
      await using site = await serve({ "a.test": ["a.test"] });
      const { host } = site;
      const files = await host.files(["a.test"]);
      await host.certbot.write("a.test", {
        ...files,
        fullchain: await chain(host, files.cert),
      });
      const first = await hook(host, "a.test");
      expect(first).toMatchObject({ outcome: "deployed", reloads: 1 });
      const second = await hook(host, "a.test");
      expect(second).toMatchObject({ outcome: "live", reloads: 0 });
      const third = await host.livecert.document(["deploy"]);
      expect(third).toMatchObject({ outcome: "live", reloads: 0 });
      expect(await host.nginx.reconfigurations()).toBe(1);
    },
  );
});

describe("another intermediate below the same leaf", () => {
  it("is a new bundle, so it is worth a reload", async () => {
    await using site = await serve({ "a.test": ["a.test"] });
    const { host } = site;
    const { intermediate, root } = host.pki;
    const crossed = await root.authority({
      commonName: "Test Intermediate",
      key: intermediate.key,
    });
    const key = await createKey("ec-p256");
    const leaf = await intermediate.leaf({ names: ["a.test"], key });
    await host.certbot.write("a.test", lineageFiles(leaf, intermediate));
    await host.livecert.document(["deploy"]);
    await host.certbot.write("a.test", lineageFiles(leaf, crossed));
    const document = await host.livecert.document(["deploy"]);
    expect(document).toMatchObject({ outcome: "deployed", reloads: 1 });
    const [probe] = document.lineages[0]?.probes ?? [];
    expect(probe?.before).toBe(fingerprintOf(leaf.certificate));
    expect(probe?.after).toBe(probe?.before);
  });
});

describe("a renewal that keeps or changes the key", () => {
  it("goes live with the key that it had, and with one of another type", async () => {
    await using site = await serve({ "a.test": ["a.test"] });
    const { host, address } = site;
    const key = await createKey("rsa-2048");
    for (const request of [
      { keyType: "rsa-2048" as const },
      { key },
      { key },
      { keyType: "ec-p384" as const },
    ]) {
      await host.renew("a.test", request);
      const document = await hook(host, "a.test");
      expect(document).toMatchObject({ outcome: "deployed", reloads: 1 });
      expect(await host.isLive("a.test", address)).toBe(true);
    }
  });
});

describe("roots of the user's own", () => {
  it("make a private CA trusted, so that losing it is a regression", async () => {
    await using pki = await createPki({ root: { commonName: "Private Root" } });
    await using host = await HostBed.create({ trusted: false });
    const roots = join(host.directory, "roots.pem");
    await writeFile(roots, pki.root.certificate);
    const leaf = await pki.intermediate.leaf({ names: ["a.test"] });
    await using site = await serve(
      { "a.test": lineageFiles(leaf, pki.intermediate) },
      host,
    );
    await host.renew("a.test");
    const strict = await host.livecert.document(["deploy", "--roots", roots]);
    expect(strict).toMatchObject({ outcome: "rejected" });
    const relaxed = await host.livecert.document(["deploy"]);
    expect(relaxed).toMatchObject({ outcome: "deployed" });
    expect(await host.isLive("a.test", site.address)).toBe(true);
  });
});
