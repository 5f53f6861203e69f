import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  access,
  chmod,
  chown,
  mkdir,
  readdir,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HostBed } from "../support/host.ts";
import { livecertProgram } from "../support/livecert.ts";
import { serverBlock } from "../support/nginx.ts";
import { hasEnded, processEntry } from "../support/processes.ts";
import { run } from "../support/run.ts";
import { waitFor } from "../support/wait.ts";

const name = "distrust.example.test";
/** Debian's nobody. */
const stranger = 65_534;

/** A lineage that Nginx would serve; it is not started. */
async function createMachine(): Promise<HostBed> {
  const bed = await HostBed.create();
  await bed.renew(name);
  await bed.nginx.configure({
    http: serverBlock({
      listen: [`${await bed.nginx.address()} ssl`],
      names: [name],
      pairs: [bed.pair(name)],
    }),
  });
  return bed;
}

/** Started, and renewed since, so that livecert would reload it. */
async function createStaleMachine(): Promise<HostBed> {
  const bed = await createMachine();
  await bed.nginx.start();
  await bed.renew(name);
  return bed;
}

interface Sleeper extends AsyncDisposable {
  readonly pid: number;
}

/** A process that any signal ends, under a title of its choice. */
async function startSleeper(uid: number, title: string): Promise<Sleeper> {
  const script = `exec -a "${title}" sleep 600`;
  const child = spawn(
    "setpriv",
    [
      ...["--pdeathsig", "KILL", `--reuid=${uid}`, `--regid=${uid}`],
      ...["--clear-groups", "bash", "-c", script],
    ],
    { stdio: "ignore", cwd: "/" },
  );
  await once(child, "spawn");
  const pid = child.pid ?? 0;
  await waitFor("the title is set", () =>
    processEntry(pid)?.title.startsWith(title),
  );
  return {
    pid,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await waitFor("it ends", () => hasEnded(pid));
    },
  };
}

/** A program that leaves a trace in `marker` when it is run, whoever runs it. */
async function writeTrap(path: string, marker: string, uid: number) {
  await writeFile(path, `#!/bin/sh\n: >>'${marker}'\nexit 0\n`);
  await chmod(path, 0o755);
  await chown(path, uid, uid);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Without an option for Nginx: as on a machine where everything is found by itself. */
function runBare(
  bed: HostBed,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
) {
  const { stateDirectory, runDirectory } = bed.livecert;
  return run(process.execPath, [livecertProgram, ...args], {
    environment: {
      ...environment,
      LIVECERT_CERTBOT_DIR: bed.certbot.path,
      LIVECERT_STATE_DIR: stateDirectory,
      LIVECERT_RUN_DIR: runDirectory,
    },
  });
}

describe("a pid file that names another process", () => {
  it.each([
    { what: "a user's, with the title of a master", uid: stranger },
    { what: "root's, with the title of a master", uid: 0 },
    { what: "root's, a daemon of its own", uid: 0, title: "some daemon" },
  ])("leaves it alone: $what", async ({ uid, title }) => {
    await using bed = await createMachine();
    const { program, configuration, prefix, pidFile } = bed.nginx;
    const forged = `nginx: master process ${program} -p ${prefix} -c ${configuration}`;
    await using sleeper = await startSleeper(uid, title ?? forged);
    await writeFile(pidFile, `${sleeper.pid}\n`);

    for (const args of [["deploy"], ["deploy", "--force"], ["retry"]]) {
      const document = await bed.livecert.document(args);
      expect(document).toMatchObject({
        outcome: "not-running",
        exitCode: 5,
        reloads: 0,
      });
    }

    expect(hasEnded(sleeper.pid)).toBe(false);
  });
});

describe("programs that a user has put into PATH", () => {
  it("are never run, whatever their name", async () => {
    await using bed = await createMachine();
    const directory = join(bed.directory, "bin");
    const marker = join(bed.directory, "marker");
    await mkdir(directory);
    await chown(directory, stranger, stranger);
    const nginxes = ["nginx", "openresty", "angie", "tengine", "freenginx"];
    const helpers = ["flock", "openssl", "logger", "systemctl", "id"];
    for (const program of [...nginxes, ...helpers])
      await writeTrap(join(directory, program), marker, stranger);
    const environment = { PATH: `${directory}:/usr/sbin:/usr/bin:/bin` };

    // None of these changes anything of the machine's own Nginx.
    for (const command of ["doctor", "status", "uses", "retry"]) {
      const { stderr } = await runBare(bed, [command], environment);
      expect(stderr).not.toContain("unexpected");
    }

    expect(await exists(marker)).toBe(false);
  });
});

describe("what others could have written", () => {
  /** Changes who may write what, and says with which arguments livecert is called then. */
  const situations: readonly {
    readonly what: string;
    readonly arrange: (
      bed: HostBed,
      trap: string,
    ) => Promise<readonly string[]>;
  }[] = [
    {
      what: "a configuration file that everybody may write",
      arrange: async (bed, trap) => {
        const file = join(bed.directory, "livecert.yaml");
        await writeFile(file, `nginx:\n  bin: ${trap}\n`);
        await chmod(file, 0o666);
        return ["--config", file];
      },
    },
    {
      what: "a user's configuration file",
      arrange: async (bed, trap) => {
        const file = join(bed.directory, "livecert.yaml");
        await writeFile(file, `nginx:\n  bin: ${trap}\n`);
        await chown(file, stranger, stranger);
        return ["--config", file];
      },
    },
    {
      what: "a configuration file in a directory that a group may write",
      arrange: async (bed, trap) => {
        const directory = join(bed.directory, "configuration");
        await mkdir(directory);
        await writeFile(
          join(directory, "livecert.yaml"),
          `nginx:\n  bin: ${trap}\n`,
        );
        await chmod(directory, 0o775);
        return ["--config", join(directory, "livecert.yaml")];
      },
    },
    {
      what: "a user's Nginx program",
      arrange: async (_, trap) => {
        await chown(trap, stranger, stranger);
        return ["--nginx-bin", trap];
      },
    },
    {
      what: "an Nginx program in a user's directory",
      arrange: async (bed, trap) => {
        const directory = join(bed.directory, "theirs");
        await mkdir(directory);
        await writeTrap(join(directory, "nginx"), `${trap}.ran`, 0);
        await chown(directory, stranger, stranger);
        return ["--nginx-bin", join(directory, "nginx")];
      },
    },
    {
      what: "Nginx's configuration, which everybody may write",
      arrange: async (bed) => {
        await chmod(bed.nginx.configuration, 0o666);
        return ["--nginx-bin", bed.nginx.program];
      },
    },
    {
      what: "a state directory that everybody may write",
      arrange: async (bed) => {
        await chmod(bed.livecert.stateDirectory, 0o777);
        return ["--nginx-bin", bed.nginx.program];
      },
    },
    {
      what: "a user's run directory",
      arrange: async (bed) => {
        await chown(bed.livecert.runDirectory, stranger, stranger);
        return ["--nginx-bin", bed.nginx.program];
      },
    },
  ];

  it.each(situations)(
    "is refused, with nothing run, reloaded or written: $what",
    async ({ arrange }) => {
      await using bed = await createStaleMachine();
      const trap = join(bed.directory, "nginx");
      await writeTrap(trap, `${trap}.ran`, 0);
      const args = await arrange(bed, trap);
      const { configuration, prefix } = bed.nginx;

      const { exitCode, stdout, stderr } = await runBare(
        bed,
        ["deploy", name, ...args],
        {
          PATH: process.env["PATH"],
          LIVECERT_NGINX_CONF: configuration,
          LIVECERT_NGINX_PREFIX: prefix,
        },
      );

      expect(stderr).toMatch(/livecert: error: .*(?:written by|belongs to)/);
      expect(stderr).toMatch(/livecert: hint: /);
      expect(stdout).toBe("");
      expect(exitCode).toBe(2);
      expect(await exists(`${trap}.ran`)).toBe(false);
      expect(await bed.nginx.reconfigurations()).toBe(0);
      const state = await readdir(bed.livecert.stateDirectory, {
        recursive: true,
      });
      expect(state.filter((file) => file.includes("sources/"))).toEqual([]);
    },
  );
});
