/** Three containers share one lineage, and one of them is paused when it is renewed. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { DockerEngine } from "../../support/docker.ts";
import { DockerBed } from "./bed.ts";

let engine: DockerEngine;
beforeAll(async () => {
  engine = await DockerEngine.start();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const targets = [{ kind: "container", label: "role=edge" }];
const options = ["--label", "role=edge"];

test("two go live, the paused one stays pending by its name, and is mended once it goes on", async () => {
  await using bed = await DockerBed.create(engine);
  const one = await bed.nginx("edge-1", { options });
  const two = await bed.nginx("edge-2", { options, runs: "supervisord" });
  const three = await bed.nginx("edge-3", { options });
  // From then on it is known who uses what, also of one that does not answer.
  expect(await bed.document(targets, "deploy")).toMatchObject({
    outcome: "live",
    reloads: 0,
  });
  await three.pause();
  await bed.renew();

  const { exitCode, stdout } = await bed.run(targets, "deploy");
  expect(await bed.isLive(one)).toBe(true);
  expect(await bed.isLive(two)).toBe(true);
  expect(exitCode, stdout).toBe(5);
  expect(stdout).toMatch(/edge-3.*paused/s);

  await three.unpause();
  expect(await bed.isLive(three)).toBe(false);
  expect(await bed.run(targets, "retry")).toMatchObject({ exitCode: 0 });
  expect(await bed.isLive(three)).toBe(true);
  for (const container of [one, two, three])
    expect(await container.generations()).toBe(2);
});
