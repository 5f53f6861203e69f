import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, copyFile, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  certbotAtWork,
  lookForCertbot,
  runningCertbot,
} from "../../src/adapters/certbot/at-work.ts";
import { isAlive } from "../../src/adapters/process/processes.ts";
import { Cleanup } from "../support/cleanup.ts";
import { mustRun } from "../support/run.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** Starts what a Certbot would start as its hook, and tells its pid. */
const runsHook = `
import subprocess, sys
hook = subprocess.Popen(["/bin/sh", "-c", "sleep 600; true"], stdin=subprocess.DEVNULL)
print(hook.pid, flush=True)
hook.wait()
`;

class ProcessBed extends Cleanup {
  readonly path: string;

  private constructor(path: string) {
    super();
    this.path = path;
  }

  static async create(): Promise<ProcessBed> {
    const directory = await temporaryDirectory();
    const bed = new ProcessBed(directory.path);
    bed.use(directory);
    return bed;
  }

  async write(name: string, text = runsHook): Promise<string> {
    const path = join(this.path, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    await chmod(path, 0o755);
    return path;
  }

  /** Runs a program in its own group until the bed ends; the number that it prints first. */
  async start(
    program: string,
    args: readonly string[],
    cwd = this.path,
  ): Promise<{ pid: number; printed: number }> {
    const child = spawn(program, args, {
      cwd,
      detached: true,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exit = once(child, "exit");
    this.defer(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      process.kill(-(child.pid ?? 0), "SIGKILL");
      await exit;
    });
    const output = once(child.stdout, "data") as Promise<[Buffer]>;
    const printed = await Promise.race([
      output.then(([text]) => text.toString()),
      exit.then(() => "it ended early"),
    ]);
    return { pid: child.pid ?? 0, printed: Number(printed) };
  }
}

const python = "/usr/bin/python3";

describe("the Certbot that runs us", () => {
  it.each<[string, readonly string[], object]>([
    [
      "the Debian package's timer",
      ["-q", "renew", "--no-random-sleep-on-renew"],
      { subcommand: "renew", directoryHooks: true, isDryRun: false },
    ],
    [
      "options before the subcommand",
      ["--config-dir", "/srv/le", "renew"],
      { subcommand: "renew" },
    ],
    ["certonly", ["certonly", "-d", "a.example"], { subcommand: "certonly" }],
    ["an old name of certonly", ["auth"], { subcommand: "certonly" }],
    [
      "no subcommand at all",
      ["--nginx", "-d", "a.example"],
      { subcommand: "run" },
    ],
    [
      "directory hooks off",
      ["renew", "--no-directory-hooks"],
      { directoryHooks: false },
    ],
    [
      "directory hooks off, shortened",
      ["renew", "--no-dir"],
      { directoryHooks: false },
    ],
    [
      "an option that begins alike",
      ["renew", "--no-delete-after-revoke"],
      { directoryHooks: true },
    ],
    ["a dry run", ["renew", "--dry-run"], { isDryRun: true }],
    ["a dry run, shortened", ["renew", "--dry"], { isDryRun: true }],
  ])("is described by its command line: %s", async (_, args, described) => {
    await using bed = await ProcessBed.create();
    const script = await bed.write("certbot", `#!${python}${runsHook}`);
    const { pid, printed } = await bed.start(script, args);
    const found = runningCertbot(printed);
    expect(found).toMatchObject(described);
    expect(found?.identity.pid).toBe(pid);
    expect(found !== null && isAlive(found.identity)).toBe(true);
  });

  it.each<
    [string, (bed: ProcessBed) => Promise<readonly [string, readonly string[]]>]
  >([
    [
      "a snap's Python with options of its own",
      async (bed) => [
        python,
        ["-s", "-X", "utf8", await bed.write("snap/bin/certbot"), "renew"],
      ],
    ],
    [
      "a module",
      async (bed) => {
        await bed.write("certbot/__init__.py", "");
        await bed.write("certbot/__main__.py");
        return [python, ["-m", "certbot", "renew"]];
      },
    ],
    [
      "a wrapped program",
      async (bed) => [python, [await bed.write(".certbot-wrapped"), "renew"]],
    ],
    [
      "a script of a virtual environment's Python",
      async (bed) => {
        await mkdir(join(bed.path, "bin"));
        await symlink(python, join(bed.path, "bin/python"));
        return [
          join(bed.path, "bin/python"),
          [await bed.write("bin/certbot"), "renew"],
        ];
      },
    ],
    [
      "a program of its own",
      async (bed) => {
        await copyFile("/bin/dash", join(bed.path, "certbot"));
        await bed.write("hook", "sleep 600 & echo $!; wait");
        return [join(bed.path, "certbot"), [join(bed.path, "hook"), "renew"]];
      },
    ],
  ])("is recognised as %s", async (_, prepare) => {
    await using bed = await ProcessBed.create();
    const [program, args] = await prepare(bed);
    const { printed } = await bed.start(program, args);
    expect(runningCertbot(printed)).toMatchObject({ subcommand: "renew" });
  });

  it.each<
    [string, (bed: ProcessBed) => Promise<readonly [string, readonly string[]]>]
  >([
    [
      "another Python script",
      async (bed) => [python, [await bed.write("backup"), "certbot", "renew"]],
    ],
    [
      "a name that only begins alike",
      async (bed) => [python, [await bed.write("certbotany"), "renew"]],
    ],
    [
      "a shell that has the word among its own",
      () =>
        Promise.resolve([
          "/bin/sh",
          ["-c", "sleep 600 & echo $!; wait", "certbot", "renew"],
        ]),
    ],
  ])("is not %s", async (_, prepare) => {
    await using bed = await ProcessBed.create();
    const [program, args] = await prepare(bed);
    const { printed } = await bed.start(program, args);
    expect(runningCertbot(printed)).toBeNull();
  });

  it("obeys the configuration file that it was given", async () => {
    await using bed = await ProcessBed.create();
    const script = await bed.write("certbot");
    const ini = await bed.write(
      "cli.ini",
      "# x\nmax-log-backups = 0\nno-directory-hooks = True\n",
    );
    const { printed } = await bed.start(python, [script, "renew", "-c", ini]);
    expect(runningCertbot(printed)).toMatchObject({
      directoryHooks: false,
      isDryRun: false,
    });
    const fifo = join(bed.path, "fifo");
    await mustRun("mkfifo", [fifo]);
    const other = await bed.start(python, [
      script,
      "renew",
      `--config=${fifo}`,
    ]);
    expect(runningCertbot(other.printed)).toMatchObject({
      directoryHooks: true,
    });
  });

  it("is not there when livecert is run by hand", () => {
    expect(runningCertbot()).toBeNull();
  });
});

describe("a Certbot at work", () => {
  const takesLock = `
import fcntl, os, sys, time
descriptor = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY, 0o600)
fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
print(os.getpid(), flush=True)
time.sleep(600)
`;

  it("is seen by the kernel's lock, not by the file", async () => {
    await using bed = await ProcessBed.create();
    expect(await lookForCertbot(bed.path)).toEqual({ kind: "idle" });
    await writeFile(join(bed.path, ".certbot.lock"), "");
    expect(await lookForCertbot(bed.path)).toEqual({ kind: "unknown" });
    const script = await bed.write("lock.py", takesLock);
    const { pid } = await bed.start(python, [
      script,
      join(bed.path, ".certbot.lock"),
    ]);
    expect(await lookForCertbot(bed.path)).toEqual({ kind: "at-work", pid });
    expect(await certbotAtWork(bed.path)).toBe(true);
  });

  it("is not another program's lock on another file", async () => {
    await using bed = await ProcessBed.create();
    await writeFile(join(bed.path, ".certbot.lock"), "");
    const script = await bed.write("lock.py", takesLock);
    await bed.start(python, [script, join(bed.path, "other.lock")]);
    expect(await lookForCertbot(bed.path)).toEqual({ kind: "unknown" });
    expect(await certbotAtWork(bed.path)).toBe(false);
  });
});
