import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { run } from "../support/run.ts";
import { Terminal } from "./transcript.ts";

/** What bash offers for the last of these words. */
async function offered(
  terminal: Terminal,
  words: readonly string[],
): Promise<readonly string[]> {
  const { stdout: script } = await terminal.run(["completion", "bash"]);
  const { stdout, stderr } = await run(
    "/bin/bash",
    [
      "--norc",
      "-c",
      `${script}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _livecert
printf '%s\\n' "\${COMPREPLY[@]}"`,
      "bash",
      "livecert",
      ...words,
    ],
    {
      cwd: terminal.directory,
      environment: {
        ...process.env,
        LIVECERT_CERTBOT_DIR: join(terminal.directory, "letsencrypt"),
      },
    },
  );
  expect(stderr).toBe("");
  return stdout.split("\n").filter((line) => line !== "");
}

async function terminalWithLineages(): Promise<Terminal> {
  const terminal = await Terminal.open();
  for (const name of ["example.org", "example.com", "other one", "README"])
    await mkdir(join(terminal.directory, "letsencrypt/live", name), {
      recursive: true,
    });
  return terminal;
}

describe("livecert completion bash", () => {
  it.each([
    [["d"], ["deploy", "doctor"]],
    [["hi"], ["history"]],
    [
      ["deploy", "example."],
      ["example.com", "example.org"],
    ],
    [["deploy", "o"], ["other one"]],
    [["deploy", "README"], []],
    [["deploy", "--f"], ["--force"]],
    [["hook", "--d"], ["--defer"]],
    [
      ["config", ""],
      ["show", "check", "schema"],
    ],
    [["completion", "z"], ["zsh"]],
    [["--log-level", "w"], ["warn"]],
    [
      ["--nginx-reload-by", "s"],
      ["signal", "systemctl"],
    ],
    [["--json", "ret"], ["retry"]],
    [["check", "--certbot-dir", "lets"], ["letsencrypt"]],
    [["retry", "x"], []],
  ])("offers for %j: %j", async (words, expected) => {
    await using terminal = await terminalWithLineages();
    expect([...(await offered(terminal, words))].sort()).toEqual(
      [...expected].sort(),
    );
  });
});

describe("livecert completion", () => {
  it("gives bash a lineage's name as it is, whatever a shell would make of it", async () => {
    await using terminal = await Terminal.open();
    const names = ["$(touch run)", "`touch run`", "${HOME}", "a*", "it's"];
    for (const name of names)
      await mkdir(join(terminal.directory, "letsencrypt/live", name), {
        recursive: true,
      });
    expect([...(await offered(terminal, ["deploy", ""]))].sort()).toEqual(
      [...names].sort(),
    );
    expect(await readdir(terminal.directory)).not.toContain("run");
  });

  it.each(["zsh", "fish"])("names every command to %s", async (shell) => {
    await using terminal = await Terminal.open();
    const { stdout } = await terminal.run(["completion", shell]);
    for (const command of ["hook", "deploy", "retry", "status", "doctor"])
      expect(stdout).toContain(command);
  });

  it("knows no other shell", async () => {
    await using terminal = await Terminal.open();
    expect(await terminal.transcript(["completion", "tcsh"])).toBe(
      `$ livecert completion tcsh
livecert: error: completion must be followed by one of bash, zsh, fish
livecert: hint: livecert completion bash
exit 2
`,
    );
  });
});
