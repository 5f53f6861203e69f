import { join } from "node:path";
import { expect, it } from "vitest";
import { commandTarget } from "../../src/adapters/targets/command.ts";
import { NginxBed } from "../support/nginx.ts";
import { mustRun } from "../support/run.ts";
import { waitFor } from "../support/wait.ts";

const signal = new AbortController().signal;
const limits = { nginxCommandMs: 20_000, reloadCommandMs: 20_000 };

function targetOf(
  nginx: NginxBed,
  { program = nginx.program, pidFile = nginx.pidFile } = {},
) {
  const words = [program, ...nginx.arguments];
  return commandTarget({
    limits,
    setting: {
      kind: "command",
      name: "own",
      dump: [...words, "-T"],
      test: [...words, "-t"],
      reload: [...words, "-s", "reload"],
      pidFile,
    },
  });
}

it("is dumped, tested and reloaded by the user's commands", async () => {
  await using nginx = await NginxBed.start({});
  const target = targetOf(nginx);
  const state = await target.inspect(signal);
  if (state.kind !== "running") throw new Error(state.reason);
  expect(state.generation.master.pid).toBe(await nginx.masterPid());
  expect(await target.dump(signal)).toMatchObject({
    kind: "ok",
    text: expect.stringContaining(nginx.configuration) as unknown,
  });
  expect(await target.test(signal)).toMatchObject({ kind: "ok" });
  expect(await target.reload(signal)).toMatchObject({ kind: "triggered" });
  const { master, workers } = state.generation;
  await waitFor("new workers", async () => {
    const now = await target.generation(master);
    return now?.workers.every(({ pid }) => pid !== workers[0]?.pid) === true;
  });
});

it("is not running where the pid file names nobody", async () => {
  await using nginx = await NginxBed.create();
  expect(await targetOf(nginx).inspect(signal)).toMatchObject({
    kind: "not-running",
  });
});

it("waits for no pipe in the place of a pid file", async () => {
  await using nginx = await NginxBed.create();
  const pidFile = join(nginx.prefix, "pipe");
  await mustRun("mkfifo", [pidFile]);
  const target = targetOf(nginx, { pidFile });
  expect(await target.inspect(signal)).toMatchObject({ kind: "not-running" });
});

it("runs no program that is not there or that others could change", async () => {
  await using nginx = await NginxBed.start({});
  const target = targetOf(nginx, { program: "/nonexistent/nginx" });
  expect(await target.dump(signal)).toMatchObject({ kind: "failed" });
  expect(await target.reload(signal)).toMatchObject({ kind: "failed" });
});
