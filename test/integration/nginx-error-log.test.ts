import { appendFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { markLogs } from "../../src/adapters/nginx/error-log.ts";
import { mustRun } from "../support/run.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const master = { pid: 812, startTicks: "1" };

function line(words: string, level = "emerg", pid = master.pid): string {
  return `2026/11/23 10:00:00 [${level}] ${pid}#${pid}: ${words}\n`;
}

async function withLog(use: (path: string) => Promise<void>): Promise<void> {
  await using temporary = await temporaryDirectory();
  const path = join(temporary.path, "error.log");
  await writeFile(path, line("from before"));
  await use(path);
}

async function refusalsAfter(
  path: string,
  change: () => Promise<unknown>,
): Promise<readonly string[]> {
  const mark = await markLogs([path]);
  await change();
  return mark.refusals(master);
}

describe("the lines that a master adds to its error log", () => {
  it.each(["emerg", "alert", "crit"])(
    "are those of level %s",
    async (level) => {
      await withLog(async (path) => {
        const added = await refusalsAfter(path, () =>
          appendFile(path, line("bind() failed", level)),
        );
        expect(added).toEqual([line("bind() failed", level).trimEnd()]);
      });
    },
  );

  it.each([
    ["of a lower level", line("conflict", "warn")],
    ["of another process", line("unknown directive", "emerg", 8_120)],
    ["that are not complete yet", line("bind() fai").trimEnd()],
    ["that only quote such a line", `x ${line("bind() failed")}`],
  ])("are not those %s", async (_, text) => {
    await withLog(async (path) => {
      expect(await refusalsAfter(path, () => appendFile(path, text))).toEqual(
        [],
      );
    });
  });

  it.each([
    [
      "rotation, in the old file and the new",
      async (path: string) => {
        await appendFile(path, line("first"));
        await rename(path, `${path}.1`);
        await writeFile(path, line("second"));
      },
      ["first", "second"],
    ],
    [
      "truncation in place",
      async (path: string) => {
        await truncate(path);
        await appendFile(path, line("short"));
      },
      ["short"],
    ],
    ["removal", (path: string) => rm(path), []],
    [
      "a pipe put in its place",
      async (path: string) => {
        await rm(path);
        await mustRun("mkfifo", [path]);
      },
      [],
    ],
  ] as const)("are found after %s", async (_, change, words) => {
    await withLog(async (path) => {
      const found = await refusalsAfter(path, () => change(path));
      expect(found).toEqual(words.map((word) => line(word).trimEnd()));
    });
  });

  it("are found in a log that did not exist before", async () => {
    await using temporary = await temporaryDirectory();
    const path = join(temporary.path, "new.log");
    const mark = await markLogs([path]);
    expect(mark.readable).toBe(false);
    await writeFile(path, line("bind() failed"));
    expect(await mark.refusals(master)).toHaveLength(1);
  });

  it("are told once where two paths lead to one log", async () => {
    await withLog(async (path) => {
      const mark = await markLogs([path, path, join(path, "../error.log")]);
      await appendFile(path, line("bind() failed"));
      expect(await mark.refusals(master)).toHaveLength(1);
    });
  });

  it("hold no key, though Nginx prints one", async () => {
    await withLog(async (path) => {
      const body = "Q0FOQVJZ".repeat(8);
      const found = await refusalsAfter(path, () =>
        appendFile(
          path,
          line(
            `cannot load certificate key "data:-----BEGIN PRIVATE KEY-----\n${body}\n${body}\n-----END PRIVATE KEY-----": failed`,
          ),
        ),
      );
      expect(found).toEqual([
        expect.stringContaining("cannot load certificate key"),
      ]);
      expect(found.join()).not.toContain("Q0FOQVJZ");
    });
  });

  it("are the last of a flood", async () => {
    await withLog(async (path) => {
      const flood = line("open() failed", "error").repeat(40_000);
      const found = await refusalsAfter(path, () =>
        appendFile(path, `${line("long ago")}${flood}${line("at last")}`),
      );
      expect(found).toEqual([line("at last").trimEnd()]);
    });
  });
});
