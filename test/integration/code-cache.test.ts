import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { openCodeCache } from "../../src/adapters/code/cache.ts";
import { textsOf, type Texts } from "../../src/adapters/code/texts.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const answer: Texts = () => ({
  digest: "one",
  text: "(function(){return 42})",
});

/** What a run makes of the file: evaluates, calls, keeps. Answers what the call returned. */
async function runWith(texts: Texts, file: string | null): Promise<unknown> {
  const code = openCodeCache(texts, file);
  const value = (code.evaluate("part") as () => unknown)();
  await code.save();
  return value;
}

function garble(content: Buffer): Buffer {
  const garbled = Buffer.from(content);
  const place = garbled.length >> 1;
  garbled[place] = (garbled[place] ?? 0) ^ 1;
  return garbled;
}

async function inodeOf(file: string): Promise<number> {
  return (await stat(file)).ino;
}

describe("compiled code", () => {
  it("is kept for the next run, which writes nothing", async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, "hook.code");
    expect(await runWith(answer, file)).toBe(42);
    const first = await inodeOf(file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await runWith(answer, file)).toBe(42);
    expect(await inodeOf(file)).toBe(first);
  });

  it("is never taken for another text's, though that is as long", async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, "hook.code");
    await runWith(answer, file);
    const other: Texts = () => ({
      digest: "two",
      text: "(function(){return 43})",
    });
    expect(await runWith(other, file)).toBe(43);
    expect(await runWith(other, file)).toBe(43);
  });

  it.each([
    ["is cut off", (content: Buffer) => content.subarray(0, -10)],
    ["has another byte somewhere", garble],
    ["ends in its first line", (content: Buffer) => content.subarray(0, 5)],
    ["is empty", () => Buffer.alloc(0)],
    ["is of another program", () => Buffer.from('{"one":1}\nnothing')],
  ])("is made anew where the file %s", async (_, damage) => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, "hook.code");
    await runWith(answer, file);
    await writeFile(file, damage(await readFile(file)));
    const damaged = await inodeOf(file);
    expect(await runWith(answer, file)).toBe(42);
    expect(await inodeOf(file)).not.toBe(damaged);
  });

  it("is not believed where others could have written it", async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, "hook.code");
    await runWith(answer, file);
    await chmod(file, 0o666);
    const open = await inodeOf(file);
    expect(await runWith(answer, file)).toBe(42);
    expect(await inodeOf(file)).not.toBe(open);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it("is not kept where others may write, and leaves nothing there", async () => {
    await using directory = await temporaryDirectory();
    await chmod(directory.path, 0o777);
    expect(await runWith(answer, join(directory.path, "hook.code"))).toBe(42);
    expect(await readdir(directory.path)).toEqual([]);
  });

  it("is not kept where there is no directory, or no place was chosen", async () => {
    expect(await runWith(answer, "/nonexistent/hook.code")).toBe(42);
    expect(await runWith(answer, null)).toBe(42);
  });
});

describe("texts in a comment", () => {
  const packed = deflateRawSync("two /* ends */").toString("base64");
  const texts = textsOf(
    `/*one+1${packed}*/`,
    new Map([
      ["sum", ["a", 2, 5, "plain"]],
      ["ends", ["b", 7, packed.length, "packed"]],
    ]),
  );

  it("are found by name", () => {
    expect(texts("sum")).toEqual({ digest: "a", text: "one+1" });
    expect(texts("other")).toBeNull();
  });

  it("are unpacked where they are packed", () => {
    expect(texts("ends")).toEqual({ digest: "b", text: "two /* ends */" });
  });
});
