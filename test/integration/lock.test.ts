import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  readHolder,
  takeLock,
  type Lock,
} from "../../src/adapters/store/lock.ts";
import { Cleanup } from "../support/cleanup.ts";
import { childrenOf, waitersFor } from "../support/processes.ts";
import { run } from "../support/run.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { waitFor } from "../support/wait.ts";

class LockBed extends Cleanup {
  readonly runDir: string;

  private constructor(runDir: string) {
    super();
    this.runDir = runDir;
  }

  static async create(): Promise<LockBed> {
    const directory = await temporaryDirectory();
    const bed = new LockBed(join(directory.path, "run"));
    bed.use(directory);
    return bed;
  }

  take(
    options: { readonly waitMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<Lock> {
    return takeLock({
      runDir: this.runDir,
      waitMs: options.waitMs ?? 60_000,
      command: "retry",
      signal: options.signal ?? new AbortController().signal,
    });
  }

  /** Another livecert that has the lock. */
  async holder(): Promise<ChildProcess> {
    const program = join(
      import.meta.dirname,
      "../support/programs/hold-lock.ts",
    );
    const child = spawn(
      process.execPath,
      ["--import", "tsx", program, this.runDir],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    this.defer(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    });
    await once(child.stdout, "data");
    return child;
  }

  waiting(): readonly number[] {
    return waitersFor(join(this.runDir, "lock"));
  }

  /** As the kernel sees it. */
  async isTaken(): Promise<boolean> {
    const file = join(this.runDir, "lock");
    const { exitCode } = await run("flock", ["-n", file, "true"]);
    return exitCode !== 0;
  }
}

describe("the lock", () => {
  it("is held by no process but its holder, until it is released", async () => {
    await using bed = await LockBed.create();
    {
      using lock = await bed.take();
      expect(lock.waitedMs).toBeGreaterThan(0);
      expect(await bed.isTaken()).toBe(true);
      expect(childrenOf(process.pid).map(({ title }) => title)).toEqual([]);
    }
    expect(await bed.isTaken()).toBe(false);
  });

  it("is free again once its holder was killed", async () => {
    await using bed = await LockBed.create();
    const holder = await bed.holder();
    expect(await bed.isTaken()).toBe(true);
    holder.kill("SIGKILL");
    await once(holder, "exit");
    expect(await bed.isTaken()).toBe(false);
  });

  it("is not kept by a program that its holder has started", async () => {
    await using bed = await LockBed.create();
    const lock = await bed.take();
    const program = spawn("sleep", ["600"], { stdio: "ignore" });
    bed.defer(async () => {
      program.kill("SIGKILL");
      await once(program, "exit");
    });
    await once(program, "spawn");
    lock[Symbol.dispose]();
    expect(await bed.isTaken()).toBe(false);
  });

  it("names its holder to whoever waited in vain", async () => {
    await using bed = await LockBed.create();
    const holder = await bed.holder();
    const known = await readHolder(bed.runDir);
    expect(known).toMatchObject({ pid: holder.pid, command: "deploy" });
    await expect(bed.take({ waitMs: 1_000 })).rejects.toMatchObject({
      code: "locked",
      exitCode: 7,
      message: expect.stringContaining(
        `livecert deploy holds since ${known?.since ?? ""} (pid ${String(holder.pid)})`,
      ) as string,
    });
    expect(bed.waiting()).toEqual([]);
  });

  it("lets 50 waiters through one by one after its holder was killed", async () => {
    await using bed = await LockBed.create();
    const holder = await bed.holder();
    let inside = 0;
    let most = 0;
    let through = 0;
    const waiters = Array.from({ length: 50 }, async () => {
      const lock = await bed.take();
      inside += 1;
      most = Math.max(most, inside);
      await readHolder(bed.runDir);
      inside -= 1;
      through += 1;
      lock[Symbol.dispose]();
    });
    await waitFor("all to wait", () => bed.waiting().length === 50);
    expect(through).toBe(0);
    holder.kill("SIGKILL");
    await Promise.all(waiters);
    expect({ most, through }).toEqual({ most: 1, through: 50 });
    expect(await readHolder(bed.runDir)).toBeNull();
    expect(await readdir(bed.runDir)).toEqual(["lock"]);
  });

  it("is not held by waiters that were killed while they waited", async () => {
    await using bed = await LockBed.create();
    const lock = await bed.take();
    const program = join(
      import.meta.dirname,
      "../support/programs/hold-lock.ts",
    );
    const waiter = spawn(process.execPath, [
      "--import",
      "tsx",
      program,
      bed.runDir,
    ]);
    await waitFor("the waiter", () => bed.waiting().length === 1);
    waiter.kill("SIGKILL");
    await once(waiter, "exit");
    lock[Symbol.dispose]();
    using next = await bed.take();
    expect(next.waitedMs).toBeGreaterThan(0);
    await waitFor("its flock to end", () => bed.waiting().length === 0);
  });

  it("is not told by a holder's name that a dead process left", async () => {
    await using bed = await LockBed.create();
    await mkdir(bed.runDir, { mode: 0o700 });
    const dead = {
      pid: process.pid,
      startTicks: "1",
      command: "deploy",
      since: "",
    };
    await writeFile(join(bed.runDir, "holder.json"), JSON.stringify(dead));
    expect(await readHolder(bed.runDir)).toBeNull();
    await writeFile(join(bed.runDir, "holder.json"), '{"pid":');
    expect(await readHolder(bed.runDir)).toBeNull();
    using lock = await bed.take();
    expect(lock.waitedMs).toBeGreaterThan(0);
    expect(await readHolder(bed.runDir)).toMatchObject({
      pid: process.pid,
      command: "retry",
    });
  });

  it("is waited for no longer once the run is stopped", async () => {
    await using bed = await LockBed.create();
    using held = await bed.take();
    const stop = new AbortController();
    const waiting = bed.take({ signal: stop.signal });
    await waitFor("flock to wait", () => bed.waiting().length === 1);
    stop.abort(new Error("stopped"));
    await expect(waiting).rejects.toThrow("stopped");
    expect(bed.waiting()).toEqual([]);
    expect(held.waitedMs).toBeGreaterThan(0);
    expect(await bed.isTaken()).toBe(true);
    await expect(bed.take({ signal: stop.signal })).rejects.toThrow("stopped");
  });

  it("is private, in a directory of its own, whatever the umask", async () => {
    await using bed = await LockBed.create();
    const umask = process.umask(0);
    using lock = await bed.take();
    process.umask(umask);
    expect((await stat(bed.runDir)).mode & 0o777).toBe(0o700);
    expect((await stat(join(bed.runDir, "lock"))).mode & 0o777).toBe(0o600);
    expect(lock.waitedMs).toBeGreaterThan(0);
  });

  it("is refused where others may write to its directory", async () => {
    await using bed = await LockBed.create();
    await mkdir(bed.runDir);
    await chmod(bed.runDir, 0o777);
    await expect(bed.take()).rejects.toMatchObject({
      code: "configuration-unsafe",
    });
  });

  it("cannot be taken where no file can be made", async () => {
    await using bed = await LockBed.create();
    await writeFile(bed.runDir, "");
    await expect(bed.take()).rejects.toMatchObject({
      code: "lock-unavailable",
      exitCode: 7,
    });
  });
});
