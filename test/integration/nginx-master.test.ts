import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmod,
  chown,
  copyFile,
  mkdir,
  readlink,
  rename,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Cleanup } from "../support/cleanup.ts";
import { NginxBed, nginxProgram } from "../support/nginx.ts";
import { pidIn, startMaster } from "../support/nginx-master.ts";
import { hasEnded, processEntry } from "../support/processes.ts";
import { mustRun } from "../support/run.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { waitFor } from "../support/wait.ts";
import { signal, targetWith, writeConfiguration } from "./nginx-host.ts";

const isMaster = (title: string) => title.startsWith("nginx: master process");

async function end(pid: number): Promise<void> {
  process.kill(pid, "SIGTERM");
  await waitFor(`process ${pid} ends`, () => hasEnded(pid));
}

/** What `inspect` says to a livecert of another user. */
async function inspectAs(uid: number, conf: string, prefix: string) {
  const program = `
    import { signal, targetWith } from "./test/integration/nginx-host.ts";
    const [conf, prefix] = process.argv.slice(1);
    const state = await targetWith({ conf, prefix }).inspect(signal);
    console.log(JSON.stringify(state));`;
  const { stdout } = await mustRun("setpriv", [
    ...[`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"],
    ...[process.execPath, "--import", "tsx", "--input-type=module"],
    ...["-e", program, conf, prefix],
  ]);
  return JSON.parse(stdout) as unknown;
}

function targetOf(bed: NginxBed) {
  return targetWith({ conf: bed.configuration, prefix: bed.prefix });
}

/** A process that is no Nginx, whatever it calls itself. */
async function impostor(
  title: string,
  uid: number,
): Promise<ChildProcess & AsyncDisposable> {
  const child = spawn("/bin/sleep", ["600"], {
    argv0: title,
    stdio: "ignore",
    uid,
    gid: uid,
  });
  await once(child, "spawn");
  return Object.assign(child, {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await waitFor("the impostor ends", () => hasEnded(child.pid ?? 0));
    },
  });
}

describe("a running Nginx", () => {
  it("is found with its workers", async () => {
    await using bed = await NginxBed.start({ workers: 3 });
    await waitFor("all workers", async () => (await bed.workers())[2]);
    const state = await targetOf(bed).inspect(signal);
    const workers = (await bed.workers()).map(({ pid, startTicks }) => ({
      pid,
      startTicks,
    }));
    expect(state).toMatchObject({
      kind: "running",
      stopped: false,
      generation: {
        master: { pid: await bed.masterPid() },
        workers: workers.sort((a, b) => a.pid - b.pid),
        draining: [],
      },
    });
  });

  it("is found through a pid directive in an included file", async () => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    await mkdir(join(path, "main.d"));
    await writeFile(join(path, "main.d/10-pid.conf"), "pid other.pid;\n");
    const conf = await writeConfiguration(path, {
      main: "include main.d/1*.conf;",
    });
    await using master = await startMaster(
      [nginxProgram, "-p", path, "-c", conf, "-g", "daemon off;"],
      { isMaster },
    );
    const target = targetWith({ conf, prefix: path });
    expect(await target.inspect(signal)).toMatchObject({
      kind: "running",
      generation: { master: { pid: master.pid } },
    });
    expect(target.found?.installation?.pidFile).toBe(join(path, "other.pid"));
  });

  it("is found where only its own -g names the pid file", async () => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    const conf = await writeConfiguration(path, { main: "" });
    const directives = `daemon off; pid ${join(path, "odd.pid")};`;
    await using master = await startMaster(
      [nginxProgram, "-p", path, "-c", conf, "-g", directives],
      { isMaster },
    );
    const target = targetWith({ conf, prefix: path });
    expect(await target.inspect(signal)).toMatchObject({
      kind: "running",
      generation: { master: { pid: master.pid } },
    });
    expect(await target.test(signal)).toMatchObject({ kind: "ok" });
  });

  it("is found where a script stands in the program's place", async () => {
    await using bed = await NginxBed.start({});
    const bin = join(await bed.binDirectory(), "nginx");
    const { configuration: conf, prefix } = bed;
    expect(
      await targetWith({ bin, conf, prefix }).inspect(signal),
    ).toMatchObject({
      kind: "running",
      generation: { master: { pid: await bed.masterPid() } },
    });
  });

  it("is found with a title that its tiny environment cut short", async () => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    const conf = await writeConfiguration(path);
    await using master = await startMaster(
      [nginxProgram, "-g", "daemon off;", "-p", path, "-c", conf],
      { isMaster, environment: {} },
    );
    const target = targetWith({ conf, prefix: path });
    await waitFor("both workers are seen", async () => {
      const state = await target.inspect(signal);
      return (
        state.kind === "running" &&
        state.generation.master.pid === master.pid &&
        state.generation.workers.length === 2
      );
    });
    expect(target.found?.master?.options).toBeNull();
    expect(await target.dump(signal)).toMatchObject({ kind: "ok" });
  });

  it("is found with a relative prefix, counted from where it was started", async () => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    const conf = await writeConfiguration(path);
    await using master = await startMaster(
      [nginxProgram, "-p", ".", "-c", "nginx.conf", "-g", "daemon off;"],
      { isMaster, cwd: path },
    );
    const target = targetWith({ conf });
    expect(await target.inspect(signal)).toMatchObject({
      kind: "running",
      generation: { master: { pid: master.pid } },
    });
    expect(await target.dump(signal)).toMatchObject({
      kind: "ok",
      prefix: path,
    });
  });

  it("is found after its program was replaced by an upgrade", async () => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    const bin = join(path, "nginx");
    await copyFile(nginxProgram, bin);
    const conf = await writeConfiguration(path);
    await using master = await startMaster(
      [bin, "-p", path, "-c", conf, "-g", "daemon off;"],
      { isMaster },
    );
    await copyFile(nginxProgram, join(path, "new"));
    await rename(join(path, "new"), bin);
    expect(await readlink(`/proc/${master.pid}/exe`)).toBe(`${bin} (deleted)`);
    expect(
      await targetWith({ bin, conf, prefix: path }).inspect(signal),
    ).toMatchObject({
      kind: "running",
      generation: { master: { pid: master.pid } },
    });
  });

  it("is found in a mount namespace of its own over the same files, as PrivateTmp gives it", async () => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    const conf = await writeConfiguration(path);
    await using master = await startMaster(
      [
        ...["unshare", "--mount", "--", nginxProgram],
        ...["-p", path, "-c", conf, "-g", "daemon off;"],
      ],
      { isMaster },
    );
    expect(
      await targetWith({ conf, prefix: path }).inspect(signal),
    ).toMatchObject({
      kind: "running",
      generation: { master: { pid: master.pid } },
    });
  });

  it("is the new master during an upgrade, though it is the old one's child", async () => {
    await using temporary = await temporaryDirectory();
    await using cleanup = new Cleanup();
    const { path } = temporary;
    const conf = await writeConfiguration(path);
    const pidFile = join(path, "nginx.pid");
    // As a daemon: Nginx ignores the signal while its first parent lives.
    await mustRun(nginxProgram, ["-p", path, "-c", conf]);
    const old = await pidIn(pidFile);
    cleanup.defer(() => end(old));
    process.kill(old, "SIGUSR2");
    const target = targetWith({ conf, prefix: path });
    const pid = await waitFor("the new master is found", async () => {
      const state = await target.inspect(signal);
      if (state.kind !== "running") return null;
      const { master, workers } = state.generation;
      return master.pid !== old && workers.length > 0 ? master.pid : null;
    });
    cleanup.defer(() => end(pid));
    expect(await pidIn(pidFile)).toBe(pid);
    expect(processEntry(pid)?.parentPid).toBe(old);
  });

  it("is found without workers where it is told to have none", async () => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    const pidFile = join(path, "nginx.pid");
    const conf = await writeConfiguration(path, {
      main: `master_process off; pid ${pidFile};`,
    });
    const command = [nginxProgram, "-p", path, "-c", conf, "-g", "daemon off;"];
    await using single = await startMaster(command, {
      isMaster: (title) => title === command.join(" "),
      workers: "none",
    });
    await pidIn(pidFile);
    const state = await targetWith({ conf, prefix: path }).inspect(signal);
    expect(state).toMatchObject({
      kind: "running",
      oldestWorkerStartMs: null,
      generation: { master: { pid: single.pid }, workers: [], draining: [] },
    });
  });

  it("is found by the ordinary user who runs it", async () => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    const conf = await writeConfiguration(path);
    await mustRun("chown", ["-R", "1000:1000", path]);
    await using master = await startMaster(
      [nginxProgram, "-p", path, "-c", conf, "-g", "daemon off;"],
      { isMaster, uid: 1000 },
    );
    await pidIn(join(path, "nginx.pid"));
    expect(await inspectAs(1000, conf, path)).toMatchObject({
      kind: "running",
      generation: { master: { pid: master.pid } },
    });
  });

  it("is seen to be stopped", async () => {
    await using bed = await NginxBed.start({});
    await bed.signal("SIGSTOP");
    const target = targetOf(bed);
    await waitFor("the stop is seen", async () => {
      const state = await target.inspect(signal);
      return state.kind === "running" && state.stopped;
    });
  });

  it("is chosen among several installed programs by running", async () => {
    await using bed = await NginxBed.start({});
    const bin = join(bed.prefix, "first");
    await mkdir(bin);
    await copyFile(nginxProgram, join(bin, "nginx"));
    const target = targetWith(
      { bin: null, conf: bed.configuration, prefix: bed.prefix },
      { directories: [bin], searchPath: "/usr/sbin" },
    );
    expect(await target.inspect(signal)).toMatchObject({ kind: "running" });
    expect(target.found?.installation?.binary.path).toBe(nginxProgram);
  });
});

describe("an Nginx that does not run", () => {
  it.each([
    ["is missing", null, "there is no pid file"],
    ["is empty, as nginx -t leaves it", "", "is empty"],
    ["holds no number", "../../1\n", "holds no pid"],
    ["names a process that has ended", "4194304\n", "which has ended"],
    ["holds the pid 0", "0\n", "holds no pid"],
  ])("is known by a pid file that %s", async (_, content, reason) => {
    await using bed = await NginxBed.create();
    if (content !== null) await writeFile(bed.pidFile, content);
    expect(await targetOf(bed).inspect(signal)).toEqual({
      kind: "not-running",
      reason: expect.stringContaining(reason) as string,
      remedy: expect.stringContaining(`-c ${bed.configuration}`) as string,
    });
  });

  it.each([
    ["root's", 0],
    ["another user's", 1000],
  ])(
    "is not mistaken for %s process with a forged title, which gets no signal",
    async (_, uid) => {
      await using bed = await NginxBed.create();
      await using other = await impostor(
        `nginx: master process nginx -p ${bed.prefix} -c ${bed.configuration}`,
        uid,
      );
      await writeFile(bed.pidFile, `${other.pid}\n`);
      const target = targetOf(bed);
      const state = await target.inspect(signal);
      expect(state).toMatchObject({ kind: "not-running" });
      expect(await target.reload(signal)).toMatchObject({ kind: "failed" });
      expect(other.exitCode ?? other.signalCode).toBeNull();
    },
  );

  it("has left no trace of having been looked for", async () => {
    await using bed = await NginxBed.create();
    await targetOf(bed).inspect(signal);
    await expect(pidFileOf(bed)).rejects.toThrow("ENOENT");
  });
});

function pidFileOf(bed: NginxBed) {
  return readlink(bed.pidFile);
}

describe("an Nginx that is not to be trusted", () => {
  it("runs as another user", async () => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    const conf = await writeConfiguration(path);
    await chown(path, 1000, 1000);
    await chown(join(path, "tmp"), 1000, 1000);
    await using master = await startMaster(
      [nginxProgram, "-p", path, "-c", conf, "-g", "daemon off;"],
      { isMaster, uid: 1000 },
    );
    await pidIn(join(path, "nginx.pid"));
    await chown(path, 0, 0);
    const target = targetWith({ conf, prefix: path });
    expect(await target.inspect(signal)).toEqual({
      kind: "foreign",
      reason: expect.stringContaining(
        `names process ${master.pid}, which runs as uid 1000`,
      ) as string,
    });
    expect(await target.dump(signal)).toMatchObject({ kind: "failed" });
    expect(await target.reload(signal)).toMatchObject({ kind: "failed" });
  });

  it("is root's where livecert is an ordinary user", async () => {
    await using bed = await NginxBed.start({});
    expect(await inspectAs(1000, bed.configuration, bed.prefix)).toEqual({
      kind: "foreign",
      reason: expect.stringContaining("which only root may look at") as string,
    });
  });

  it("is a worker whose pid stands in the pid file", async () => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    const conf = await writeConfiguration(path, {
      main: `user root; pid ${join(path, "nginx.pid")};`,
    });
    await using master = await startMaster(
      [nginxProgram, "-p", path, "-c", conf, "-g", "daemon off;"],
      { isMaster },
    );
    const target = targetWith({ conf, prefix: path });
    const state = await target.inspect(signal);
    if (state.kind !== "running") throw new Error(state.reason);
    expect(state.generation.master.pid).toBe(master.pid);
    const [worker] = state.generation.workers;
    await writeFile(join(path, "nginx.pid"), `${worker?.pid ?? 0}\n`);
    expect(await target.inspect(signal)).toEqual({
      kind: "foreign",
      reason: expect.stringContaining("which is a worker") as string,
    });
  });

  it("runs with another configuration than the one that is set", async () => {
    await using bed = await NginxBed.start({});
    await using temporary = await temporaryDirectory();
    const conf = await writeConfiguration(temporary.path, {
      main: `pid ${bed.pidFile};`,
    });
    expect(
      await targetWith({ conf, prefix: bed.prefix }).inspect(signal),
    ).toEqual({
      kind: "foreign",
      reason: expect.stringContaining(
        `runs with ${bed.configuration}`,
      ) as string,
    });
  });

  it("is what a script has started, and others could change that program", async () => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    const program = join(path, "opt", "nginx");
    await mkdir(join(path, "opt"));
    await copyFile(nginxProgram, program);
    const bin = join(path, "nginx");
    await writeFile(bin, `#!/bin/sh\nexec ${program} "$@"\n`);
    await chmod(bin, 0o755);
    const conf = await writeConfiguration(path);
    await using master = await startMaster(
      [program, "-p", path, "-c", conf, "-g", "daemon off;"],
      { isMaster },
    );
    const target = targetWith({ bin, conf, prefix: path });
    expect(await target.inspect(signal)).toMatchObject({
      kind: "running",
      generation: { master: { pid: master.pid } },
    });
    await chmod(join(path, "opt"), 0o777);
    expect(await target.inspect(signal)).toEqual({
      kind: "foreign",
      reason: expect.stringContaining(join(path, "opt")) as string,
    });
  });

  it("is another program than the one that is set", async () => {
    await using bed = await NginxBed.start({});
    const bin = join(bed.prefix, "angie");
    await copyFile(nginxProgram, bin);
    const target = targetWith({
      bin,
      conf: bed.configuration,
      prefix: bed.prefix,
    });
    expect(await target.inspect(signal)).toEqual({
      kind: "foreign",
      reason: expect.stringContaining(
        `which runs ${nginxProgram}, not ${bin}`,
      ) as string,
    });
  });

  it.each([
    ["pid", "--pid", "another pid namespace"],
    ["network", "--net", "another network namespace"],
  ])("lives in another %s namespace", async (_, option, reason) => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    const conf = await writeConfiguration(path);
    await using master = await startMaster(
      [
        ...["unshare", option, "--fork", "--kill-child", "--"],
        ...[nginxProgram, "-p", path, "-c", conf, "-g", "daemon off;"],
      ],
      { isMaster },
    );
    await pidIn(join(path, "nginx.pid"));
    await writeFile(join(path, "nginx.pid"), `${master.pid}\n`);
    expect(await targetWith({ conf, prefix: path }).inspect(signal)).toEqual({
      kind: "foreign",
      reason: expect.stringContaining(reason) as string,
    });
  });

  it("sees other files under the same paths", async () => {
    await using temporary = await temporaryDirectory();
    await using hidden = await temporaryDirectory();
    const { path } = temporary;
    const conf = await writeConfiguration(path);
    const inside = await writeConfiguration(hidden.path, {
      main: `pid ${join(path, "nginx.pid")};`,
    });
    const start = [
      `mount --bind ${inside} ${conf}`,
      `exec ${nginxProgram} -p ${path} -c ${conf} -g "daemon off;"`,
    ];
    await using master = await startMaster(
      ["unshare", "--mount", "--", "sh", "-ec", start.join("\n")],
      { isMaster },
    );
    expect(await targetWith({ conf, prefix: path }).inspect(signal)).toEqual({
      kind: "foreign",
      reason: `${join(path, "nginx.pid")} names process ${master.pid}, which runs in another mount namespace`,
    });
  });

  it("reads a configuration that others can change", async () => {
    await using bed = await NginxBed.create();
    await chmod(bed.configuration, 0o666);
    await expect(targetOf(bed).inspect(signal)).rejects.toThrow(
      expect.objectContaining({ code: "configuration-unsafe" }),
    );
  });

  it("is found only as a program that others can change", async () => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    await symlink("/nonexistent", join(path, "openresty"));
    await copyFile(nginxProgram, join(path, "nginx"));
    await chmod(join(path, "nginx"), 0o777);
    const target = targetWith(
      { bin: null },
      { directories: [], searchPath: path },
    );
    expect(await target.inspect(signal)).toEqual({
      kind: "foreign",
      reason: expect.stringContaining(`${path}/nginx is not run`) as string,
    });
  });
});

describe("a machine without Nginx", () => {
  it("has none", async () => {
    const target = targetWith(
      { bin: null },
      { directories: [], searchPath: "" },
    );
    expect(await target.inspect(signal)).toEqual({
      kind: "absent",
      reason: "no Nginx program was found",
    });
    expect(await target.dump(signal)).toMatchObject({ kind: "failed" });
  });
});

describe("the other masters of this machine", () => {
  it("are listed with their configuration and whether they live elsewhere", async () => {
    await using bed = await NginxBed.start({});
    await using second = await NginxBed.start({});
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    const conf = await writeConfiguration(path);
    await using contained = await startMaster(
      [
        ...["unshare", "--net", "--", nginxProgram],
        ...["-p", path, "-c", conf, "-g", "daemon off;"],
      ],
      { isMaster },
    );
    const target = targetOf(bed);
    await target.inspect(signal);
    const others = target.otherMasters();
    expect(others).toContainEqual({
      pid: await second.masterPid(),
      executable: nginxProgram,
      configuration: second.configuration,
      isElsewhere: false,
    });
    expect(others).toContainEqual({
      pid: contained.pid,
      executable: nginxProgram,
      configuration: conf,
      isElsewhere: true,
    });
    const pids = others.map(({ pid }) => pid);
    expect(pids).not.toContain(await bed.masterPid());
    for (const worker of await second.workers())
      expect(pids).not.toContain(worker.pid);
  });
});
