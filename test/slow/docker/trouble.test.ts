/** The engine and its containers, when they are not as they were a moment ago. */
import { chmod, chown } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DockerEngine } from "../../support/docker.ts";
import { startEngineProxy } from "../../support/engine-proxy.ts";
import { DockerBed } from "./bed.ts";

let engine: DockerEngine;
beforeAll(async () => {
  engine = await DockerEngine.start();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const plain = { kind: "container", name: "web" };

function through(socket: string): readonly object[] {
  return [{ ...plain, engine: `unix://${socket}` }];
}

test("a container that is created anew during a run is found under its new id", async () => {
  await using bed = await DockerBed.create(engine);
  const web = await bed.nginx("web");
  let dumps = 0;
  await using proxy = await startEngineProxy(engine.socket, async (request) => {
    if (!/^POST \S*\/exec\/\w+\/start /.test(request)) return;
    dumps += 1;
    if (dumps === 1) await web.recreate();
  });
  await bed.renew();
  const targets = through(proxy.socket);
  const during = await bed.run(targets, "deploy");
  expect(dumps).toBeGreaterThan(0);
  expect([0, 5, 6], during.stdout + during.stderr).toContain(during.exitCode);
  const after = await bed.run(targets, "deploy");
  expect(after.exitCode, after.stdout).toBe(0);
  expect(await bed.isLive(web)).toBe(true);
});

test("an engine that is stopped during a run leaves the renewal pending, and it is live when all is back", async () => {
  await using bed = await DockerBed.create(engine);
  const web = await bed.nginx("web");
  let isStopped = false;
  await using proxy = await startEngineProxy(engine.socket, async (request) => {
    if (isStopped || !request.includes("/exec")) return;
    isStopped = true;
    await engine.stop();
  });
  await bed.renew();
  const targets = through(proxy.socket);
  const during = await bed.run(targets, "deploy");
  expect(isStopped).toBe(true);
  expect(during.exitCode, during.stdout + during.stderr).toBe(5);

  await engine.start();
  await engine.do("start", web.name);
  const after = await bed.run(targets, "retry");
  expect(after.exitCode, after.stdout).toBe(0);
  expect(await bed.isLive(web)).toBe(true);
});

test("a socket that denies access is named, with who may use it", async () => {
  await using bed = await DockerBed.create(engine);
  await bed.nginx("web");
  await using proxy = await startEngineProxy(engine.socket, () =>
    Promise.resolve(),
  );
  await chmod(proxy.socket, 0o600);
  await chown(proxy.socket, 65534, 65534);
  const { exitCode, stdout, stderr } = await bed.livecert.run(["status"], {
    environment: bed.environment(through(proxy.socket)),
    // Root that may not pass over a mode, as in a container without that capability.
    through: ["setpriv", "--bounding-set=-dac_override"],
  });
  expect(exitCode, stdout + stderr).toBe(5);
  expect(stdout + stderr).toContain(proxy.socket);
  expect(stdout + stderr).toMatch(/may not be asked by this user/);
});

test("an engine that answers slowly is waited for up to the limit, and named beyond it", async () => {
  await using bed = await DockerBed.create(engine);
  const web = await bed.nginx("web");
  let lateMs = 200;
  await using proxy = await startEngineProxy(engine.socket, async () => {
    await delay(lateMs);
  });
  await bed.renew();
  const targets = through(proxy.socket);
  const inTime = await bed.run(targets, "deploy");
  expect(inTime.exitCode, inTime.stdout).toBe(0);
  expect(await bed.isLive(web)).toBe(true);

  await bed.renew();
  lateMs = 3_000;
  const late = await bed.run(targets, "deploy", "--limits-engine", "500ms");
  expect(late.exitCode, late.stdout + late.stderr).toBe(5);
  expect(late.stdout).toContain(proxy.socket);
  lateMs = 0;
  expect(await bed.run(targets, "retry")).toMatchObject({ exitCode: 0 });
  expect(await bed.isLive(web)).toBe(true);
});
