import {
  mkdir,
  readdir,
  readFile,
  rename,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Incident } from "../../src/core/incidents/incident.ts";
import type { IncidentBook } from "../../src/core/incidents/record.ts";
import { writeScript } from "../support/hook.ts";
import { PebbleBed } from "../support/pebble.ts";
import { RenewalBed } from "../support/renewal.ts";
import type { RunOptions } from "../support/run.ts";
import { SyslogBed } from "../support/syslog.ts";
import { waitFor } from "../support/wait.ts";

let pebble: PebbleBed;

/** Certbot remembers hooks in its lineage, so every test has one of its own. */
const lineages = Array.from({ length: 10 }, (_, n) => `h${n}.example.test`);
const unused = [...lineages];

beforeAll(async () => {
  pebble = await PebbleBed.start();
  await pebble.issueEach(lineages);
});

afterAll(async () => {
  await pebble[Symbol.asyncDispose]();
});

interface Subject extends AsyncDisposable {
  readonly bed: RenewalBed;
  readonly name: string;
  /** `--cert-name NAME`. */
  readonly only: readonly string[];
}

async function createSubject(
  through: readonly string[] = [],
): Promise<Subject> {
  const name = unused.pop();
  if (name === undefined) throw new Error("too few lineages were issued");
  const bed = await RenewalBed.create({ pebble, names: [name], through });
  return {
    bed,
    name,
    only: ["--cert-name", name],
    [Symbol.asyncDispose]: () => bed[Symbol.asyncDispose](),
  };
}

/** What the run came to, and for how many lineages. */
async function retry(
  bed: RenewalBed,
  options: RunOptions = {},
): Promise<readonly unknown[]> {
  const { lineages, reloads } = await bed.livecert.document(["retry"], options);
  return [...lineages.map(({ outcome }) => outcome), reloads];
}

/** Everything below livecert's state and run directories. */
async function traces({ livecert }: RenewalBed): Promise<readonly string[]> {
  const found = await Promise.all(
    [livecert.stateDirectory, livecert.runDirectory].map((directory) =>
      readdir(directory, { recursive: true }),
    ),
  );
  return found.flat();
}

describe("the hook inside Certbot", () => {
  it("works in a bare environment, and leaves Certbot's standard input to others", async () => {
    await using subject = await createSubject();
    const { bed, name, only } = subject;
    const input = join(bed.nginx.prefix, "input");
    const hook = bed.livecert.hookCommand("--roots", pebble.rootFile);

    const renewal = await pebble.renew(
      [...only, "--deploy-hook", `${hook}; cat >'${input}'`],
      { environment: { PATH: "/usr/bin:/bin" }, input: "yes\n" },
    );

    expect(renewal.exitCode).toBe(0);
    expect(renewal.stdout).toContain(`${name}: deployed`);
    expect(renewal.stderr).not.toContain("ran with error output");
    expect(await readFile(input, "utf8")).toBe("yes\n");
    expect(await bed.notLive()).toEqual([]);
  });

  it("tells syslog, journal and retry of a failure that `certbot -q` shows nobody", async () => {
    await using syslog = await SyslogBed.start();
    await using subject = await createSubject(syslog.through);
    const { bed, name, only } = subject;
    const before = await bed.served(name);
    await bed.installHooks();
    await addConfiguration(bed, "frobnicate on;\n");

    const renewal = await bed.renew(["-q", ...only]);

    expect(renewal).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
    expect(await bed.served(name)).toBe(before);
    // 27 = facility daemon (3) * 8 + severity err (3).
    expect(await syslog.messages()).toEqual([
      expect.stringMatching(
        new RegExp(`^<27>.* livecert: ${name}: config-invalid: .*frobnicate`),
      ),
    ]);
    const history = await bed.livecert.run(["history"]);
    expect(history.stdout).toMatch(new RegExp(`${name}\\tconfig-invalid`));

    const { through } = syslog;
    expect(await retry(bed, { through })).toEqual(["config-invalid", 0]);
    await addConfiguration(bed, "");
    const deploy = await bed.livecert.document(["deploy", name], { through });
    expect(deploy).toMatchObject({ outcome: "deployed", reloads: 1 });
    expect(await bed.notLive()).toEqual([]);
    expect(await retry(bed, { through })).toEqual([0]);
  });

  it("answers `live` to --dry-run --run-deploy-hooks, and writes nothing", async () => {
    await using subject = await createSubject();
    const { bed, name, only } = subject;
    const hook = bed.livecert.hookCommand("--roots", pebble.rootFile);
    const before = await bed.onDisk(name);

    const dryRun = await bed.dryRun([
      ...[...only, "--run-deploy-hooks", "--deploy-hook", hook],
    ]);

    expect(dryRun.exitCode).toBe(0);
    expect(dryRun.stdout).toContain(`${name}: live`);
    expect(await bed.onDisk(name)).toBe(before);
    expect(await bed.reloads()).toBe(0);
    expect(await traces(bed)).toEqual([]);
  });

  it("touches nothing when a plain --dry-run runs the post hooks", async () => {
    await using subject = await createSubject();
    const { bed, only } = subject;
    await bed.installHooks();
    const ran = join(bed.nginx.prefix, "ran");
    await bed.addHook("post", "zz-last", `: >'${ran}'`);

    const dryRun = await bed.dryRun(only);

    expect(dryRun).toMatchObject({ exitCode: 0 });
    expect(await readFile(ran, "utf8")).toBe("");
    expect(await bed.reloads()).toBe(0);
    expect(await traces(bed)).toEqual([]);
  });

  it("deploys at once under `certonly`, which runs the deploy directory and no post directory", async () => {
    await using subject = await createSubject();
    const { bed, name } = subject;
    await bed.installHooks();
    const before = await bed.onDisk(name);

    await pebble.issue([name], ["--force-renewal"], {
      environment: bed.livecert.environment(),
    });

    expect(await bed.onDisk(name)).not.toBe(before);
    expect(await bed.notLive()).toEqual([]);
    expect(await bed.reloads()).toBe(1);
    expect(await bed.queued()).toBe(0);
  });
});

async function addConfiguration(bed: RenewalBed, text: string): Promise<void> {
  // The name is one that Certbot could not decode if the hook repeated it.
  const directory = join(bed.nginx.prefix, "conf.d");
  await mkdir(directory, { recursive: true });
  const file = [
    Buffer.from(`${directory}/caf`),
    Buffer.from([0xe9, 0x2e, 0x63]),
  ];
  await writeFile(Buffer.concat(file), text);
  await bed.nginx.configure({
    http: `include "${directory}/*";\n${bed.serverBlocks()}`,
  });
}

describe("the hook of a lineage with `installer = nginx`, which Certbot reloads for by itself", () => {
  async function nginxInstaller(bed: RenewalBed): Promise<readonly string[]> {
    const program = join(await bed.nginx.binDirectory(), "nginx");
    return [
      ...["--installer", "nginx", "--nginx-ctl", program],
      ...[
        "--nginx-server-root",
        bed.nginx.prefix,
        "--nginx-sleep-seconds",
        "0",
      ],
    ];
  }

  it("is verified by the post hook, without a reload of livecert's", async () => {
    await using subject = await createSubject();
    const { bed, name, only } = subject;
    await bed.installHooks();

    const renewal = await bed.renew([...only, ...(await nginxInstaller(bed))]);

    expect(renewal.stdout).toContain(`${name}: deferred`);
    expect(renewal.stdout).toContain(`${name}: live`);
    expect(await bed.notLive()).toEqual([]);
    expect(await bed.reloads()).toBe(1);
    expect(await bed.queued()).toBe(0);
  });

  it("is verified by retry where only a deploy hook is called", async () => {
    await using subject = await createSubject();
    const { bed, name, only } = subject;
    const hook = bed.livecert.hookCommand("--roots", pebble.rootFile);

    const renewal = await bed.renew([
      ...[...only, "--no-directory-hooks", "--deploy-hook", hook],
      ...(await nginxInstaller(bed)),
    ]);

    expect(renewal.stdout).toContain(`${name}: deferred`);
    expect(await bed.queued()).toBe(1);
    expect(await retry(bed)).toEqual(["live", 0]);
    expect(await bed.notLive()).toEqual([]);
    expect(await bed.reloads()).toBe(1);
    expect(await bed.queued()).toBe(0);
  });
});

/** That the state remembers, whether or not anybody is told. */
async function incidents({
  livecert,
}: RenewalBed): Promise<readonly Incident[]> {
  const directory = join(livecert.stateDirectory, "v1", "incidents");
  const [file = ""] = await readdir(directory);
  const text = await readFile(join(directory, file), "utf8");
  return (JSON.parse(text) as IncidentBook).incidents;
}

describe("the hook between a pre_hook that stops Nginx and a post_hook that starts it", () => {
  async function stopAndStart(
    { nginx }: RenewalBed,
    startsAgain: "starts" | "fails",
  ): Promise<readonly string[]> {
    const pre = join(nginx.prefix, "pre");
    const post = join(nginx.prefix, "post");
    await writeScript(
      pre,
      `kill -QUIT "$(cat '${nginx.pidFile}')"`,
      `while [ -e '${nginx.pidFile}' ]; do sleep 0.02; done`,
    );
    const program = join(await nginx.binDirectory(), "nginx");
    await writeScript(
      post,
      startsAgain === "starts" ? `exec '${program}' >/dev/null 2>&1` : "exit 1",
    );
    return ["--pre-hook", pre, "--post-hook", post];
  }

  it("reports no failure, and retry verifies afterwards", async () => {
    await using syslog = await SyslogBed.start();
    await using subject = await createSubject(syslog.through);
    const { bed, name, only } = subject;
    await bed.installHooks();

    const hooks = await stopAndStart(bed, "starts");
    const renewal = await bed.renew([...only, ...hooks]);

    expect(renewal.exitCode).toBe(0);
    expect(renewal.stdout).toContain(`${name}: deferred, Nginx is stopped`);
    expect(renewal.stdout + renewal.stderr).not.toContain(
      "reported error code",
    );
    expect(await bed.queued()).toBe(1);
    const { through } = syslog;
    expect(await retry(bed, { through })).toEqual(["live", 0]);
    expect(await bed.notLive()).toEqual([]);
    expect(await bed.queued()).toBe(0);
    expect(await bed.reloads()).toBe(0);
    expect(await syslog.messages()).toEqual([]);
  });

  it("is told as a failure where Nginx stays stopped, and only after a while", async () => {
    await using syslog = await SyslogBed.start();
    await using subject = await createSubject(syslog.through);
    const { bed, name, only } = subject;
    const hook = bed.livecert.hookCommand("--roots", pebble.rootFile);

    const hooks = await stopAndStart(bed, "fails");
    const renewal = await bed.renew([...only, ...hooks, "--deploy-hook", hook]);

    expect(renewal.stdout).toContain(`${name}: deferred, Nginx is stopped`);
    const { through } = syslog;
    expect(await retry(bed, { through })).toEqual(["not-running", 0]);
    expect(await syslog.messages()).toEqual([]);
    const environment = {
      ...process.env,
      LIVECERT_LIMITS_CERTBOT_WAIT: "1ms",
    };
    expect(await retry(bed, { through, environment })).toEqual([
      ...["not-running", 0],
    ]);
    expect(await syslog.messages()).toEqual([
      expect.stringContaining(`livecert: ${name}: not-running: `),
    ]);

    const again = await bed.renew([...only, "--deploy-hook", hook]);
    expect(again.stdout).toContain(`${name}: deferred, Nginx is stopped`);
    // It may still be down: neither is that forgotten nor is it over.
    const pending = join(bed.livecert.stateDirectory, "v1", "pending");
    expect(await readdir(pending)).toHaveLength(1);
    expect(await incidents(bed)).toMatchObject([
      { name, kind: "not-running", closedAt: null },
    ]);
    await bed.nginx.start();
    expect(await retry(bed, { through })).toEqual(["live", 0]);
    expect(await incidents(bed)).toMatchObject([
      { name, closedAt: expect.any(String) as string },
    ]);
  });
});

describe("the installed hook whose Node.js is gone", () => {
  it("reloads Nginx itself, and syslog says why", async () => {
    await using syslog = await SyslogBed.start();
    await using subject = await createSubject(syslog.through);
    const { bed, name, only } = subject;
    const node = join(bed.nginx.prefix, "node");
    await symlink(process.execPath, node);
    await bed.installHooks(node);
    await bed.renew(only);
    expect(await bed.notLive()).toEqual([]);
    expect(await syslog.messages()).toEqual([]);
    const before = await bed.served(name);

    await rename(node, `${node}-of-another-name`);
    const renewal = await bed.renew(["-q", ...only]);

    expect(renewal).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
    await waitFor("the new certificate is served", async () => {
      return (await bed.notLive()).length === 0;
    });
    expect(await bed.served(name)).not.toBe(before);
    const [first] = await syslog.messages();
    expect(first).toMatch(
      /^<27>.* livecert: .*\/node .* cannot be started \(code 127\); Nginx was reloaded instead/,
    );
  });
});
