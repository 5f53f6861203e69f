/** Files of a lineage that are mounted one by one: the mounts keep the files of the day on which the container was made. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { DockerEngine } from "../../support/docker.ts";
import { DockerBed, name } from "./bed.ts";

let engine: DockerEngine;
beforeAll(async () => {
  engine = await DockerEngine.start();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const targets = [{ kind: "container", name: "web" }];

test("the mount and the remedy are named, no reload is made, and the container made anew is live", async () => {
  await using bed = await DockerBed.create(engine);
  const { certbotDirectory } = bed.pebble;
  const web = await bed.nginx("web", {
    volumes: [
      `${certbotDirectory.live(name, "fullchain")}:/etc/ssl/site.crt:ro`,
      `${certbotDirectory.live(name, "privkey")}:/etc/ssl/site.key:ro`,
    ],
    sites: [
      { name, certificate: "/etc/ssl/site.crt", key: "/etc/ssl/site.key" },
    ],
  });
  await bed.renew();
  const before = await web.served(name);
  const { exitCode, stdout } = await bed.run(targets, "deploy", name);
  expect(exitCode, stdout).toBe(6);
  expect(stdout).toContain("/etc/ssl/site.crt");
  expect(stdout).toMatch(/mount the directory/);
  for (let again = 0; again < 3; again += 1)
    expect(await bed.run(targets, "retry")).toMatchObject({ exitCode: 6 });
  expect(await web.served(name)).toBe(before);
  expect(await web.generations()).toBe(1);

  await web.recreate();
  expect(await bed.run(targets, "retry")).toMatchObject({ exitCode: 0 });
  expect(await bed.isLive(web)).toBe(true);
});
