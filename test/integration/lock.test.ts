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
import { allProcesses, childrenOf, hasEnded } from "../support/processes.ts";
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

  /** Every `flock` and `cat` that knows this bed's lock file. */
  lockProcesses(): readonly number[] {
    const file = join(this.runDir, "lock");
    const entries = allProcesses();
    return entries
      .filter(({ title, state }) => title.includes(file) && state !== "Z")
      .map(({ pid }) => pid);
  }
}

describe("the lock", () => {
  it("is free again once it is released, and leaves no process behind", async () => {
    await using bed = await LockBed.create();
    {
      await using lock = await bed.take();
      expect(lock.lost.aborted).toBe(false);
      expect(bed.lockProcesses()).not.toEqual([]);
    }
    await waitFor("flock to end", () => bed.lockProcesses().length === 0);
    await using again = await bed.take({ waitMs: 0 });
    expect(again.lost.aborted).toBe(false);
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
    const waiting = childrenOf(process.pid).filter(({ title }) =>
      title.includes(join(bed.runDir, "lock")),
    );
    expect(waiting).toEqual([]);
  });

  it("lets 50 waiters through one by one after its holder was killed", async () => {
    await using bed = await LockBed.create();
    const holder = await bed.holder();
    let inside = 0;
    let most = 0;
    let through = 0;
    const waiters = Array.from({ length: 50 }, async () => {
      await using lock = await bed.take();
      inside += 1;
      most = Math.max(most, inside);
      await readHolder(bed.runDir);
      expect(lock.lost.aborted).toBe(false);
      inside -= 1;
      through += 1;
    });
    await waitFor("all to wait", () => bed.lockProcesses().length >= 51);
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
    await waitFor("the waiter", () => bed.lockProcesses().length >= 2);
    waiter.kill("SIGKILL");
    await once(waiter, "exit");
    await lock[Symbol.asyncDispose]();
    await using next = await bed.take();
    expect(next.lost.aborted).toBe(false);
    await waitFor("its flock to end", () => bed.lockProcesses().length <= 1);
  });

  it("is given back by a holder whose child was stopped", async () => {
    await using bed = await LockBed.create();
    const lock = await bed.take();
    for (const { pid, title } of childrenOf(process.pid))
      if (title.includes(bed.runDir)) process.kill(-pid, "SIGSTOP");
    await lock[Symbol.asyncDispose]();
    await using again = await bed.take();
    expect(again.lost.aborted).toBe(false);
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
    await using lock = await bed.take();
    expect(lock.lost.aborted).toBe(false);
    expect(await readHolder(bed.runDir)).toMatchObject({
      pid: process.pid,
      command: "retry",
    });
  });

  it("is waited for no longer once the run is stopped", async () => {
    await using bed = await LockBed.create();
    await using held = await bed.take();
    const stop = new AbortController();
    const waiting = bed.take({ signal: stop.signal });
    await waitFor("flock to wait", () => bed.lockProcesses().length >= 2);
    stop.abort(new Error("stopped"));
    await expect(waiting).rejects.toThrow("stopped");
    await waitFor("it to end", () => bed.lockProcesses().length === 1);
    expect(held.lost.aborted).toBe(false);
    await expect(bed.take({ signal: stop.signal })).rejects.toThrow("stopped");
  });

  it("tells its holder when it was taken away", async () => {
    await using bed = await LockBed.create();
    await using lock = await bed.take();
    for (const pid of bed.lockProcesses()) {
      process.kill(-pid, "SIGKILL");
      await waitFor("it to end", () => hasEnded(pid));
    }
    await waitFor("the holder to notice", () => lock.lost.aborted);
  });

  it("is private, in a directory of its own, whatever the umask", async () => {
    await using bed = await LockBed.create();
    const umask = process.umask(0);
    await using lock = await bed.take();
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
