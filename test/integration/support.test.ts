import { chmod, lstat, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { servedChain, servedFingerprint } from "../support/client.ts";
import {
  CertbotDirectory,
  kinds,
  lineageFiles,
  type Step,
} from "../support/lineage.ts";
import { NginxBed, serverBlock } from "../support/nginx.ts";
import { PebbleBed } from "../support/pebble.ts";
import { createPki, fingerprintOf } from "../support/pki.ts";
import { hasEnded } from "../support/processes.ts";
import { mustRun, run } from "../support/run.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { waitFor } from "../support/wait.ts";

describe("the test's public key infrastructure", () => {
  it.each([
    "ec-p256",
    "ec-p384",
    "ed25519",
    "rsa-1024",
    "rsa-2048",
    "rsa-pss-2048",
  ] as const)(
    "issues a leaf with an %s key that OpenSSL verifies",
    async (keyType) => {
      await using pki = await createPki();
      const leaf = await pki.intermediate.leaf({ names: ["a.test"], keyType });
      const path = (name: string) => join(pki.directory, name);
      await writeFile(path("leaf.pem"), leaf.certificate);
      await writeFile(path("int.pem"), pki.intermediate.certificate);
      const { stdout } = await mustRun("openssl", [
        ...["verify", "-CAfile", pki.rootFile, "-untrusted", path("int.pem")],
        ...["-verify_hostname", "a.test", path("leaf.pem")],
      ]);
      expect(stdout).toContain("OK");
    },
  );

  it("takes dates to the second, in the past and in the future", async () => {
    await using pki = await createPki();
    const leaf = await pki.intermediate.leaf({
      names: ["a.test"],
      notBefore: new Date("2020-01-02T03:04:05Z"),
      notAfter: new Date("2061-06-07T08:09:10Z"),
    });
    const { stdout } = await mustRun(
      "openssl",
      ["x509", "-noout", "-startdate", "-enddate"],
      { input: leaf.certificate },
    );
    expect(stdout).toBe(
      "notBefore=Jan  2 03:04:05 2020 GMT\nnotAfter=Jun  7 08:09:10 2061 GMT\n",
    );
  });

  it("changes and leaves out extensions", async () => {
    await using pki = await createPki();
    const leaf = await pki.intermediate.leaf({
      names: ["a.test", "192.0.2.7"],
      digest: "sha1",
      extensions: { extendedKeyUsage: "clientAuth", keyUsage: null },
    });
    const { stdout } = await mustRun("openssl", ["x509", "-noout", "-text"], {
      input: leaf.certificate,
    });
    expect(stdout).toContain("DNS:a.test, IP Address:192.0.2.7");
    expect(stdout).toContain("TLS Web Client Authentication");
    expect(stdout).toContain("ecdsa-with-SHA1");
    expect(stdout).not.toContain("X509v3 Key Usage");
  });
});

describe("the lineage writer", () => {
  it("stops at any of Certbot's intermediate states and goes on from there", async () => {
    await using directory = await temporaryDirectory();
    await using pki = await createPki();
    const certbot = await CertbotDirectory.create(directory.path);
    const files = async () =>
      lineageFiles(
        await pki.intermediate.leaf({ names: ["a.test"] }),
        pki.intermediate,
      );
    await certbot.write("a.test", await files());
    const renewal = await certbot.begin("a.test", await files());
    const expected: Step[] = [
      ...(["privkey", "cert", "chain", "fullchain"] as const).map(
        (kind): Step => `write ${kind}`,
      ),
      "conf",
      ...kinds.map((kind): Step => `keep ${kind}`),
      ...kinds.flatMap((kind): Step[] => [`unlink ${kind}`, `link ${kind}`]),
      ...kinds.map((kind): Step => `forget ${kind}`),
    ];
    expect(renewal.steps).toEqual(expected);

    await renewal.through("unlink privkey");
    expect(await readlink(certbot.live("a.test", "cert"))).toBe(
      "../../archive/a.test/cert2.pem",
    );
    await expect(lstat(certbot.live("a.test", "privkey"))).rejects.toThrow(
      "ENOENT",
    );
    expect(await readlink(certbot.live("a.test", "fullchain"))).toBe(
      "../../archive/a.test/fullchain1.pem",
    );
    expect(
      await readlink(join(certbot.live("a.test"), "previous_privkey.pem")),
    ).toBe(certbot.archive("a.test", "privkey", 1));

    await renewal.finish();
    for (const kind of kinds)
      expect(await readlink(certbot.live("a.test", kind))).toBe(
        `../../archive/a.test/${kind}2.pem`,
      );
    const key = await lstat(certbot.archive("a.test", "privkey", 2));
    expect(key.mode & 0o777).toBe(0o600);
  });
});

describe("the Nginx bed", () => {
  it("serves, counts reconfigurations and generations, and ends", async () => {
    await using directory = await temporaryDirectory();
    await using pki = await createPki();
    const certbot = await CertbotDirectory.create(directory.path);
    const first = await pki.intermediate.leaf({ names: ["a.test"] });
    const second = await pki.intermediate.leaf({ names: ["a.test"] });
    await certbot.write("a.test", lineageFiles(first, pki.intermediate));

    const nginx = await NginxBed.create();
    const address = await nginx.address();
    const server = serverBlock({
      listen: [`${address} ssl`],
      names: ["a.test"],
      pairs: [
        {
          certificate: certbot.live("a.test", "fullchain"),
          key: certbot.live("a.test", "privkey"),
        },
      ],
    });
    let master: number;
    {
      await using bed = nginx;
      await bed.configure({ http: server });
      master = await bed.start();
      const handshake = { address, servername: "a.test" };
      expect(await servedFingerprint(handshake)).toBe(
        fingerprintOf(first.certificate),
      );
      expect(await servedChain(handshake)).toEqual([
        first.certificate,
        pki.intermediate.certificate,
      ]);

      await certbot.write("a.test", lineageFiles(second, pki.intermediate));
      const workers = await bed.workers();
      await bed.reload();
      expect(await servedFingerprint(handshake)).toBe(
        fingerprintOf(second.certificate),
      );
      expect(await bed.reconfigurations()).toBe(1);
      expect(await bed.generations()).toBe(2);
      const pids = workers.map(({ pid }) => pid);
      for (const { pid } of await bed.workers())
        expect(pids).not.toContain(pid);
      expect(await bed.masterPid()).toBe(master);
    }
    expect(hasEnded(master)).toBe(true);
  });

  it("is started anew by the program itself, and ends then too", async () => {
    let master: number;
    {
      await using bed = await NginxBed.start({});
      await bed.stop();
      await mustRun(join(await bed.binDirectory(), "nginx"), []);
      // The program has ended before its daemon writes the pid file.
      master = await waitFor("a master", () => bed.masterPid());
    }
    expect(hasEnded(master)).toBe(true);
  });

  it("says why it does not start", async () => {
    await expect(NginxBed.start({ http: "nonsense;" })).rejects.toThrow(
      'unknown directive "nonsense"',
    );
  });
});

describe("the Pebble bed", () => {
  it("issues and renews with the real Certbot, whose hook sees Certbot as its ancestor", async () => {
    await using pebble = await PebbleBed.start();
    const certbot = pebble.certbotDirectory;
    await pebble.issue(["a.test", "www.a.test"]);
    await pebble.issueEach(["b.test", "c.test"]);
    const hook = join(pebble.directory, "hook");
    const seen = join(pebble.directory, "seen");
    await writeFile(
      hook,
      [
        "#!/bin/sh",
        `exec >>'${seen}'`,
        'echo "$RENEWED_LINEAGE $RENEWED_DOMAINS"',
        "read -r _ _ _ certbot _ </proc/$PPID/stat",
        "tr '\\0' ' ' </proc/$certbot/cmdline",
        "",
      ].join("\n"),
    );
    await chmod(hook, 0o755);

    const result = await pebble.renew([
      "--cert-name",
      "a.test",
      "--deploy-hook",
      hook,
    ]);

    expect(result.exitCode).toBe(0);
    const said = await readFile(seen, "utf8");
    expect(said).toContain(`${certbot.live("a.test")} a.test www.a.test\n`);
    expect(said).toMatch(/\/usr\/bin\/python3 \S*\/certbot renew /);
    expect(await certbot.newestVersion("a.test")).toBe(2);
    expect(await certbot.newestVersion("b.test")).toBe(1);
    expect(await certbot.newestVersion("c.test")).toBe(1);
    const verified = await run("openssl", [
      ...["verify", "-CAfile", pebble.rootFile],
      ...["-untrusted", certbot.live("a.test", "chain")],
      certbot.live("a.test", "cert"),
    ]);
    expect(verified.stdout).toContain("OK");
  });
});
