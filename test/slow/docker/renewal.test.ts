/** Certbot on the host renews; Nginx in a container has Certbot's directory by a bind mount. */
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DockerEngine } from "../../support/docker.ts";
import { waitFor } from "../../support/wait.ts";
import { DockerBed, name } from "./bed.ts";

let engine: DockerEngine;
beforeAll(async () => {
  engine = await DockerEngine.start();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const targets = [{ kind: "container", name: "web" }];

describe.each(["nginx", "supervisord"] as const)(
  "with %s as the container's program",
  (runs) => {
    test("the deploy hook makes a renewal live with one reload", async () => {
      await using bed = await DockerBed.create(engine);
      const web = await bed.nginx("web", { runs });
      const before = await web.served(name);
      const { stdout, stderr } = await bed.renewWithHook(targets);
      expect(await web.served(name), stdout + stderr).not.toBe(before);
      expect(await bed.isLive(web)).toBe(true);
      expect(await web.generations()).toBe(2);
      expect(await bed.document(targets, "status")).toMatchObject({
        exitCode: 0,
        lineages: [
          { name, probes: [{ target: "web", before: await bed.onDisk() }] },
        ],
      });
      expect(await bed.document(targets, "deploy")).toMatchObject({
        outcome: "live",
        reloads: 0,
      });
      expect(await web.generations()).toBe(2);
    });

    test("the watcher does so where no hook was run", async () => {
      await using bed = await DockerBed.create(engine);
      const web = await bed.nginx("web", { runs });
      const watcher = await bed.watcher(targets);
      await bed.renew();
      await waitFor("the renewal is live", () => bed.isLive(web)).catch(
        (error: unknown) => {
          throw new Error(`${String(error)}\n${watcher.text}`);
        },
      );
      await watcher.says("certificates went live");
      expect(await web.generations()).toBe(2);
    });
  },
);

test("a link elsewhere in the volume that leads to the lineage goes live with it, as in SWAG", async () => {
  await using bed = await DockerBed.create(engine);
  const { directory } = bed.pebble;
  await mkdir(join(directory, "keys"));
  await symlink(
    `../letsencrypt/live/${name}`,
    join(directory, "keys", "letsencrypt"),
  );
  const keys = "/config/keys/letsencrypt";
  const web = await bed.nginx("web", {
    volumes: [`${directory}:/config`],
    sites: [
      {
        name,
        certificate: `${keys}/fullchain.pem`,
        key: `${keys}/privkey.pem`,
      },
    ],
  });
  await bed.renew();
  expect(await bed.document(targets, "deploy", name)).toMatchObject({
    outcome: "deployed",
    reloads: 1,
    lineages: [{ name }],
  });
  expect(await bed.isLive(web)).toBe(true);
});
