/** Containers as some administrators build them, and as an attacker would. */
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DockerEngine } from "../../support/docker.ts";
import { startEngineProxy } from "../../support/engine-proxy.ts";
import { createPki, fingerprintOf } from "../../support/pki.ts";
import { DockerBed, letsencrypt, name } from "./bed.ts";

let engine: DockerEngine;
beforeAll(async () => {
  engine = await DockerEngine.start();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const plain = { kind: "container", name: "web" };
const targets = [plain];

test("without a shell, and started from a directory of its own with a relative prefix, a renewal goes live", async () => {
  await using bed = await DockerBed.create(engine);
  const empty = join(bed.pebble.directory, "no-shell");
  await writeFile(empty, "");
  const web = await bed.nginx("web", {
    command: ["nginx", "-p", ".", "-c", "nginx.conf", "-g", "daemon off;"],
    workingDirectory: "/etc/nginx",
    volumes: [
      `${bed.pebble.certbotDirectory.path}:${letsencrypt}:ro`,
      ...["dash", "bash"].map((shell) => `${empty}:/usr/bin/${shell}:ro`),
    ],
  });
  const shell = await engine.docker("exec", "web", "/bin/sh", "-c", ":");
  expect(shell.exitCode).not.toBe(0);
  await bed.renew();
  expect(await bed.document(targets, "deploy", name)).toMatchObject({
    outcome: "deployed",
    reloads: 1,
  });
  expect(await bed.isLive(web)).toBe(true);
});

test("a container that restarts during a run is live in the end", async () => {
  await using bed = await DockerBed.create(engine);
  const web = await bed.nginx("web");
  let isRestarted = false;
  await using proxy = await startEngineProxy(engine.socket, async (request) => {
    if (isRestarted || !/^POST \S*\/exec\/\w+\/start /.test(request)) return;
    isRestarted = true;
    await engine.do("restart", "--time", "1", "web");
  });
  await bed.renew();
  const through = [{ ...plain, engine: `unix://${proxy.socket}` }];
  const during = await bed.run(through, "deploy");
  expect(isRestarted).toBe(true);
  expect([0, 5, 6], during.stdout + during.stderr).toContain(during.exitCode);
  const after = await bed.run(through, "deploy");
  expect(after.exitCode, after.stdout).toBe(0);
  expect(await bed.isLive(web)).toBe(true);
});

describe("a path of a container's configuration", () => {
  test.each([
    ["an absolute link", (outside: string) => `${outside}/site`],
    ["a link upwards", (outside: string) => `../../../..${outside}/site`],
    [
      "a link by way of /proc",
      (outside: string) => `/proc/1/root${outside}/site`,
    ],
  ])(
    "by %s out of its volume means the container's file, never the host's",
    async (_, target) => {
      await using bed = await DockerBed.create(engine);
      await using pki = await createPki();
      const outside = join(bed.pebble.directory, "outside");
      const inner = join(bed.pebble.directory, "inner");
      const volume = join(bed.pebble.directory, "certs");
      const leaves = [];
      for (const directory of [outside, inner]) {
        await mkdir(directory);
        const leaf = await pki.intermediate.leaf({ names: [name] });
        const chain = leaf.certificate + pki.intermediate.certificate;
        await writeFile(join(directory, "site.crt"), chain);
        await writeFile(join(directory, "site.key"), leaf.key, { mode: 0o600 });
        leaves.push(leaf.certificate);
      }
      await mkdir(volume);
      for (const kind of ["crt", "key"])
        await symlink(
          `${target(outside)}.${kind}`,
          join(volume, `site.${kind}`),
        );
      await bed.nginx("web", {
        volumes: [`${volume}:/certs`, `${inner}:${outside}:ro`],
        sites: [
          { name, certificate: "/certs/site.crt", key: "/certs/site.key" },
        ],
      });
      const { lineages } = await bed.document(targets, "status");
      const [, own = ""] = leaves;
      const leaf = { fingerprint256: fingerprintOf(own) };
      expect(lineages).toContainEqual(
        expect.objectContaining({
          outcome: "live",
          leaf: expect.objectContaining(leaf) as unknown,
        }),
      );
    },
  );
});

test("a program in the place of Nginx that never stops talking, or says nonsense, changes nothing", async () => {
  await using bed = await DockerBed.create(engine);
  const web = await bed.nginx("web");
  const program = join(bed.pebble.certbotDirectory.path, "nonsense");
  await writeFile(program, "#!/bin/sh\necho nonsense\n");
  await chmod(program, 0o755);
  await bed.renew();
  for (const nginx of ["/usr/bin/yes", `${letsencrypt}/nonsense`]) {
    const lying = [{ ...plain, nginx }];
    const { exitCode, stdout, stderr } = await bed.run(lying, "deploy");
    expect([4, 5], stdout + stderr).toContain(exitCode);
    expect((stdout + stderr).length).toBeLessThan(10_000);
  }
  expect(await web.generations()).toBe(1);
  expect(await bed.run(targets, "deploy")).toMatchObject({ exitCode: 0 });
  expect(await bed.isLive(web)).toBe(true);
});

test("a container that has gone is no other whose id begins with its name", async () => {
  await using bed = await DockerBed.create(engine);
  const web = await bed.nginx("web");
  const id = await engine.do("inspect", "--format", "{{.Id}}", web.name);
  for (const [called, exitCode] of [
    [id.slice(0, 2), 5],
    [id.slice(0, 12), 0],
    [id, 0],
  ] as const) {
    const { stdout, ...result } = await bed.run(
      [{ kind: "container", name: called }],
      "status",
    );
    expect(result.exitCode, stdout).toBe(exitCode);
  }
});
