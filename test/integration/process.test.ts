import {
  chmod,
  chown,
  mkdir,
  readFile,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import {
  ancestorsOf,
  childrenOf,
  isAlive,
  ownIdentity,
  readProcess,
  startedAtMs,
} from "../../src/adapters/process/processes.ts";
import {
  describeEnd,
  runProgram,
  type ProgramRequest,
  type ProgramResult,
} from "../../src/adapters/process/run.ts";
import {
  checkOwnership,
  findProgram,
} from "../../src/adapters/process/trust.ts";
import { hasEnded } from "../support/processes.ts";
import { run } from "../support/run.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { waitFor } from "../support/wait.ts";

const outOfDescriptors = join(
  import.meta.dirname,
  "../support/programs/out-of-descriptors.ts",
);

function shell(
  script: string,
  options: Partial<ProgramRequest> = {},
): Promise<ProgramResult> {
  return runProgram({
    program: "/bin/sh",
    args: ["-c", script],
    timeoutMs: 60_000,
    ...options,
  });
}

describe("running a program", () => {
  it("returns its exit code and both outputs as they were written", async () => {
    const result = await shell(
      "printf '\\357\\273\\277one\\n'; echo two >&2; exit 3",
    );
    expect(result).toEqual({
      kind: "exited",
      exitCode: 3,
      stdout: "\uFEFFone\n",
      stderr: "two\n",
    });
    expect(describeEnd(result)).toBe("exited with 3: two");
  });

  it("gives it an environment of three variables and those that were added", async () => {
    process.env["LIVECERT_TEST_SECRET"] = "canary";
    const result = await runProgram({
      program: "/usr/bin/env",
      args: [],
      timeoutMs: 60_000,
      environment: { ADDED: "yes" },
    });
    delete process.env["LIVECERT_TEST_SECRET"];
    const names = result.stdout
      .trim()
      .split("\n")
      .map((line) => line.split("=")[0]);
    expect(names.sort()).toEqual(["ADDED", "HOME", "LC_ALL", "PATH"]);
  });

  it("hands arguments over without a shell in between", async () => {
    const words = ["$HOME", "a b", "`id`", ";", "*", "ü"];
    const result = await runProgram({
      program: "/usr/bin/printf",
      args: ["%s\\n", ...words],
      timeoutMs: 60_000,
    });
    expect(result.stdout.trimEnd().split("\n")).toEqual(words);
  });

  it("gives it an empty standard input unless there is one", async () => {
    expect((await shell("cat")).stdout).toBe("");
    expect((await shell("cat", { input: "hello" })).stdout).toBe("hello");
  });

  it("does not mind a program that leaves its input unread", async () => {
    const input = "x".repeat(1_000_000);
    expect(await shell("exit 0", { input })).toMatchObject({
      kind: "exited",
      exitCode: 0,
    });
  });

  it.each([
    ["is absent", "/nonexistent/program", "no such file"],
    ["is not executable", "/etc/passwd", "permission denied"],
    ["is a directory", "/etc", "permission denied"],
  ])("tells when the program %s", async (_, program, reason) => {
    const result = await runProgram({ program, args: [], timeoutMs: 60_000 });
    expect(result).toMatchObject({ kind: "not-started", reason });
  });

  it("tells when no descriptor is left for the program's pipes", async () => {
    const { stdout, stderr } = await run(
      process.execPath,
      ["--import", "tsx", outOfDescriptors],
      { through: ["prlimit", "--nofile=80"] },
    );
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual({
      kind: "not-started",
      reason: "too many open files",
    });
  });

  it("refuses an argument with a NUL byte, which no program could get", async () => {
    const result = await runProgram({
      program: "/bin/echo",
      args: ["a\0b"],
      timeoutMs: 60_000,
    });
    expect(result.kind).toBe("not-started");
  });

  it("takes a relative program for a defect of its caller", async () => {
    await expect(
      runProgram({ program: "sh", args: [], timeoutMs: 60_000 }),
    ).rejects.toThrow(TypeError);
  });

  it("tells which signal of somebody else's ended it", async () => {
    expect(await shell("kill -SEGV $$")).toMatchObject({
      kind: "killed",
      signal: "SIGSEGV",
    });
  });

  it("ends the whole group at the time limit, though it ignores TERM", async () => {
    const result = await shell(
      "trap '' TERM; sleep 600 & echo $!; echo $$; wait; sleep 600",
      { timeoutMs: 1_000 },
    );
    expect(result).toMatchObject({ kind: "timed-out", timeoutMs: 1_000 });
    const pids = result.stdout.trim().split("\n").map(Number);
    expect(pids).toHaveLength(2);
    for (const pid of pids)
      await waitFor("the child to end", () => hasEnded(pid));
  });

  it("lets it end in order when it obeys TERM", async () => {
    const result = await shell(
      "trap 'echo bye; exit' TERM; echo ready; while :; do sleep 0.05; done",
      {
        timeoutMs: 2_000,
      },
    );
    expect(result).toMatchObject({ kind: "timed-out", stdout: "ready\nbye\n" });
  });

  it("ends a stopped program, which cannot obey TERM", async () => {
    expect(await shell("kill -STOP $$", { timeoutMs: 100 })).toMatchObject({
      kind: "timed-out",
    });
  });

  it("ends it when the caller aborts", async () => {
    const caller = new AbortController();
    const running = shell("echo $$; sleep 600", { signal: caller.signal });
    caller.abort();
    expect(await running).toMatchObject({ kind: "aborted" });
  });

  it("starts nothing for a caller that has aborted already", async () => {
    await using directory = await temporaryDirectory();
    const trace = join(directory.path, "trace");
    const result = await shell(`touch ${trace}`, {
      signal: AbortSignal.abort(),
    });
    expect(result.kind).toBe("aborted");
    await expect(readFile(trace)).rejects.toThrow("ENOENT");
  });

  it("ends a program that floods its output, and keeps what fits", async () => {
    const result = await shell("yes", { maxOutputBytes: 1_000 });
    expect(result).toMatchObject({ kind: "overflowed", maxOutputBytes: 1_000 });
    expect(result.stdout).toHaveLength(1_000);
  });

  it("is not held by what the program left running in the background", async () => {
    const result = await shell("sleep 600 & echo $!");
    const pid = Number(result.stdout);
    expect(result).toMatchObject({ kind: "exited", exitCode: 0 });
    expect(hasEnded(pid)).toBe(false);
    process.kill(pid, "SIGKILL");
  });
});

describe("the ownership rule", () => {
  it("trusts what only root can change, and tells where it really is", async () => {
    expect(await checkOwnership("/bin/sh")).toMatchObject({ kind: "trusted" });
    await using directory = await temporaryDirectory();
    const target = join(directory.path, "target");
    await writeFile(target, "");
    await symlink("target", join(directory.path, "link"));
    expect(await checkOwnership(join(directory.path, "link"))).toEqual({
      kind: "trusted",
      resolved: target,
    });
  });

  const stranger = 65_534;
  it.each<[string, (path: string) => Promise<string>, RegExp]>([
    [
      "a file that everybody may write",
      async (path) => {
        await writeFile(join(path, "file"), "");
        await chmod(join(path, "file"), 0o666);
        return join(path, "file");
      },
      /file can be written by everybody \(mode 0666\)/,
    ],
    [
      "a file that its group may write",
      async (path) => {
        await writeFile(join(path, "file"), "");
        await chmod(join(path, "file"), 0o664);
        return join(path, "file");
      },
      /by its group/,
    ],
    [
      "a file of another user's",
      async (path) => {
        await writeFile(join(path, "file"), "");
        await chown(join(path, "file"), stranger, 0);
        return join(path, "file");
      },
      /belongs to uid 65534/,
    ],
    [
      "a file below a directory of another user's",
      async (path) => {
        await mkdir(join(path, "theirs"));
        await writeFile(join(path, "theirs/file"), "");
        await chown(join(path, "theirs"), stranger, 0);
        return join(path, "theirs/file");
      },
      /theirs belongs to uid 65534/,
    ],
    [
      "a link of another user's in a sticky directory",
      async (path) => {
        await chmod(path, 0o1777);
        await symlink("/bin/sh", join(path, "link"));
        const { lchown } = await import("node:fs/promises");
        await lchown(join(path, "link"), stranger, 0);
        return join(path, "link");
      },
      /link belongs to uid 65534/,
    ],
    [
      "a link of ours into a directory that everybody may write",
      async (path) => {
        await mkdir(join(path, "open"));
        await writeFile(join(path, "open/file"), "");
        await chmod(join(path, "open"), 0o777);
        await symlink("open/file", join(path, "link"));
        return join(path, "link");
      },
      /open can be written by everybody/,
    ],
    [
      "a circle of links",
      async (path) => {
        await symlink("b", join(path, "a"));
        await symlink("a", join(path, "b"));
        return join(path, "a");
      },
      /too many links/,
    ],
    [
      "what is not there",
      (path) => Promise.resolve(join(path, "no")),
      /does not exist/,
    ],
  ])("does not trust %s", async (_, prepare, reason) => {
    await using directory = await temporaryDirectory();
    const ownership = await checkOwnership(await prepare(directory.path));
    expect(ownership).toMatchObject({ kind: "untrusted" });
    expect(ownership.kind === "untrusted" && ownership.reason).toMatch(reason);
  });

  it("trusts our own file in a sticky directory", async () => {
    await using directory = await temporaryDirectory();
    await chmod(directory.path, 0o1777);
    await writeFile(join(directory.path, "file"), "");
    expect(await checkOwnership(join(directory.path, "file"))).toMatchObject({
      kind: "trusted",
    });
  });

  it("passes over a program that others could change", async () => {
    await using directory = await temporaryDirectory();
    await writeFile(join(directory.path, "sh"), "#!/bin/sh\n");
    await chmod(join(directory.path, "sh"), 0o777);
    expect(await findProgram("sh", `${directory.path}:/bin`)).toEqual({
      kind: "found",
      path: "/bin/sh",
    });
    expect(await findProgram("sh", directory.path)).toMatchObject({
      kind: "untrusted",
      path: join(directory.path, "sh"),
    });
  });

  it("finds neither directories nor files that cannot be run, nor along relative paths", async () => {
    await using directory = await temporaryDirectory();
    await mkdir(join(directory.path, "sh"));
    await writeFile(join(directory.path, "env"), "");
    expect(await findProgram("sh", directory.path)).toEqual({ kind: "absent" });
    expect(await findProgram("env", directory.path)).toEqual({
      kind: "absent",
    });
    expect(await findProgram("sh", ".:bin:")).toEqual({ kind: "absent" });
  });
});

describe("the process table", () => {
  it("tells a process by its executable, arguments, user and parent", async () => {
    const child = spawn("/bin/sleep", ["600"], { argv0: "a) R (b c" });
    await once(child, "spawn");
    const pid = child.pid ?? 0;
    const record = await waitFor("the program to be loaded", () => {
      const found = readProcess(pid);
      return found?.arguments[0] === "a) R (b c" ? found : null;
    });
    expect(record).toMatchObject({
      pid,
      parentPid: process.pid,
      uid: process.getuid?.(),
      arguments: ["a) R (b c", "600"],
    });
    expect(record.executable).toMatch(/sleep$|coreutils/);
    expect(record.namespaces.network).toMatch(/^net:\[\d+\]$/);
    expect(childrenOf(process.pid)).toContain(pid);
    expect(isAlive(record)).toBe(true);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(isAlive(record)).toBe(false);
    expect(readProcess(pid)).toBeNull();
  });

  it("does not take another process with the same pid for it", () => {
    const identity = ownIdentity();
    expect(isAlive(identity)).toBe(true);
    expect(isAlive({ ...identity, startTicks: "1" })).toBe(false);
  });

  it("does not count a dead process that nobody has collected", async () => {
    const child = spawn("/bin/sh", ["-c", "sleep 0 & echo $!; exec sleep 600"]);
    const [output] = (await once(child.stdout, "data")) as [Buffer];
    const pid = Number(output.toString());
    await waitFor("the zombie", () => readProcess(pid) === null);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(readProcess(pid)).toBeNull();
  });

  it("knows the ancestors from the nearest on", async () => {
    const child = spawn("/bin/sh", ["-c", "sleep 600 & echo $!; wait"]);
    const [output] = (await once(child.stdout, "data")) as [Buffer];
    const pid = Number(output.toString());
    const pids = ancestorsOf(pid).map((ancestor) => ancestor.pid);
    expect(pids.slice(0, 2)).toEqual([child.pid, process.pid]);
    process.kill(pid, "SIGKILL");
    await once(child, "exit");
  });

  it("tells the start as wall clock", () => {
    const started = startedAtMs(ownIdentity());
    const expected = Date.now() - process.uptime() * 1_000;
    expect(Math.abs(started - expected)).toBeLessThan(2_000);
  });
});
