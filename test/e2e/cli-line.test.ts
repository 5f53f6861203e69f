import { chmod, copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { livecertProgram } from "../support/livecert.ts";
import { mustRun } from "../support/run.ts";
import { bareEnvironment, Terminal } from "./transcript.ts";

describe("the command line", () => {
  it.each([[["--version"]], [["deploy", "--version"]]])(
    "answers %j with the version",
    async (words) => {
      await using terminal = await Terminal.open();
      expect(await terminal.transcript(words)).toBe(
        `$ livecert ${words.join(" ")}\nlivecert ${packageJson.version}\n`,
      );
    },
  );

  it("explains every command", async () => {
    await using terminal = await Terminal.open();
    const { stdout, exitCode } = await terminal.run(["--help"]);
    expect(exitCode).toBe(0);
    for (const command of [
      "hook",
      "deploy",
      "retry",
      "check",
      "uses",
      "status",
      "history",
      "doctor",
      "config",
      "completion",
    ])
      expect(stdout).toContain(`livecert ${command}`);
    // The build's width of a text relies on it.
    expect(stdout).toMatch(/^[\n -~]*$/);
  });

  it.each(["deploy --help", "deploy -fh", "status -h", "help status"])(
    "explains the options where it is asked by %s",
    async (line) => {
      await using terminal = await Terminal.open();
      const { stdout, exitCode } = await terminal.run(line.split(" "));
      expect(exitCode).toBe(0);
      expect(stdout).toContain("Options for all commands:");
      expect(stdout).toContain("--certbot-dir");
      expect(stdout).toMatch(/^[\n -~]*$/);
    },
  );

  it("works in a directory that has been deleted", async () => {
    await using terminal = await Terminal.open();
    const script = 'mkdir gone; cd gone; rmdir ../gone; exec "$@"';
    for (const words of [["history"], ["hook"], ["status", "--json"]]) {
      const { stderr } = await terminal.run(words, {
        through: ["sh", "-ec", script, "sh"],
      });
      expect(stderr).not.toContain("cwd");
      expect(stderr).not.toContain("unexpected");
    }
  });

  it("says where nothing can be written that a check needs for a while", async () => {
    await using terminal = await Terminal.open();
    const { exitCode, stderr } = await terminal.run(["check"], {
      environment: { ...bareEnvironment, TMPDIR: "/nonexistent" },
    });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("nothing can be written in /nonexistent");
    expect(stderr).toContain("hint: name another temporary directory");
  });

  it("names what a misspelt word may have meant, and goes no further", async () => {
    await using terminal = await Terminal.open();
    expect(await terminal.transcript(["delpoy"])).toBe(
      `$ livecert delpoy
livecert: error: there is no command delpoy
livecert: hint: did you mean deploy?
exit 2
`,
    );
    expect(await terminal.transcript(["deploy", "--dryrun"])).toBe(
      `$ livecert deploy --dryrun
livecert: error: there is no option --dryrun
livecert: hint: did you mean --dry-run?
exit 2
`,
    );
  });

  it("tells a hook's mistakes in ASCII", async () => {
    await using terminal = await Terminal.open();
    const { stderr, exitCode } = await terminal.run(["hook", "--m\u00fcnchen"]);
    expect(exitCode).toBe(2);
    expect(stderr).toBe(
      "livecert: error: there is no option --m\\u00fcnchen\nlivecert: hint: livecert --help\n",
    );
  });

  it("refuses a hook that was called by hand", async () => {
    await using terminal = await Terminal.open();
    const { stderr, exitCode } = await terminal.run(["hook"]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("livecert: hint: ");
    expect(stderr).toContain("livecert deploy NAME");
  });

  it.each([
    ["usage", { LIVECERT_JSON: "yes" }, ["deploy", "--no-such-option"]],
    ["configuration-invalid", {}, ["status", "--json", "--holdback", "soon"]],
    ["lineage-not-found", {}, ["deploy", "--json", "absent.test"]],
    ["hook-environment", {}, ["hook", "--json"]],
  ] as const)(
    "prints a document for %s too, where documents are asked for",
    async (code, variables, words) => {
      await using terminal = await Terminal.open();
      const environment = { ...bareEnvironment, ...variables };
      const result = await terminal.run(words, { environment });
      expect(result.exitCode).toBe(2);
      expect(result.stderr).toContain("livecert: error: ");
      expect(JSON.parse(result.stdout)).toEqual({
        schema: 1,
        command: words[0],
        error: {
          code,
          message: expect.any(String) as string,
          remedy: expect.any(String) as string,
        },
        exitCode: 2,
      });
    },
  );

  it.each([
    { name: "livecert.js", above: null },
    { name: "livecert.js", above: "commonjs" },
    { name: "livecert.js", above: "module" },
    { name: "livecert.mjs", above: null },
    { name: "livecert.cjs", above: "module" },
  ])(
    "runs as $name with nothing beside it, where the type of what is above is $above",
    async ({ name, above }) => {
      await using terminal = await Terminal.open();
      const directory = join(terminal.directory, "copy");
      await mkdir(directory);
      if (above !== null)
        await writeFile(
          join(terminal.directory, "package.json"),
          JSON.stringify({ type: above }),
        );
      const copy = join(directory, name);
      await copyFile(livecertProgram, copy);
      const help = await mustRun(process.execPath, [copy, "--help"]);
      expect(help.stdout).toContain("livecert COMMAND");
      const history = await mustRun(process.execPath, [
        ...[copy, "history", "--state-dir", directory],
      ]);
      expect(history).toMatchObject({ stdout: "", stderr: "" });
    },
  );
});

describe("livecert config", () => {
  it("shows each value and where it came from", async () => {
    await using terminal = await Terminal.open();
    await writeFile(
      join(terminal.directory, "l.yaml"),
      "nginx:\n  reload-by: systemctl\nholdback: 2d\nrun-dir: run-of-file\n",
    );
    const { stdout } = await terminal.run([
      ...["config", "show", "--config", "l.yaml", "--log-level", "debug"],
    ]);
    const rows = new Map(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => line.split("\t"))
        .map(([key, ...rest]) => [key, rest]),
    );
    const file = join(terminal.directory, "l.yaml");
    expect(rows.get("nginx.reload-by")).toEqual(["systemctl", `${file}:2`]);
    expect(rows.get("holdback")).toEqual(["2d", `${file}:3`]);
    expect(rows.get("run-dir")).toEqual([
      join(terminal.directory, "run"),
      "LIVECERT_RUN_DIR",
    ]);
    expect(rows.get("log-level")).toEqual(["debug", "--log-level"]);
    expect(rows.get("nginx.bin")).toEqual(["-", "default"]);
    expect(rows.get("limits.handshake")).toEqual(["3s", "default"]);
  });

  it("shows the same as one JSON document", async () => {
    await using terminal = await Terminal.open();
    const { stdout } = await terminal.run(["config", "show", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 1,
      settings: {
        json: { value: true, origin: "--json" },
        holdback: { value: 86_400_000, origin: "default" },
      },
    });
  });

  it("names all faults of a file at once, with their lines", async () => {
    await using terminal = await Terminal.open();
    await writeFile(
      join(terminal.directory, "l.yaml"),
      "certbot-dri: /x\nnginx:\n  reload-by: magic\nlimits:\n  connect: 3\n",
    );
    expect(await terminal.transcript(["retry", "--config", "l.yaml"])).toBe(
      `$ livecert retry --config l.yaml
livecert: error: $DIR/l.yaml:1: there is no option certbot-dri, did you mean certbot-dir?
livecert: error: $DIR/l.yaml:3: nginx.reload-by must be one of signal, nginx, systemctl
livecert: error: $DIR/l.yaml:5: limits.connect must be a duration with its unit, such as 500ms, 3s, 15m, 24h or 2d, from 1ms to 24d
livecert: hint: livecert config schema shows what a configuration may hold
exit 2
`,
    );
  });

  it("is not read where others could have written it", async () => {
    await using terminal = await Terminal.open();
    const path = join(terminal.directory, "l.yaml");
    await writeFile(path, "json: true\n");
    await chmod(path, 0o666);
    const { stdout, stderr, exitCode } = await terminal.run(["retry"], {
      environment: { LIVECERT_CONFIG: path },
    });
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 2 });
    expect(stderr).toContain(path);
    expect(stderr).toContain("livecert: hint: ");
  });

  it("checks what the values lead to", async () => {
    await using terminal = await Terminal.open();
    expect(
      await terminal.transcript(["config", "check"], {
        environment: { LIVECERT_STATE_DRI: "/x" },
      }),
    ).toBe(
      `$ livecert config check
warning: LIVECERT_STATE_DRI means nothing to livecert, did you mean LIVECERT_STATE_DIR?
configuration is valid
`,
    );
    expect(
      await terminal.transcript(["config", "check", "--roots", "none.pem"]),
    ).toBe(
      `$ livecert config check --roots none.pem
livecert: error: trust roots cannot be read from $DIR/none.pem: it does not exist
livecert: hint: name a PEM file with root certificates
exit 2
`,
    );
    const program = join(terminal.directory, "nginx");
    await writeFile(program, "", { mode: 0o755 });
    await chmod(program, 0o777);
    const { exitCode, stderr } = await terminal.run([
      ...["config", "check", "--nginx-bin", program],
    ]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`--nginx-bin: nginx.bin: ${program}`);
  });

  it("prints a schema for editors", async () => {
    await using terminal = await Terminal.open();
    const { stdout } = await terminal.run(["config", "schema"]);
    expect(JSON.parse(stdout)).toMatchObject({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      properties: { nginx: { properties: { bin: { type: "string" } } } },
    });
  });
});
