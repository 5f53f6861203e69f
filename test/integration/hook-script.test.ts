import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Cleanup } from "../support/cleanup.ts";
import { writeHook } from "../support/hook.ts";
import { NginxBed, serverBlock } from "../support/nginx.ts";
import { createKey } from "../support/pki.ts";
import { run, type RunOptions, type RunResult } from "../support/run.ts";
import { SyslogBed } from "../support/syslog.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { waitFor } from "../support/wait.ts";

/** The hook before a stand-in for livecert whose text the test gives, and a real Nginx. */
interface HookBed extends AsyncDisposable {
  readonly nginx: NginxBed;
  /** With Nginx as `nginx` in PATH and nothing else in the environment but `variables`. */
  run(variables?: NodeJS.ProcessEnv, options?: RunOptions): Promise<RunResult>;
}

async function createHookBed(options: {
  readonly standIn: string | null;
  readonly node?: string;
  readonly mode?: "--defer" | "--flush";
}): Promise<HookBed> {
  const cleanup = new Cleanup();
  const { path } = cleanup.use(await temporaryDirectory());
  const livecert = join(path, "livecert.mjs");
  if (options.standIn !== null) await writeFile(livecert, options.standIn);
  const nginx = cleanup.use(await NginxBed.start({}));
  const hook = join(path, "renewal-hooks", "deploy", "livecert");
  await writeHook(hook, {
    mode: options.mode ?? "--defer",
    node: options.node ?? process.execPath,
    livecert,
  });
  const PATH = `${await nginx.binDirectory()}:/usr/bin:/bin`;
  return {
    nginx,
    run: (variables = {}, more = {}) =>
      run("/bin/sh", ["-c", hook], {
        ...more,
        environment: { PATH, ...variables },
      }),
    [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
  };
}

/** After a reload of ours, anybody else's would stand in the error log before it. */
async function expectNoReload(nginx: NginxBed): Promise<void> {
  await nginx.reload();
  const senders = (await nginx.errorLog()).matchAll(
    /\(SIGHUP\) received from (\d+)/g,
  );
  expect([...senders].map(([, pid]) => Number(pid))).toEqual([process.pid]);
}

async function expectReload(nginx: NginxBed): Promise<void> {
  await waitFor(
    "the fallback's reload",
    async () => (await nginx.reconfigurations()) > 0,
  );
}

describe("the hook while livecert can be run", () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7])(
    "passes on exit code %i and reloads nothing itself",
    async (code) => {
      await using bed = await createHookBed({
        standIn: `process.exit(${code});`,
      });
      const result = await bed.run();
      expect(result).toEqual({
        exitCode: code,
        signal: null,
        stdout: "",
        stderr: "",
      });
      await expectNoReload(bed.nginx);
    },
  );

  it("lets no core be written, which would hold keys", async () => {
    await using bed = await createHookBed({
      standIn: `
        import { readFileSync } from "node:fs";
        const limits = readFileSync("/proc/self/limits", "utf8");
        console.log(/^Max core file size.*/m.exec(limits)[0]);
      `,
    });
    const { stdout } = await bed.run();
    expect(stdout).toMatch(/^Max core file size +0 +0 /);
  });

  it.each(["--defer", "--flush"] as const)(
    "calls `livecert hook %s` with Certbot's environment and nothing on stdin",
    async (mode) => {
      await using bed = await createHookBed({
        mode,
        standIn: `
          let input = "";
          for await (const chunk of process.stdin) input += chunk;
          const { RENEWED_LINEAGE, RENEWED_DOMAINS } = process.env;
          console.log(JSON.stringify({
            words: process.argv.slice(2), input, RENEWED_LINEAGE, RENEWED_DOMAINS,
          }));
        `,
      });
      const { stdout } = await bed.run(
        {
          RENEWED_LINEAGE: "/etc/letsencrypt/live/a b",
          RENEWED_DOMAINS: "*.a.test a.test",
        },
        { input: "yes\n" },
      );
      expect(JSON.parse(stdout)).toEqual({
        words: ["hook", mode],
        input: "",
        RENEWED_LINEAGE: "/etc/letsencrypt/live/a b",
        RENEWED_DOMAINS: "*.a.test a.test",
      });
    },
  );
});

describe("the hook while livecert cannot be run", () => {
  const broken: readonly {
    readonly what: string;
    readonly code: number;
    readonly prepare: () => Promise<HookBed>;
  }[] = [
    {
      what: "Node.js is gone",
      code: 127,
      prepare: () =>
        createHookBed({ standIn: "", node: "/nonexistent/bin/node" }),
    },
    {
      what: "Node.js is not executable",
      code: 126,
      prepare: () => createHookBed({ standIn: "", node: "/etc/passwd" }),
    },
    {
      what: "the program is gone",
      code: 127,
      prepare: () => createHookBed({ standIn: null }),
    },
    {
      what: "the program is killed",
      code: 137,
      prepare: () =>
        createHookBed({ standIn: 'process.kill(process.pid, "SIGKILL");' }),
    },
    {
      what: "the program aborts",
      code: 134,
      prepare: () => createHookBed({ standIn: "process.abort();" }),
    },
  ];

  it.each(broken)(
    "reloads Nginx itself when $what",
    async ({ prepare, code }) => {
      await using bed = await prepare();
      const result = await bed.run();
      expect(result.exitCode).toBe(0);
      expect(result.stdout).toBe("");
      expect(result.stderr).toContain(
        `(code ${code}); Nginx was reloaded instead`,
      );
      await expectReload(bed.nginx);
    },
  );

  it.each(broken)(
    "leaves Nginx alone when $what and LIVECERT_FALLBACK is off",
    async ({ prepare, code }) => {
      await using bed = await prepare();
      const result = await bed.run({ LIVECERT_FALLBACK: "off" });
      expect(result.exitCode).toBe(code);
      expect(result.stderr).toContain("LIVECERT_FALLBACK=off");
      await expectNoReload(bed.nginx);
    },
  );

  it("reloads the Nginx that LIVECERT_NGINX_BIN, _PREFIX and _CONF name", async () => {
    await using bed = await createHookBed({ standIn: null });
    const result = await bed.run({
      PATH: "/usr/bin:/bin",
      LIVECERT_NGINX_BIN: bed.nginx.program,
      LIVECERT_NGINX_PREFIX: bed.nginx.prefix,
      LIVECERT_NGINX_CONF: bed.nginx.configuration,
    });
    expect(result.exitCode).toBe(0);
    await expectReload(bed.nginx);
  });

  it.each([130, 143])(
    "leaves Nginx alone where livecert was stopped, and says %i",
    async (code) => {
      await using bed = await createHookBed({
        standIn: `process.exit(${String(code)});`,
      });
      expect(await bed.run()).toMatchObject({ exitCode: code, stderr: "" });
      await expectNoReload(bed.nginx);
    },
  );

  it("starts Node.js without what others tell it", async () => {
    await using bed = await createHookBed({ standIn: "process.exit(3);" });
    const result = await bed.run({
      NODE_OPTIONS: "--require /nonexistent/agent.js",
    });
    expect(result).toMatchObject({ exitCode: 3, stderr: "" });
  });

  it("reloads Nginx also where there is no program timeout", async () => {
    await using bed = await createHookBed({ standIn: null });
    const hide = 'mount --bind /dev/null "$(command -v timeout)"; exec "$@"';
    const result = await bed.run(
      {},
      { through: ["unshare", "--mount", "--", "sh", "-ec", hide, "sh"] },
    );
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.stderr).toContain("Nginx was reloaded instead");
    await expectReload(bed.nginx);
  });

  it("reloads nothing when Nginx's own test fails, and prints no key that Nginx prints", async () => {
    await using bed = await createHookBed({ standIn: null });
    const key = await createKey("ec-p256");
    await bed.nginx.configure({
      http: serverBlock({
        listen: [`${await bed.nginx.address()} ssl`],
        pairs: [{ certificate: "data:nothing", key: `data:${key}` }],
        more: "# \u00e4\u00f6\u00fc\nunknown_\u00e4;",
      }),
    });
    const result = await bed.run();
    expect(result.exitCode).toBe(127);
    expect(result.stderr).toContain("its configuration test fails");
    expect(result.stderr).not.toContain("PRIVATE KEY");
    expect(result.stderr).toMatch(/^[\n\x20-\x7e]*$/);
    expect(await bed.nginx.reconfigurations()).toBe(0);
  });

  it("says that the reload failed when Nginx is not running", async () => {
    await using bed = await createHookBed({ standIn: null });
    await bed.nginx.stop();
    const result = await bed.run();
    expect(result.exitCode).toBe(127);
    expect(result.stderr).toContain("nginx -s reload failed as well");
  });

  it("tells syslog, with an empty environment and no terminal", async () => {
    await using syslog = await SyslogBed.start();
    await using bed = await createHookBed({ standIn: null });
    await bed.run({}, { through: syslog.through });
    const messages = await waitFor("the line in syslog", async () => {
      const lines = await syslog.messages();
      return lines.length > 0 ? lines : null;
    });
    // 27 = facility daemon (3) * 8 + severity err (3).
    expect(messages).toEqual([
      expect.stringMatching(
        /^<27>.* livecert: .*cannot be started .*reloaded instead/,
      ),
    ]);
  });
});
