import { chmod, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HostBed } from "../support/host.ts";
import { serverBlock } from "../support/nginx.ts";
import { hasEnded } from "../support/processes.ts";
import { mustRun, type RunResult } from "../support/run.ts";
import { waitFor } from "../support/wait.ts";

const name = "limits.example.test";

/** Every limit is a fraction of what a test gives the run before it calls it hanging. */
const limits: NodeJS.ProcessEnv = {
  LIVECERT_LIMITS_NGINX_COMMAND: "1s",
  LIVECERT_LIMITS_RELOAD_COMMAND: "1s",
  LIVECERT_LIMITS_CONNECT: "500ms",
  LIVECERT_LIMITS_HANDSHAKE: "500ms",
  LIVECERT_LIMITS_GENERATION_BASE: "500ms",
  LIVECERT_LIMITS_GENERATION_MAX: "2s",
  LIVECERT_LIMITS_SETTLE_HOOK: "200ms",
  LIVECERT_LIMITS_LOCK: "1s",
  LIVECERT_LIMITS_LOCK_HOOK: "1s",
};
const hangingMs = 60_000;

interface Machine {
  readonly bed: HostBed;
  readonly address: string;
}

/** Served, and renewed since. */
async function createMachine(): Promise<Machine> {
  const bed = await HostBed.create();
  await bed.renew(name);
  const address = await bed.nginx.address();
  await bed.nginx.configure({ http: blockOf(bed, address) });
  await bed.nginx.start();
  await bed.renew(name);
  return { bed, address };
}

function blockOf(bed: HostBed, address: string): string {
  return serverBlock({
    listen: [`${address} ssl`],
    names: [name],
    pairs: [bed.pair(name)],
  });
}

/** The hook, which must end long before it would be killed for hanging. */
function hook(
  { bed }: Machine,
  options: {
    readonly args?: readonly string[];
    /** Words before the program. */
    readonly through?: readonly string[];
  } = {},
): Promise<RunResult> {
  return bed.livecert.run(["hook", ...(options.args ?? [])], {
    through: options.through ?? [],
    limitMs: hangingMs,
    environment: {
      ...process.env,
      ...limits,
      RENEWED_LINEAGE: bed.certbot.live(name),
    },
  });
}

interface HangingProgram {
  readonly path: string;
  /** Of those that were started and have not ended. */
  readonly left: () => Promise<readonly number[]>;
  /** How often it was started. */
  readonly starts: () => Promise<number>;
}

/** A program that answers nothing and does not end when it is asked to. */
async function writeHanging({ bed }: Machine): Promise<HangingProgram> {
  const path = join(bed.directory, "hanging");
  const started = join(bed.directory, "started");
  const wait = "while :; do sleep 1; done";
  await writeFile(
    path,
    `#!/bin/sh\ntrap '' TERM\necho $$ >>'${started}'\n${wait}\n`,
  );
  await chmod(path, 0o755);
  const pidsStarted = async (): Promise<readonly number[]> =>
    (await readFile(started, "utf8")).trim().split("\n").map(Number);
  return {
    path,
    starts: async () => (await pidsStarted()).length,
    async left() {
      return (await pidsStarted()).filter((pid) => !hasEnded(pid));
    },
  };
}

/** Words before a program, for which another one stands in the place of `program`. */
function replacing(program: string, by: HangingProgram): readonly string[] {
  const script = `mount --bind '${by.path}' '${program}' && exec "$@"`;
  return ["unshare", "--mount", "sh", "-c", script, "sh"];
}

async function makeFifo(path: string): Promise<void> {
  await mustRun("mkfifo", [path]);
}

describe("a run that meets something that hangs ends by itself", () => {
  it("openssl: the rehearsal judges, and the certificate goes live", async () => {
    const machine = await createMachine();
    await using bed = machine.bed;
    const hanging = await writeHanging(machine);

    const { exitCode, stdout } = await hook(machine, {
      through: replacing("/usr/bin/openssl", hanging),
    });

    expect(stdout).toContain("deployed");
    expect(exitCode).toBe(0);
    expect(await bed.isLive(name, machine.address)).toBe(true);
    expect(await hanging.left()).toEqual([]);
  });

  it("openssl: it is not asked again about each further certificate", async () => {
    const machine = await createMachine();
    await using bed = machine.bed;
    const hanging = await writeHanging(machine);
    const names = Array.from({ length: 9 }, (_, n) => `h${n}.test`);
    for (const one of names) await bed.renew(one);
    const bundle = bed.pair("h0.test").certificate;

    const { stdout } = await bed.livecert.run(["check", ...names, bundle], {
      through: replacing("/usr/bin/openssl", hanging),
    });

    expect(stdout).toContain("chain/unjudged");
    // Two processes answer for all certificates.
    expect(await hanging.starts()).toBe(2);
    expect(await hanging.left()).toEqual([]);
  });

  it("flock: the lock is given up", async () => {
    const machine = await createMachine();
    await using bed = machine.bed;
    const hanging = await writeHanging(machine);

    const { exitCode, stderr } = await hook(machine, {
      through: replacing("/usr/bin/flock", hanging),
    });

    expect(stderr).toContain("livecert: error: waited 1 s for the lock");
    expect(exitCode).toBe(7);
    expect(await hanging.left()).toEqual([]);
    expect(await bed.nginx.reconfigurations()).toBe(0);
  });

  it("logger: a failure is printed all the same", async () => {
    const machine = await createMachine();
    await using bed = machine.bed;
    const hanging = await writeHanging(machine);
    await bed.nginx.configure({ http: "frobnicate on;" });

    const { exitCode, stdout } = await hook(machine, {
      through: replacing("/usr/bin/logger", hanging),
    });

    expect(stdout).toContain("frobnicate");
    expect(exitCode).toBe(4);
    expect(await hanging.left()).toEqual([]);
  });

  it("the Nginx program: nothing is reloaded", async () => {
    const machine = await createMachine();
    await using bed = machine.bed;
    const hanging = await writeHanging(machine);

    const { exitCode, stdout } = await hook(machine, {
      args: ["--nginx-bin", hanging.path],
    });

    expect(stdout).toContain("did not end within 1 s");
    expect(exitCode).toBe(5);
    expect(await hanging.left()).toEqual([]);
    expect(await bed.nginx.reconfigurations()).toBe(0);
  });

  it("nginx -T, on a FIFO that the configuration includes: nothing is reloaded", async () => {
    const machine = await createMachine();
    await using bed = machine.bed;
    const fifo = join(bed.directory, "included");
    await makeFifo(fifo);
    await bed.nginx.configure({
      http: `include ${fifo};\n${blockOf(bed, machine.address)}`,
    });

    const { exitCode, stdout } = await hook(machine);

    expect(stdout).toContain("did not end within 1 s (limits.nginx-command)");
    expect(exitCode).toBe(5);
    expect(await bed.nginx.reconfigurations()).toBe(0);
  });

  it("a FIFO in the place of the fullchain: it is rejected", async () => {
    const machine = await createMachine();
    await using bed = machine.bed;
    const fullchain = bed.certbot.live(name, "fullchain");
    await rename(fullchain, `${fullchain}.away`);
    await makeFifo(fullchain);

    const { exitCode, stdout } = await hook(machine);

    expect(stdout).toContain("is a FIFO");
    expect(exitCode).toBe(3);
    expect(await bed.nginx.reconfigurations()).toBe(0);
  });

  it("a FIFO in the place of the pid file: Nginx counts as stopped", async () => {
    const machine = await createMachine();
    await using bed = machine.bed;
    const { pidFile } = bed.nginx;
    await rename(pidFile, `${pidFile}.away`);
    await makeFifo(pidFile);

    const { exitCode } = await hook(machine);

    await rename(`${pidFile}.away`, pidFile);
    expect(exitCode).toBe(5);
    expect(await bed.nginx.reconfigurations()).toBe(0);
  });

  it("workers that take connections and never answer: nothing is called live", async () => {
    const machine = await createMachine();
    await using bed = machine.bed;
    const workers = await bed.nginx.workers();
    for (const { pid } of workers) process.kill(pid, "SIGSTOP");

    const { exitCode, stdout } = await hook(machine);

    for (const { pid } of workers) process.kill(pid, "SIGCONT");
    // The new workers are there, and the old ones have not gone: nobody refused anything.
    expect(stdout).toContain("reloading");
    expect(exitCode).toBe(6);
    const later = await hook(machine);
    expect(later.exitCode).toBe(0);
    expect(await bed.isLive(name, machine.address)).toBe(true);
    expect(await bed.nginx.reconfigurations()).toBeLessThanOrEqual(2);
  });

  it("another run that keeps the lock: it is named", async () => {
    const machine = await createMachine();
    await using bed = machine.bed;
    const holder = await bed.livecert.start(["deploy", "--log-level", "debug"]);
    await waitFor("the lock is held", () =>
      holder.stderr().includes("lock taken"),
    );
    process.kill(holder.pid, "SIGSTOP");

    const { exitCode, stderr } = await hook(machine);

    process.kill(holder.pid, "SIGCONT");
    expect(stderr).toContain(`livecert deploy holds since`);
    expect(stderr).toContain(`(pid ${holder.pid})`);
    expect(exitCode).toBe(7);
    expect((await holder.ended).exitCode).toBe(0);
    expect((await bed.livecert.run(["retry"])).exitCode).toBe(0);
    expect(await bed.nginx.reconfigurations()).toBe(1);
    expect(await bed.isLive(name, machine.address)).toBe(true);
  });
});
