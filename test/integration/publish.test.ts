/** The adapter against real directories, links and mounts. Needs root. */
import { constants } from "node:fs";
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  publishSet,
  seenAt,
  type PublishResult,
} from "../../src/adapters/publish/publish.ts";
import { versionId } from "../../src/core/publish/record.ts";
import {
  layouts,
  type PublicationSetting,
} from "../../src/core/settings/publications.ts";
import { livecertProgram } from "../support/livecert.ts";
import { mustRun, start } from "../support/run.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { waitFor } from "../support/wait.ts";

const stranger = 1234;

function settingFor(
  directory: string,
  more: Partial<PublicationSetting> = {},
): PublicationSetting {
  return {
    name: "web",
    lineage: "any",
    directory,
    subdirectory: [],
    layout: "files",
    files: [{ kind: "key", name: "ssl.key" }],
    owner: null,
    group: null,
    mode: 0o644,
    keyMode: 0o600,
    keep: 2,
    ...more,
  };
}

/** @param now the version's name too, so that each time is another version */
function publish(
  setting: PublicationSetting,
  text: string,
  now = new Date("2026-11-24T00:00:00Z"),
): Promise<PublishResult> {
  return publishSet({
    setting,
    version: versionId(now, "00:00:00:00"),
    now,
    contents: new Map(
      setting.files.map(({ name }) => [name, Buffer.from(text)]),
    ),
    adopt: null,
    kept: [],
    program: livecertProgram,
    timeoutMs: 60_000,
    signal: new AbortController().signal,
  });
}

async function refusal(setting: PublicationSetting): Promise<string> {
  const result = await publish(setting, "new");
  return result.kind === "failed" ? result.reason : "";
}

describe("publishSet", () => {
  it("replaces a link and not what it leads to", async () => {
    await using temporary = await temporaryDirectory();
    const volume = join(temporary.path, "volume");
    await mkdir(volume);
    await writeFile(join(temporary.path, "outside"), "untouched");
    await symlink("../outside", join(volume, "ssl.key"));

    expect(await publish(settingFor(volume), "new")).toMatchObject({
      kind: "done",
    });

    expect((await lstat(join(volume, "ssl.key"))).isFile()).toBe(true);
    const outside = await readFile(join(temporary.path, "outside"), "utf8");
    expect(outside).toBe("untouched");
  });

  it.each(["link", "hard link"] as const)(
    "writes into no %s in place",
    async (kind) => {
      await using temporary = await temporaryDirectory();
      const volume = join(temporary.path, "volume");
      const outside = join(temporary.path, "outside");
      await mkdir(volume);
      await writeFile(outside, "untouched");
      const make = kind === "link" ? symlink : link;
      await make(outside, join(volume, "ssl.key"));

      const setting = settingFor(volume, { layout: "in-place" });
      expect(await refusal(setting)).toMatch(/link/);

      expect(await readFile(outside, "utf8")).toBe("untouched");
    },
  );

  it.each(layouts)(
    "leaves the old set as it was in the layout %s where one of its files cannot be replaced",
    async (layout) => {
      await using temporary = await temporaryDirectory();
      const files = [
        { kind: "fullchain", name: "ssl.crt" },
        { kind: "key", name: "ssl.key" },
      ] as const;
      const setting = settingFor(temporary.path, { layout, files });
      for (const { name } of files)
        await writeFile(join(temporary.path, name), "old");
      const key = join(temporary.path, "ssl.key");
      await mustRun("chattr", ["+i", key]);
      try {
        const result = await publish(setting, "new");
        expect(result).toMatchObject({
          kind: "failed",
          reason: expect.stringContaining("not permitted") as string,
          remedy: expect.stringContaining("lsattr") as string,
        });
      } finally {
        await mustRun("chattr", ["-i", key]);
      }
      for (const { name } of files)
        expect(await readFile(join(temporary.path, name), "utf8")).toBe("old");
      const later = new Date("2026-11-24T00:01:00Z");
      expect(await publish(setting, "newer", later)).toMatchObject({
        kind: "done",
      });
      for (const { name } of files)
        expect(await readFile(join(temporary.path, name), "utf8")).toBe(
          "newer",
        );
      const left = await readdir(temporary.path);
      expect(left.filter((name) => name.includes(".tmp-"))).toEqual([]);
    },
  );

  it("says that a directory has the name of a file", async () => {
    await using temporary = await temporaryDirectory();
    await mkdir(join(temporary.path, "ssl.key"));
    expect(await refusal(settingFor(temporary.path))).toContain(
      "a directory is in the way",
    );
  });

  it("keeps the inode of a file in place", async () => {
    await using temporary = await temporaryDirectory();
    const file = join(temporary.path, "ssl.key");
    await writeFile(file, "a longer text than the new one");
    const { ino } = await lstat(file);
    await publish(settingFor(temporary.path, { layout: "in-place" }), "new");
    expect(await readFile(file, "utf8")).toBe("new");
    expect(await lstat(file)).toMatchObject({ ino, mode: 0o100600 });
  });

  it("follows links inside of its directory, and none that leads out of it", async () => {
    await using temporary = await temporaryDirectory();
    const volume = join(temporary.path, "volume");
    await mkdir(join(volume, "a/b"), { recursive: true });
    await mkdir(join(volume, "c"));
    await symlink("../../c", join(volume, "a/b/inside"));
    await symlink("../../..", join(volume, "a/b/outside"));
    await symlink("/etc", join(volume, "a/b/absolute"));
    const below = (name: string) =>
      settingFor(volume, { subdirectory: ["a", "b", name] });

    expect(await publish(below("inside"), "new")).toMatchObject({
      kind: "done",
    });
    expect(await readFile(join(volume, "c/ssl.key"), "utf8")).toBe("new");
    expect(await refusal(below("outside"))).toContain("leads out of");
    expect(await refusal(below("absolute"))).toContain("leads out of");
  });

  it.each([
    [
      "others may write to a directory of root's",
      0,
      0o777,
      {},
      /others may write to/,
    ],
    [
      "the files should belong to another than the directory",
      stranger,
      0o755,
      { owner: "0" },
      /cannot be given to 0/,
    ],
    [
      "the group should be another than the directory's",
      stranger,
      0o755,
      { group: "0" },
      /cannot be given to the group 0/,
    ],
    [
      "nobody has the owner's name",
      0,
      0o755,
      { owner: "no-such-user" },
      /there is no user no-such-user/,
    ],
    [
      "the subdirectory does not exist",
      0,
      0o755,
      { subdirectory: ["gone"] },
      /does not exist/,
    ],
  ] as const)("refuses where %s", async (_, owner, mode, more, reason) => {
    await using temporary = await temporaryDirectory();
    const volume = join(temporary.path, "volume");
    await mkdir(volume);
    await chown(volume, owner, owner);
    await chmod(volume, mode);
    expect(await refusal(settingFor(volume, more))).toMatch(reason);
  });

  it("refuses where somebody else could put another directory in its place", async () => {
    await using temporary = await temporaryDirectory();
    const above = join(temporary.path, "above");
    await mkdir(join(above, "volume"), { recursive: true });
    await chown(above, stranger, stranger);
    expect(await refusal(settingFor(join(above, "volume")))).toContain(
      `${above} belongs to uid ${String(stranger)}`,
    );
  });

  it("does not take a stranger's directory for its own", async () => {
    await using temporary = await temporaryDirectory();
    const store = join(temporary.path, ".livecert-web");
    await mkdir(store);
    await chown(store, stranger, stranger);
    expect(await refusal(settingFor(temporary.path))).toContain(
      "is not livecert's own",
    );
  });

  it("refuses to replace a file that a container has mounted singly, and writes it in place", async () => {
    await using temporary = await temporaryDirectory();
    const file = join(temporary.path, "ssl.key");
    const inside = join(temporary.path, "inside");
    await writeFile(file, "old", { mode: 0o600 });
    await writeFile(inside, "");
    const container = await start("unshare", [
      ...["--mount", "sh", "-c"],
      `mount --bind ${file} ${inside} && echo mounted && exec sleep 60`,
    ]);
    try {
      await waitFor("the mount", () => container.stdout() !== "");
      const reason = await refusal(settingFor(temporary.path));
      expect(reason).toContain(`mounted singly at ${inside}`);
      expect(await readFile(file, "utf8")).toBe("old");

      await publish(settingFor(temporary.path, { layout: "in-place" }), "new");
      const seen = await readFile(
        `/proc/${String(container.pid)}/root${inside}`,
        "utf8",
      );
      expect(seen).toBe("new");
    } finally {
      container.signal("SIGKILL");
      await container.ended;
    }
  });

  it("keeps the versions that are asked for, and one that was present in the last ten minutes beyond them", async () => {
    await using temporary = await temporaryDirectory();
    const begin = new Date("2026-11-24T00:00:00Z").getTime();
    const versions: string[] = [];
    const publishAfter = async (
      minutes: number,
      keep: number,
    ): Promise<readonly string[]> => {
      const now = new Date(begin + minutes * 60_000);
      const setting = settingFor(temporary.path, { layout: "versioned", keep });
      versions.push(versionId(now, "00:00:00:00"));
      expect(await publish(setting, "new", now)).toMatchObject({
        kind: "done",
      });
      const left = await readdir(join(temporary.path, ".livecert-web"));
      return left.filter((name) => name !== "current").sort();
    };
    await publishAfter(0, 1);
    const place = join(temporary.path, ".livecert-web/current");
    await using opened = await open(place, constants.O_DIRECTORY);
    expect(await publishAfter(1, 1)).toEqual(versions);
    expect(await publishAfter(10.9, 1)).toEqual(versions);
    const key = `/proc/self/fd/${String(opened.fd)}/ssl.key`;
    expect(await readFile(key, "utf8")).toBe("new");
    expect(await publishAfter(11.1, 1)).toEqual(versions.slice(1));

    expect(await publishAfter(100, 3)).toEqual(versions.slice(2));
    expect(await publishAfter(200, 3)).toEqual(versions.slice(3));
  });

  it("never removes the present version to write it anew", async () => {
    await using temporary = await temporaryDirectory();
    const setting = settingFor(temporary.path, { layout: "versioned" });
    await publish(setting, "old");
    expect(await refusal(setting)).toContain("is published already");
    const file = join(temporary.path, "ssl.key");
    expect(await readFile(file, "utf8")).toBe("old");
  });

  it("tells when somebody has changed what is published", async () => {
    await using temporary = await temporaryDirectory();
    const setting = settingFor(temporary.path, { layout: "versioned" });
    await publish(setting, "new");
    const seen = seenAt(setting);
    expect(seen).not.toBe(null);
    expect(seenAt(setting)).toBe(seen);
    expect(await readlink(join(temporary.path, "ssl.key"))).toBe(
      ".livecert-web/current/ssl.key",
    );

    await writeFile(join(temporary.path, "ssl.key"), "by hand");
    expect(seenAt(setting)).not.toBe(seen);
  });
});
