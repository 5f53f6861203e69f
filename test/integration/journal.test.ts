import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isJournal } from "../../src/adapters/log/journal.ts";
import { createLog } from "../../src/adapters/log/log.ts";
import { temporaryDirectory } from "../support/temporary.ts";

describe("the journal", () => {
  it("is where $JOURNAL_STREAM names the very file behind the descriptor", async () => {
    await using temporary = await temporaryDirectory();
    await using file = await open(join(temporary.path, "stderr"), "w");
    const { dev, ino } = await stat(join(temporary.path, "stderr"));
    const named = `${String(dev)}:${String(ino)}`;
    expect(isJournal({ JOURNAL_STREAM: named }, file.fd)).toBe(true);
    expect(isJournal({ JOURNAL_STREAM: "8:1" }, file.fd)).toBe(false);
    expect(isJournal({}, file.fd)).toBe(false);
  });

  it("is told the priority of each line", async () => {
    await using temporary = await temporaryDirectory();
    const path = join(temporary.path, "stderr");
    await using file = await open(path, "w");
    const log = createLog({
      level: "trace",
      format: { kind: "json", priorities: true },
      descriptor: file.fd,
      now: () => new Date(0),
    });
    log.error("one");
    log.warn("two");
    log.info("three");
    log.debug("four");
    await log.flush();
    const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
    expect(lines.map((line) => line.slice(0, 3))).toEqual([
      "<3>",
      "<4>",
      "<6>",
      "<7>",
    ]);
    expect(
      lines.map((line) => (JSON.parse(line.slice(3)) as { msg: string }).msg),
    ).toEqual(["one", "two", "three", "four"]);
  });
});
