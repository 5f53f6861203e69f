import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { JournalEntry } from "../../src/core/decision/record.ts";
import { livecertProgram } from "../support/livecert.ts";
import { mustRun, run, start } from "../support/run.ts";
import { bareEnvironment, Terminal } from "./transcript.ts";

const entries = Array.from({ length: 900 }, (_, index): JournalEntry => ({
  schema: 1,
  at: new Date(Date.UTC(2026, 10, 1, 0, index)).toISOString(),
  run: `run-${index}`,
  command: "hook",
  lineage: index % 2 === 0 ? "example.org" : "example.com",
  certificate: null,
  outcome: "deployed",
  fingerprint256: "AA:BB:CC:DD:EE",
  servedBefore: null,
  reloads: 1,
  detail: "x".repeat(200),
  durationMs: 12,
}));

async function terminalWithJournal(): Promise<Terminal> {
  const terminal = await Terminal.open();
  const directory = join(terminal.directory, "state/v1");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(
    join(directory, "journal.jsonl"),
    entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""),
  );
  return terminal;
}

/** As a shell would run it. */
function inShell(terminal: Terminal, script: string) {
  return run("/bin/bash", ["--norc", "-c", script], {
    cwd: terminal.directory,
    environment: {
      ...bareEnvironment,
      NODE: process.execPath,
      LIVECERT: livecertProgram,
      LIVECERT_STATE_DIR: join(terminal.directory, "state"),
    },
  });
}

describe("livecert history", () => {
  it("prints the newest entries, the newest last", async () => {
    await using terminal = await terminalWithJournal();
    expect(await terminal.transcript(["history", "-n", "2"])).toBe(
      `$ livecert history -n 2
2026-11-01T14:58:00.000Z\thook\texample.org\tdeployed\tAA:BB:CC:DD\t${"x".repeat(200)}
2026-11-01T14:59:00.000Z\thook\texample.com\tdeployed\tAA:BB:CC:DD\t${"x".repeat(200)}
`,
    );
  });

  it("prints those of one lineage, by its name or its path", async () => {
    await using terminal = await terminalWithJournal();
    const path = join(terminal.directory, "letsencrypt/live/example.org");
    for (const lineage of ["example.org", path]) {
      const { stdout } = await terminal.run(["history", lineage, "--json"]);
      const { entries: found } = JSON.parse(stdout) as {
        entries: readonly JournalEntry[];
      };
      expect(found).toHaveLength(20);
      expect(new Set(found.map((entry) => entry.lineage))).toEqual(
        new Set(["example.org"]),
      );
    }
  });

  it("prints nothing where nothing was done", async () => {
    await using terminal = await Terminal.open();
    expect(await terminal.transcript(["history"])).toBe("$ livecert history\n");
  });

  it("refuses the name of a lineage that never was", async () => {
    await using terminal = await terminalWithJournal();
    const { stderr, exitCode } = await terminal.run(["history", "exmaple.org"]);
    expect(stderr).toContain("livecert: error: no lineage exmaple.org in ");
    expect(exitCode).toBe(2);
  });
});

describe("a state that is root's", () => {
  it("is not called unsafe to somebody else, who is told to be root", async () => {
    await using terminal = await terminalWithJournal();
    await chmod(terminal.directory, 0o755);
    const { exitCode, stderr } = await terminal.run(["history"], {
      through: ["setpriv", "--reuid=65534", "--clear-groups"],
    });
    expect(stderr).toMatch(
      /^livecert: error: the state in \S+ cannot be looked at: permission denied\nlivecert: hint: run livecert as root\n$/,
    );
    expect(exitCode).toBe(2);
  });
});

describe("the program's streams", () => {
  it("hand over a long result whole, however slowly it is read", async () => {
    await using terminal = await terminalWithJournal();
    const { stdout } = await inShell(
      terminal,
      '"$NODE" "$LIVECERT" history -n 900 --json | { read -r first; cat; }',
    );
    expect(stdout.length).toBeGreaterThan(200_000);
    expect(stdout).toMatch(/\}\n$/);
  });

  it("do not mind a reader that has gone", async () => {
    await using terminal = await terminalWithJournal();
    const { stdout, stderr } = await inShell(
      terminal,
      '"$NODE" "$LIVECERT" history -n 900 --json | head -n 1; echo "${PIPESTATUS[0]}"',
    );
    expect(stdout).toBe("{\n0\n");
    expect(stderr).toBe("");
  });

  it("do not call a result printed that found no room", async () => {
    await using terminal = await terminalWithJournal();
    const { stdout, stderr } = await inShell(
      terminal,
      '"$NODE" "$LIVECERT" history > /dev/full; echo $?',
    );
    expect(stdout).toBe("1\n");
    expect(stderr).toBe(
      "livecert: error: the result could not be printed: the disk is full\nlivecert: hint: make room; what was done is in: livecert history\n",
    );
  });

  it("have columns and colours on a terminal, and neither elsewhere", async () => {
    await using terminal = await terminalWithJournal();
    const onTerminal = (assignments: string) =>
      inShell(
        terminal,
        `script -qec '${assignments} "$NODE" "$LIVECERT" history -n 1' /dev/null < /dev/null`,
      );
    const coloured = await onTerminal("TERM=xterm");
    expect(coloured.stdout).toContain("\u001b[1mtime");
    expect(coloured.stdout).toContain("  hook     example.com  deployed");
    const plain = await onTerminal("NO_COLOR=1 TERM=xterm");
    expect(plain.stdout).toContain("time  ");
    expect(plain.stdout).not.toContain("\u001b");
    const piped = await inShell(
      terminal,
      '"$NODE" "$LIVECERT" history -n 1 | cat',
    );
    expect(piped.stdout).not.toContain("time");
    expect(piped.stdout).toContain("\thook\t");
  });

  it.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("end with a word on %s", async (signal, expected) => {
    await using terminal = await Terminal.open();
    const dump = join(terminal.directory, "dump");
    await mustRun("mkfifo", [dump]);
    // Open for both directions, a pipe never ends, so the program goes on waiting for its dump.
    const program = await start(
      "/bin/bash",
      [
        "--norc",
        "-c",
        `exec "$0" "$1" uses --dump - <> ${dump}`,
        process.execPath,
        livecertProgram,
      ],
      { cwd: terminal.directory, environment: bareEnvironment },
    );
    // More than a pipe holds: it is all written only when the program reads.
    await writeFile(dump, "x".repeat(200_000));
    process.kill(program.pid, signal);
    const { exitCode, stderr } = await program.ended;
    expect(exitCode).toBe(expected);
    expect(stderr).toContain(`livecert: error: stopped by ${signal}\n`);
  });
});
