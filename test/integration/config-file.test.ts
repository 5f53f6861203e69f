import { chmod, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  parseConfiguration,
  readConfigurationFile,
} from "../../src/adapters/config/file.ts";
import { temporaryDirectory } from "../support/temporary.ts";

describe("parseConfiguration", () => {
  const flat = (text: string) =>
    parseConfiguration("/etc/l.yaml", text).given.map(
      ({ key, value, origin }) => [
        key,
        value,
        origin.kind === "file" ? origin.line : null,
      ],
    );

  it("joins nested keys and keeps the line of each", () => {
    const text = [
      "# livecert",
      "certbot-dir: /c",
      "nginx:",
      "  bin: /n",
      "  unit: x.service",
      "roots:",
      "  - /a",
      "  - /b",
      "json: true",
      "limits: { connect: 5s, probes-at-once: 4 }",
    ].join("\n");
    expect(flat(text)).toEqual([
      ["certbot-dir", "/c", 2],
      ["nginx.bin", "/n", 4],
      ["nginx.unit", "x.service", 5],
      ["roots", ["/a", "/b"], 6],
      ["json", true, 9],
      ["limits.connect", "5s", 10],
      ["limits.probes-at-once", 4, 10],
    ]);
  });

  it.each(["", "# nothing\n", "nginx:\nroots:\n", "---\n"])(
    "finds nothing in %j",
    (text) => {
      expect(parseConfiguration("/l.yaml", text)).toMatchObject({
        given: [],
        problems: [],
      });
    },
  );

  it.each([
    ["json: true\njson: false\n", "/l.yaml:2: Map keys must be unique"],
    [
      "a: 1\n---\nb: 2\n",
      "/l.yaml:2: a second document begins after ---; all options belong in one",
    ],
    ["- json\n", "/l.yaml:1: options must stand as key: value"],
    ["json", "/l.yaml:1: options must stand as key: value"],
  ])("says of %j: %s", (text, problem) => {
    expect(parseConfiguration("/l.yaml", text)).toMatchObject({
      given: [],
      problems: [problem],
    });
  });

  it("gives the line of every fault in what is no YAML", () => {
    const { problems } = parseConfiguration("/l.yaml", "a: [1\nb: {\n");
    expect(problems.length).toBeGreaterThan(0);
    expect(problems[0]).toMatch(/^\/l\.yaml:\d+: /);
  });

  it.each([
    "a: &x { b: *x }",
    "a: &x [*x]",
    "a: *missing",
    "? [1, 2]\n: 3",
    "? {a: 1}\n: 3",
    "a: !!binary AAAA",
    "a: {b: {c: {d: {e: 1}}}}",
    "\u0000",
    "%YAML 9.9\n---\na: 1",
    "a: 1\n---\nb: 2",
  ])("survives %j", (text) => {
    expect(() => parseConfiguration("/l.yaml", text)).not.toThrow();
  });
});

describe("readConfigurationFile", () => {
  it("reads a file that nobody else can change", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "livecert.yaml");
    await writeFile(path, "json: true\n", { mode: 0o644 });
    const { given } = await readConfigurationFile(path);
    expect(given).toMatchObject([{ key: "json", value: true }]);
  });

  it.each([
    ["a file that everybody may write", 0o666, 0o755],
    ["a file that its group may write", 0o664, 0o755],
    ["a file in a directory that everybody may write", 0o644, 0o777],
  ])("refuses %s", async (_, fileMode, directoryMode) => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "livecert.yaml");
    await writeFile(path, "json: true\n");
    await chmod(path, fileMode);
    await chmod(directory.path, directoryMode);
    await expect(readConfigurationFile(path)).rejects.toMatchObject({
      code: "configuration-unsafe",
      exitCode: 2,
    });
  });

  it("refuses a link to a file that everybody may write", async () => {
    await using directory = await temporaryDirectory();
    const target = join(directory.path, "target.yaml");
    const path = join(directory.path, "livecert.yaml");
    await writeFile(target, "json: true\n");
    await chmod(target, 0o666);
    await symlink(target, path);
    await expect(readConfigurationFile(path)).rejects.toMatchObject({
      code: "configuration-unsafe",
    });
  });

  it.each([
    ["a file that does not exist", () => Promise.resolve()],
    [
      "a link that leads in a circle",
      async (path: string) => symlink(path, path),
    ],
    [
      "a file larger than a configuration can be",
      async (path: string) => {
        await writeFile(path, "");
        await truncate(path, 2 * 1024 * 1024);
      },
    ],
  ] as const)("cannot read %s", async (_, prepare) => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "livecert.yaml");
    await prepare(path);
    await expect(readConfigurationFile(path)).rejects.toMatchObject({
      code: "configuration-unreadable",
      exitCode: 2,
    });
  });

  it("cannot read a directory or a device", async () => {
    for (const path of ["/tmp", "/dev/zero"])
      await expect(readConfigurationFile(path)).rejects.toMatchObject({
        code: "configuration-unreadable",
      });
  });
});
