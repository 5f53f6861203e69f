import { readFile, writeFile } from "node:fs/promises";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readStatus } from "../../src/adapters/process/processes.ts";
import { readModel } from "../../src/core/nginx/read-model.ts";
import { NginxBed, serverBlock } from "../support/nginx.ts";
import { mustRun } from "../support/run.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { waitFor } from "../support/wait.ts";
import { testConfiguration } from "../../src/adapters/nginx/run.ts";
import {
  installFixture,
  signal,
  targetWith,
  writeConfiguration,
} from "./nginx-host.ts";

function targetOf(
  bed: NginxBed,
  reloadBy: "signal" | "nginx" | "systemctl" = "signal",
) {
  return targetWith({
    conf: bed.configuration,
    prefix: bed.prefix,
    reloadBy,
  });
}

/** A target whose Nginx is a fixture, and the configuration that this would read. */
async function fixtureTarget(directory: string, fixture: string) {
  const bin = await installFixture(directory, fixture);
  await writeConfiguration(directory);
  return targetWith(
    { bin },
    { limits: { nginxCommandMs: 1_000, reloadCommandMs: 1_000 } },
  );
}

async function inspected(bed: NginxBed, reloadBy?: "signal" | "nginx") {
  const target = targetOf(bed, reloadBy);
  const state = await target.inspect(signal);
  if (state.kind !== "running") throw new Error(state.reason);
  return { target, generation: state.generation, state };
}

describe("the dump", () => {
  it("is the running Nginx's, with the prefix that its paths count from", async () => {
    await using bed = await NginxBed.start({});
    const { target } = await inspected(bed);
    const dump = await target.dump(signal);
    expect(dump).toMatchObject({
      kind: "ok",
      prefix: bed.prefix,
      warnings: [],
      text: expect.stringContaining(
        `# configuration file ${bed.configuration}:\n`,
      ) as string,
    });
  });

  it("comes with Nginx's warnings", async () => {
    await using bed = await NginxBed.start({});
    const { target } = await inspected(bed);
    const twice = serverBlock({ listen: ["127.0.0.1:1"], names: ["a.test"] });
    await bed.configure({ http: twice + twice });
    expect(await target.test(signal)).toEqual({
      kind: "ok",
      warnings: [expect.stringContaining("conflicting server name") as string],
    });
  });

  it("is refused with Nginx's own words, file and line", async () => {
    await using bed = await NginxBed.start({});
    const { target } = await inspected(bed);
    await bed.configure({ http: "frobnicate on;" });
    const errors = [
      expect.stringMatching(
        /\[emerg\] .*unknown directive "frobnicate" in .*nginx\.conf:\d+$/,
      ),
    ];
    expect(await target.dump(signal)).toEqual({ kind: "refused", errors });
    expect(await target.test(signal)).toEqual({ kind: "refused", errors });
  });

  it("never shows the key that Nginx prints in its error message", async () => {
    await using bed = await NginxBed.start({});
    const { target } = await inspected(bed);
    const body = Buffer.from("CANARY".repeat(30)).toString("base64");
    const key = `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----`;
    await bed.configure({
      http: serverBlock({
        listen: ["127.0.0.1:1 ssl"],
        pairs: [{ certificate: `data:${key}`, key: `data:${key}` }],
      }),
    });
    // Otherwise there would be nothing to hide.
    expect((await bed.test()).stderr).toContain(body.slice(0, 16));
    const refusal = await target.dump(signal);
    expect(refusal.kind).toBe("refused");
    expect(JSON.stringify(refusal)).not.toContain(body.slice(0, 16));
  });
});

describe("a program that misbehaves", () => {
  it("and sleeps is ended at the limit", async () => {
    await using temporary = await temporaryDirectory();
    const target = await fixtureTarget(temporary.path, "nginx-that-sleeps");
    expect(await target.dump(signal)).toEqual({
      kind: "failed",
      reason: expect.stringContaining("did not end within 1 s") as string,
    });
  });

  it("and sleeps is ended when the run is", async () => {
    await using temporary = await temporaryDirectory();
    const bin = await installFixture(temporary.path, "nginx-that-sleeps");
    await writeConfiguration(temporary.path);
    const controller = new AbortController();
    const target = targetWith({ bin });
    await target.inspect(signal);
    const dump = target.dump(controller.signal);
    controller.abort();
    expect(await dump).toMatchObject({ kind: "failed" });
  });

  it("and says that all is well without a dump is not believed", async () => {
    await using temporary = await temporaryDirectory();
    const target = await fixtureTarget(temporary.path, "nginx-that-lies");
    expect(await target.dump(signal)).toEqual({
      kind: "failed",
      reason: expect.stringContaining("dumped nothing") as string,
    });
  });

  it("and refuses is quoted without its warnings", async () => {
    await using temporary = await temporaryDirectory();
    const target = await fixtureTarget(temporary.path, "nginx-that-refuses");
    expect(await target.dump(signal)).toEqual({
      kind: "refused",
      errors: ['nginx: [emerg] unknown directive "frobnicate" in nginx.conf:7'],
    });
  });

  it("and prints a key is quoted without it", async () => {
    await using temporary = await temporaryDirectory();
    const target = await fixtureTarget(
      temporary.path,
      "nginx-that-prints-a-key",
    );
    const refusal = await target.test(signal);
    expect(refusal).toMatchObject({ kind: "refused" });
    expect(JSON.stringify(refusal)).not.toContain("Q0FOQVJZ");
    expect(JSON.stringify(refusal)).toContain("PEM_read_bio_PrivateKey()");
  });

  it("and cannot be loaded gives no verdict", async () => {
    await using temporary = await temporaryDirectory();
    const target = await fixtureTarget(temporary.path, "nginx-that-breaks");
    expect(await target.test(signal)).toEqual({
      kind: "failed",
      reason: expect.stringContaining("exited with 127") as string,
    });
  });

  it("and is no Nginx is absent", async () => {
    expect(
      await targetWith({ bin: "/bin/true" }).inspect(signal),
    ).toMatchObject({ kind: "absent" });
  });
});

describe("a refusal for want of rights", () => {
  const question = async (directory: string, restriction: string | null) => ({
    program: await installFixture(directory, "nginx-that-lacks-rights"),
    options: [],
    prefix: directory,
    restriction,
    timeoutMs: 20_000,
    signal,
  });

  it("is Nginx's verdict where nothing holds livecert tighter", async () => {
    await using temporary = await temporaryDirectory();
    expect(
      await testConfiguration(await question(temporary.path, null)),
    ).toMatchObject({ kind: "refused" });
  });

  it("is none where livecert itself may do less than Nginx", async () => {
    await using temporary = await temporaryDirectory();
    expect(
      await testConfiguration(
        await question(temporary.path, "livecert runs under NoNewPrivileges"),
      ),
    ).toEqual({
      kind: "failed",
      reason: expect.stringContaining(
        "livecert runs under NoNewPrivileges, so this says nothing",
      ) as string,
    });
  });

  it("is none from inside a read-only sandbox around a sound configuration", async () => {
    await using bed = await NginxBed.start({});
    const program = `
      import { signal, targetWith } from "./test/integration/nginx-host.ts";
      const [conf, prefix] = process.argv.slice(1);
      const target = targetWith({ conf, prefix });
      const { kind } = await target.inspect(signal);
      console.log(JSON.stringify([kind, await target.test(signal)]));`;
    const inside = `mount --bind "$2" "$2" && mount -o remount,bind,ro "$2" && exec "$0" --import tsx --input-type=module -e "$3" "$1" "$2"`;
    const result = await mustRun("unshare", [
      ...["--mount", "--", "sh", "-c", inside, process.execPath],
      ...[bed.configuration, bed.prefix, program],
    ]);
    expect(JSON.parse(result.stdout)).toEqual([
      "running",
      {
        kind: "failed",
        reason: expect.stringMatching(
          /mount namespace of its own, so this says nothing: .*Read-only file system/,
        ) as string,
      },
    ]);
    expect(await targetOf(bed).test(signal)).toMatchObject({ kind: "ok" });
  });

  it.each([
    ["--no-new-privs", "livecert runs under NoNewPrivileges"],
    ["--bounding-set=-net_raw", "livecert lacks capabilities that Nginx has"],
    ["--inh-caps=-all", "null"],
  ])(
    "is told by the rights of the two processes: %s",
    async (option, words) => {
      const program = `
      import { restrictionAgainst } from "./src/adapters/nginx/sandbox.ts";
      console.log(restrictionAgainst(Number(process.argv[1])));`;
      const result = await mustRun("setpriv", [
        option,
        process.execPath,
        ...["--import", "tsx", "--input-type=module", "-e", program],
        String(process.pid),
      ]);
      expect(result.stdout.trim()).toBe(words);
    },
  );
});

describe("a reload", () => {
  it.each(["signal", "nginx"] as const)(
    "by %s brings up new workers, and the old ones go",
    async (reloadBy) => {
      await using bed = await NginxBed.start({ workers: 2 });
      const { target, generation } = await inspected(bed, reloadBy);
      expect(await target.reload(signal)).toMatchObject({ kind: "triggered" });
      const old = new Set(generation.workers.map(({ pid }) => pid));
      const after = await waitFor("only new workers", async () => {
        const now = await target.generation(generation.master);
        const workers = now?.workers ?? [];
        return workers.length === 2 && workers.every(({ pid }) => !old.has(pid))
          ? now
          : null;
      });
      expect(after.master).toEqual(generation.master);
      expect(await bed.reconfigurations()).toBe(1);
    },
  );

  it("shows old workers that still drain", async () => {
    await using bed = await NginxBed.create();
    const address = await bed.address();
    await bed.configure({
      workers: 1,
      http: serverBlock({ listen: [address] }),
    });
    await bed.start();
    const { target, generation } = await inspected(bed);
    const held = connect(Number(address.split(":")[1]), "127.0.0.1");
    await once(held, "connect");
    held.write("GET / HTTP/1.1\r\nHost: a\r\n");
    await target.reload(signal);
    const draining = await waitFor("the old worker drains", async () => {
      const now = await target.generation(generation.master);
      return now?.draining.length === 1 && now.workers.length === 1
        ? now.draining
        : null;
    });
    held.destroy();
    expect(draining).toEqual(generation.workers);
  });

  it("by a program that refuses fails with its words", async () => {
    await using bed = await NginxBed.start({});
    const { target } = await inspected(bed, "nginx");
    await bed.configure({ http: "frobnicate on;" });
    expect(await target.reload(signal)).toMatchObject({
      kind: "failed",
      reason: expect.stringContaining(
        'unknown directive "frobnicate"',
      ) as string,
    });
    expect(await bed.reconfigurations()).toBe(0);
  });

  it.each([
    ["nginx.service", "triggered"],
    ["other.service", "failed"],
  ])("by systemctl asks for the unit %s: %s", async (unit, kind) => {
    await using bed = await NginxBed.start({});
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    await installFixture(path, "systemctl-that-reloads", "systemctl");
    const target = targetWith(
      {
        conf: bed.configuration,
        prefix: bed.prefix,
        reloadBy: "systemctl",
        unit,
      },
      { systemPath: path },
    );
    await target.inspect(signal);
    expect(await target.reload(signal)).toMatchObject({ kind });
    expect(await readFile(join(path, "asked"), "utf8")).toBe(
      `--no-ask-password reload -- ${unit}\n`,
    );
  });

  it("fails with a remedy where there is no systemctl", async () => {
    await using bed = await NginxBed.start({});
    const target = targetWith(
      {
        conf: bed.configuration,
        prefix: bed.prefix,
        reloadBy: "systemctl",
      },
      { systemPath: bed.prefix },
    );
    await target.inspect(signal);
    expect(await target.reload(signal)).toEqual({
      kind: "failed",
      reason: "there is no systemctl",
      remedy: "set nginx.reloadBy to signal",
    });
  });

  it("is not signalled to a master that has ended meanwhile", async () => {
    await using bed = await NginxBed.start({});
    const { target, generation } = await inspected(bed);
    await bed.stop();
    expect(await target.reload(signal)).toEqual({
      kind: "failed",
      reason: `the Nginx master with pid ${generation.master.pid} has ended`,
      remedy: null,
    });
    expect(await target.generation(generation.master)).toBeNull();
    expect(await target.isBusy(generation.master)).toBe(false);
  });

  it("that Nginx refuses at run time is explained by its error log", async () => {
    await using bed = await NginxBed.start({ workers: 1 });
    const { target, generation } = await inspected(bed);
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    await bed.configure({
      http: serverBlock({ listen: [`127.0.0.1:${port}`] }),
    });
    const dump = await target.dump(signal);
    if (dump.kind !== "ok") throw new Error(dump.kind);
    const model = readModel(dump.text, { prefix: dump.prefix, hostname: "h" });
    const mark = await target.markErrorLogs(model);
    expect(mark.readable).toBe(true);
    await target.reload(signal);
    const lines = await waitFor("the refusal is logged", async () => {
      const found = await mark.refusals(generation.master);
      return found.length === 0 ? null : found;
    });
    taken.close();
    expect(lines[0]).toMatch(
      new RegExp(
        `\\[emerg\\] ${generation.master.pid}#\\d+: bind\\(\\) to 127\\.0\\.0\\.1:${port} failed`,
      ),
    );
    expect(await target.generation(generation.master)).toMatchObject({
      workers: generation.workers,
    });
  });
});

describe("what else is asked of the host", () => {
  it("is when the oldest worker started", async () => {
    const before = Date.now();
    await using bed = await NginxBed.start({});
    const { state } = await inspected(bed);
    const started = state.oldestWorkerStartMs ?? 0;
    expect(started).toBeGreaterThan(before - 1_000);
    expect(started).toBeLessThan(Date.now() + 1_000);
  });

  it("is whether the master works: not while it waits for signals", async () => {
    await using bed = await NginxBed.start({});
    const { target, generation } = await inspected(bed);
    await waitFor(
      "the master rests",
      async () => !(await target.isBusy(generation.master)),
    );
  });

  it("is whether the master works: while it computes", async () => {
    const busy = spawn("sh", ["-c", "while :; do :; done"]);
    const status = await waitFor("it runs", () => readStatus(busy.pid ?? 0));
    const seen = await waitFor("it is busy", () =>
      targetWith({}).isBusy(status),
    );
    busy.kill("SIGKILL");
    expect(seen).toBe(true);
  });

  it("is which files its configuration consists of", async () => {
    await using temporary = await temporaryDirectory();
    const file = join(temporary.path, "a.conf");
    await writeFile(file, "abc");
    const identities = await targetWith({}).identify([file, `${file}.gone`]);
    expect(identities).toMatchObject([
      { path: file, resolved: file, sizeBytes: 3 },
    ]);
  });

  it("is at which addresses it can be reached", () => {
    const addresses = targetWith({}).localAddresses();
    expect(addresses).toEqual(expect.arrayContaining(["127.0.0.1", "::1"]));
    expect(new Set(addresses).size).toBe(addresses.length);
  });
});
