import {
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { Cleanup } from "../support/cleanup.ts";
import { livecertProgram } from "../support/livecert.ts";
import { NginxBed } from "../support/nginx.ts";
import { run, type RunOptions, type RunResult } from "../support/run.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const repository = resolve(import.meta.dirname, "../..");

/** A published package of livecert (no sources to build), and a root directory to install below. */
interface PackageBed extends AsyncDisposable {
  readonly package: string;
  /** What is `/` for the installation. */
  readonly root: string;
  install(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Every file below the root, with its mode: `755 /usr/local/bin/livecert`. */
  files(): Promise<readonly string[]>;
  /** Another release of the program. */
  release(text: string): Promise<void>;
  read(path: string): Promise<string>;
}

async function createPackageBed(): Promise<PackageBed> {
  const cleanup = new Cleanup();
  const { path } = cleanup.use(await temporaryDirectory());
  const copy = join(path, "package");
  const root = join(path, "root");
  await mkdir(root);
  for (const part of ["install.sh", "hooks", "systemd", "test/demo"])
    await cp(join(repository, part), join(copy, part), { recursive: true });
  await mkdir(join(copy, "dist"));
  const release = (text: string) =>
    writeFile(join(copy, "dist", "livecert.js"), text);
  await release('console.log("first");\n');
  return {
    package: copy,
    root,
    release,
    install: (args, options = {}) =>
      run(join(copy, "install.sh"), args, {
        ...options,
        environment: { ...process.env, DESTDIR: root, ...options.environment },
      }),
    read: (file) => readFile(join(root, file), "utf8"),
    files: async () => {
      const entries = await readdir(root, {
        recursive: true,
        withFileTypes: true,
      });
      const files = entries.filter((entry) => !entry.isDirectory());
      const lines = files.map(async (entry) => {
        const file = join(entry.parentPath, entry.name);
        const mode = ((await lstat(file)).mode & 0o777).toString(8);
        return `${mode} ${file.slice(root.length)}`;
      });
      return (await Promise.all(lines)).sort();
    },
    [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
  };
}

const program = [
  "644 /usr/local/lib/livecert/livecert.js",
  "644 /usr/local/lib/livecert/manifest",
  "644 /usr/local/lib/livecert/package.json",
  "755 /etc/letsencrypt/renewal-hooks/deploy/livecert",
  "755 /etc/letsencrypt/renewal-hooks/post/livecert",
  "755 /usr/local/bin/livecert",
];
const deployHook = "/etc/letsencrypt/renewal-hooks/deploy/livecert";

describe("install.sh", () => {
  it("installs the program, the two hooks and a crontab where no systemd runs", async () => {
    await using bed = await createPackageBed();
    const result = await bed.install([]);
    expect(result.stderr).toBe("");
    expect(result.exitCode).toBe(0);
    expect(await bed.files()).toEqual(
      ["644 /etc/cron.d/livecert-retry", ...program].sort(),
    );
    const deploy = await bed.read(deployHook);
    expect(deploy).toContain(`node='${process.execPath}'`);
    expect(deploy).toContain("livecert='/usr/local/lib/livecert/livecert.js'");
    expect(deploy).toContain("mode='--defer'");
    expect(
      await bed.read("/etc/letsencrypt/renewal-hooks/post/livecert"),
    ).toContain("mode='--flush'");
    for (const line of await bed.files())
      expect(await bed.read(line.slice(4))).not.toMatch(/@[A-Z]+@/);
  });

  it("installs the service where systemd runs", async () => {
    await using bed = await createPackageBed();
    await mkdir(join(bed.root, "run/systemd/system"), { recursive: true });
    await bed.install([]);
    expect(await bed.files()).toEqual(
      ["644 /etc/systemd/system/livecert.service", ...program].sort(),
    );
    expect(await bed.read("/etc/systemd/system/livecert.service")).toContain(
      '"/usr/local/lib/livecert/livecert.js" watch\n',
    );
  });

  it("says where no systemd runs how the service is run", async () => {
    await using bed = await createPackageBed();
    const { stdout, exitCode } = await bed.install([]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(
      "no systemd runs here: let your init keep this running: /usr/local/bin/livecert watch",
    );
  });

  it("replaces the timer by the service, and the other way round", async () => {
    await using bed = await createPackageBed();
    await mkdir(join(bed.root, "run/systemd/system"), { recursive: true });
    const units = async () =>
      (await bed.files()).filter((line) => line.includes("/etc/systemd/"));
    await bed.install(["--no-service"]);
    await bed.install([]);
    expect(await units()).toEqual(["644 /etc/systemd/system/livecert.service"]);
    await bed.install(["--no-service"]);
    expect(await units()).toEqual([
      "644 /etc/systemd/system/livecert-retry.service",
      "644 /etc/systemd/system/livecert-retry.timer",
    ]);
  });

  it("installs a timer in its stead where that is wanted", async () => {
    await using bed = await createPackageBed();
    await mkdir(join(bed.root, "run/systemd/system"), { recursive: true });
    await bed.install(["--no-service"]);
    expect(await bed.files()).toEqual(
      [
        "644 /etc/systemd/system/livecert-retry.service",
        "644 /etc/systemd/system/livecert-retry.timer",
        ...program,
      ].sort(),
    );
    expect(
      await bed.read("/etc/systemd/system/livecert-retry.service"),
    ).toContain('ExecStart="/usr/local/bin/livecert" retry');
  });

  it("writes nothing in a dry run and says what it would write", async () => {
    await using bed = await createPackageBed();
    const result = await bed.install(["--dry-run"]);
    expect(result.exitCode).toBe(0);
    expect(result.stdout).toContain(
      `would be installed: ${bed.root}${deployHook}`,
    );
    expect(await bed.files()).toEqual([]);
  });

  it("changes nothing the second time", async () => {
    await using bed = await createPackageBed();
    await bed.install([]);
    const before = await lstat(join(bed.root, deployHook));
    const result = await bed.install([]);
    expect(result.exitCode).toBe(0);
    expect(result.stdout).not.toMatch(/^(installed|upgraded|kept|removed)/m);
    expect((await lstat(join(bed.root, deployHook))).ino).toBe(before.ino);
  });

  it("upgrades by a rename, and only what is new", async () => {
    await using bed = await createPackageBed();
    await bed.install([]);
    const path = join(bed.root, "/usr/local/lib/livecert/livecert.js");
    const before = await lstat(path);
    await bed.release('console.log("second");\n');
    const result = await bed.install([]);
    expect(result.stdout.match(/^upgraded: .*$/gm)).toEqual([
      `upgraded: ${path}`,
    ]);
    expect(await readFile(path, "utf8")).toContain("second");
    expect((await lstat(path)).ino).not.toBe(before.ino);
  });

  it("never overwrites an edited hook, and writes the new one where Certbot does not run it", async () => {
    await using bed = await createPackageBed();
    await bed.install([]);
    const edited = `${await bed.read(deployHook)}# ours\n`;
    await writeFile(join(bed.root, deployHook), edited);
    const result = await bed.install([]);
    expect(result.exitCode).toBe(3);
    expect(result.stdout).toContain(
      "kept as edited, the new text is in livecert.new",
    );
    expect(await bed.read(deployHook)).toBe(edited);
    expect(await bed.files()).toContain(`644 ${deployHook}.new`);

    await rm(join(bed.root, deployHook));
    const again = await bed.install([]);
    expect(again.exitCode).toBe(0);
    expect(await bed.files()).not.toContain(`644 ${deployHook}.new`);
  });

  it("leaves a foreign hook of that name alone", async () => {
    await using bed = await createPackageBed();
    const path = join(bed.root, deployHook);
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(path, "#!/bin/sh\nsystemctl reload nginx\n");
    const result = await bed.install([]);
    expect(result.exitCode).toBe(3);
    expect(await bed.read(deployHook)).toContain("systemctl reload nginx");
  });

  it.each([
    ["a link that leads nowhere", (path: string) => symlink("/nowhere", path)],
    ["a directory", (path: string) => mkdir(path)],
  ])(
    "leaves %s in a hook's place alone, also when it removes its own",
    async (_, make) => {
      await using bed = await createPackageBed();
      const path = join(bed.root, deployHook);
      await mkdir(join(path, ".."), { recursive: true });
      await make(path);
      const before = await lstat(path);
      const installed = await bed.install([]);
      expect(installed.exitCode).toBe(3);
      expect(installed.stderr).toBe("");
      expect(await bed.files()).toContain(`644 ${deployHook}.new`);
      await bed.install(["--uninstall"]);
      expect((await lstat(path)).ino).toBe(before.ino);
    },
  );

  it("removes what it installed and keeps the state", async () => {
    await using bed = await createPackageBed();
    await bed.install([]);
    await mkdir(join(bed.root, "var/lib/livecert"), { recursive: true });
    await writeFile(join(bed.root, "var/lib/livecert/journal.jsonl"), "{}\n");
    const removed = await bed.install(["--uninstall"]);
    expect(removed.exitCode).toBe(0);
    expect(await bed.files()).toEqual(["644 /var/lib/livecert/journal.jsonl"]);
    const purged = await bed.install(["--uninstall", "--purge"]);
    expect(purged.exitCode).toBe(0);
    expect(purged.stdout).toContain("nothing is installed");
    expect(await bed.files()).toEqual([]);
  });

  it("names what goes on calling it when it is removed", async () => {
    await using bed = await createPackageBed();
    await bed.install([]);
    const certbot = join(bed.root, "etc/letsencrypt");
    await mkdir(join(certbot, "renewal"));
    const callers = {
      "cli.ini": "# deploy-hook = livecert\ndeploy-hook = livecert hook\n",
      "renewal/a.test.conf":
        "[renewalparams]\nrenew_hook = /usr/local/bin/livecert hook\n",
      "renewal-hooks/deploy/50-mine": "#!/bin/sh\nlivecert hook --defer\n",
    };
    const others = {
      "renewal/livecert.test.conf": "[renewalparams]\nrenew_hook = true\n",
      "renewal-hooks/post/60-other": "#!/bin/sh\n# not livecert\n",
    };
    for (const [file, text] of Object.entries({ ...callers, ...others }))
      await writeFile(join(certbot, file), text, { mode: 0o755 });
    const { stdout } = await bed.install(["--uninstall"]);
    const named = stdout
      .split("\n")
      .filter((line) => line.includes("still calls livecert"))
      .map((line) => line.split(`${certbot}/`)[1]);
    expect(named).toEqual(Object.keys(callers));
  });

  it("says where another directory of Certbot's has to be told", async () => {
    await using bed = await createPackageBed();
    const elsewhere = await bed.install(["--certbot-dir", "/srv/certbot"]);
    expect(elsewhere.stdout).toContain("certbot-dir: /srv/certbot");
    expect((await bed.install([])).stdout).not.toContain("certbot-dir:");
  });

  it("removes nothing that was edited", async () => {
    await using bed = await createPackageBed();
    await bed.install([]);
    await writeFile(join(bed.root, deployHook), "#!/bin/sh\n: ours\n");
    const result = await bed.install(["--uninstall"]);
    expect(result.exitCode).toBe(3);
    expect(await bed.files()).toEqual([`755 ${deployHook}`]);
  });

  it("removes nothing in a dry run", async () => {
    await using bed = await createPackageBed();
    await bed.install([]);
    const before = await bed.files();
    const result = await bed.install(["--uninstall", "--purge", "--dry-run"]);
    expect(result.stdout).toContain(
      `would be removed: ${bed.root}${deployHook}`,
    );
    expect(await bed.files()).toEqual(before);
  });

  it.each([
    ["there is no Node.js", "/nonexistent/node"],
    ["Node.js is too old", "old-node"],
  ])("stops when %s, and says what to do", async (_, node) => {
    await using bed = await createPackageBed();
    const old = join(bed.package, "old-node");
    await writeFile(
      old,
      '#!/bin/sh\n[ "$1" = --version ] && echo v18.19.0\nexit 1\n',
    );
    await chmod(old, 0o755);
    const result = await bed.install(["--node", resolve(bed.package, node)]);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain("livecert needs 20.19 or newer");
    expect(result.stderr).toContain("hint: ");
    expect(await bed.files()).toEqual([]);
  });

  it("warns of a Node.js that somebody else could change", async () => {
    await using bed = await createPackageBed();
    const node = join(bed.package, "theirs", "node");
    await mkdir(dirname(node));
    await symlink(process.execPath, node);
    const warned = async () =>
      (await bed.install(["--node", node, "--dry-run"])).stderr;
    expect(await warned()).toBe("");
    await chmod(dirname(node), 0o777);
    expect(await warned()).toContain(
      `warning: ${dirname(node)} can be written by everybody`,
    );
    await chmod(dirname(node), 0o755);
    await chown(dirname(node), 1, 1);
    expect(await warned()).toContain(`warning: ${dirname(node)} belongs to`);
  });

  it.each([
    ["v20.18.3", 1],
    ["v20.19.0", 0],
    ["v21.0.0", 0],
    ["v100.1.0", 0],
    ["Python 3.11.2", 1],
    ["", 1],
  ])(
    "takes a program that calls itself %j with code %i",
    async (version, exitCode) => {
      await using bed = await createPackageBed();
      const program = join(bed.package, "some-node");
      await writeFile(program, `#!/bin/sh\necho '${version}'\n`);
      await chmod(program, 0o755);
      const result = await bed.install(["--dry-run", `--node=${program}`]);
      expect(result.exitCode).toBe(exitCode);
      expect(result.stderr).toBe(
        exitCode === 0
          ? ""
          : `install.sh: error: ${program} is ${version || "no Node.js"}; livecert needs 20.19 or newer\ninstall.sh: hint: install a newer one and name it: ${bed.package}/install.sh --node FILE\n`,
      );
    },
  );

  it.each([
    [["--prefix", "relative"], 1, "is not an absolute path"],
    [["--prefix", "/opt/it's"], 1, "can be used here"],
    [["--prefix"], 2, "--prefix needs a value"],
    [["--surprise"], 2, "unknown option --surprise"],
    [["--purge"], 2, "--purge goes with --uninstall"],
  ])("refuses %j", async (args, exitCode, message) => {
    await using bed = await createPackageBed();
    const result = await bed.install(args);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toContain(message);
    expect(await bed.files()).toEqual([]);
  });

  it("asks for root before anything is written", async () => {
    await using bed = await createPackageBed();
    const result = await bed.install([], {
      through: [
        "setpriv",
        ...["--reuid=65534", "--regid=65534", "--clear-groups", "--"],
      ],
    });
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain("sudo");
    expect(await bed.files()).toEqual([]);
  });

  it("installs a program that runs, from a prefix with a blank in its name", async () => {
    await using bed = await createPackageBed();
    await cp(livecertProgram, join(bed.package, "dist", "livecert.js"));
    const prefix = join(bed.root, "our programs");
    const certbot = join(bed.root, "letsencrypt");
    const result = await bed.install(
      ["--no-timer", "--prefix", prefix, "--certbot-dir", certbot],
      { environment: { DESTDIR: "" } },
    );
    expect(result.exitCode).toBe(0);
    const version = await run(join(prefix, "bin/livecert"), ["--version"], {
      environment: { PATH: "/usr/bin:/bin" },
    });
    const { version: expected } = JSON.parse(
      await readFile(join(repository, "package.json"), "utf8"),
    ) as { version: string };
    expect(version.stdout).toContain(expected);
    expect(version.stderr).toBe("");
  });

  it("installs hooks that reload Nginx once the program is gone", async () => {
    await using bed = await createPackageBed();
    await using nginx = await NginxBed.start({});
    const prefix = join(bed.root, "usr");
    const certbot = join(bed.root, "letsencrypt");
    await bed.install(
      ["--no-timer", "--prefix", prefix, "--certbot-dir", certbot],
      { environment: { DESTDIR: "" } },
    );
    await rm(join(prefix, "lib"), { recursive: true });
    const result = await run(join(certbot, "renewal-hooks/post/livecert"), [], {
      environment: { PATH: `${await nginx.binDirectory()}:/usr/bin:/bin` },
    });
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toContain("Nginx was reloaded instead");
  });
});
