/**
 * AzuraCast's layout: the web container keeps `acme.crt` and `acme.key` in a volume and loads them through the links
 * `ssl.crt` and `ssl.key`, which are absolute and so mean something in the container only; Nginx runs under supervisord. A
 * renewal replaces `acme.crt`, keeps key and links, and tells nobody.
 */
import { rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DockerEngine } from "../../support/docker.ts";
import { createPki, fingerprintOf } from "../../support/pki.ts";
import { waitFor } from "../../support/wait.ts";
import { DockerBed, name } from "./bed.ts";

let engine: DockerEngine;
beforeAll(async () => {
  engine = await DockerEngine.start();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const storage = "/var/azuracast/storage/acme";
const targets = [{ kind: "container", service: "azuracast/web" }];

test("status names the certificate that is renewed and not served, and the watcher mends it", async () => {
  await using bed = await DockerBed.create(engine);
  await using pki = await createPki();
  await engine.do("volume", "create", "azuracast_acme");
  const volume = await engine.do(
    ...["volume", "inspect", "--format", "{{.Mountpoint}}", "azuracast_acme"],
  );
  const write = async (file: string, text: string): Promise<void> => {
    await writeFile(join(volume, "temporary"), text, { mode: 0o600 });
    await rename(join(volume, "temporary"), join(volume, file));
  };
  const { key } = await pki.intermediate.leaf({ names: [name] });
  const renew = async (): Promise<string> => {
    const leaf = await pki.intermediate.leaf({ names: [name], key });
    await write("acme.crt", leaf.certificate + pki.intermediate.certificate);
    return fingerprintOf(leaf.certificate);
  };
  await write("acme.key", key);
  const first = await renew();
  for (const kind of ["crt", "key"])
    await symlink(`${storage}/acme.${kind}`, join(volume, `ssl.${kind}`));
  const web = await bed.nginx("azuracast", {
    runs: "supervisord",
    volumes: [`azuracast_acme:${storage}`],
    sites: [
      { name, certificate: `${storage}/ssl.crt`, key: `${storage}/ssl.key` },
    ],
    options: [
      ...["--label", "com.docker.compose.project=azuracast"],
      ...["--label", "com.docker.compose.service=web"],
    ],
  });

  const second = await renew();
  expect(await web.served(name)).toBe(first);
  const status = await bed.document(targets, "status");
  const certificate = join(volume, "acme.crt");
  expect(status.lineages).toContainEqual(
    expect.objectContaining({ path: certificate, outcome: "stale" }),
  );

  const watcher = await bed.watcher(targets);
  await waitFor("the renewal is live", async () => {
    return (await web.served(name)) === second;
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${watcher.text}`);
  });
  const third = await renew();
  await waitFor("the next one as well", async () => {
    return (await web.served(name)) === third;
  });
  expect(await web.generations()).toBe(3);
  await web.remove();
  await engine.do("volume", "rm", "azuracast_acme");
});
