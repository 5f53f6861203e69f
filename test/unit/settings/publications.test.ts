import { describe, expect, it } from "vitest";
import { mergeSettings } from "../../../src/core/settings/merge.ts";
import {
  publishedPaths,
  type PublicationSetting,
} from "../../../src/core/settings/publications.ts";

function merged(entries: unknown) {
  return mergeSettings([
    {
      key: "publish",
      value: entries,
      origin: { kind: "file", path: "/etc/l.yaml", line: 7 },
      base: "/etc",
    },
  ]);
}

const least = { name: "web", lineage: "a.test", directory: "/srv/certs" };

function read(entry: object): PublicationSetting {
  const result = merged([{ ...least, ...entry }]);
  if (result.kind === "invalid") throw new Error(result.problems.join("\n"));
  const [setting] = result.settings.publish;
  if (setting === undefined) throw new Error("no setting");
  return setting;
}

function problemOf(...entries: readonly unknown[]): string {
  const result = merged(entries);
  return result.kind === "invalid" ? result.problems.join("\n") : "";
}

describe("an entry of publish", () => {
  it("has defaults for all but name, lineage and directory", () => {
    expect(read({})).toEqual({
      name: "web",
      lineage: "a.test",
      directory: "/srv/certs",
      subdirectory: [],
      layout: "versioned",
      files: [
        { kind: "fullchain", name: "fullchain.pem" },
        { kind: "key", name: "privkey.pem" },
      ],
      owner: null,
      group: null,
      mode: 0o644,
      keyMode: 0o600,
      keep: 3,
    });
  });

  it("is read as people write it, its files in the order in which they are replaced", () => {
    expect(
      read({
        directory: "certs",
        subdirectory: "npm/3/",
        layout: "in-place",
        files: { key: "k", combined: "c", cert: "e", chain: "h" },
        owner: 1000,
        group: "ssl-cert",
        mode: "0o640",
        "key-mode": 640,
        keep: 1,
      }),
    ).toMatchObject({
      directory: "/etc/certs",
      subdirectory: ["npm", "3"],
      layout: "in-place",
      files: [
        { kind: "chain", name: "h" },
        { kind: "cert", name: "e" },
        { kind: "combined", name: "c" },
        { kind: "key", name: "k" },
      ],
      owner: "1000",
      group: "ssl-cert",
      mode: 0o640,
      keyMode: 0o640,
      keep: 1,
    });
  });

  it.each([
    [{ name: null }, "needs name, lineage and directory"],
    [{ name: "../x" }, "has a name that is not made of letters"],
    [{ name: ".x" }, "has a name that is not made of letters"],
    [{ layout: "links" }, "none of versioned, files, in-place"],
    [{ subdirectory: "a/../../b" }, "leaves its directory"],
    [{ subdirectory: "/a" }, "leaves its directory"],
    [{ files: {} }, "has no files"],
    [{ files: { privkey: "x" } }, "a file privkey that is none of chain"],
    [{ files: { key: "a/b" } }, "a file name with a slash"],
    [{ files: { key: ".." } }, "a file name with a slash"],
    [{ files: { key: ".livecert-web" } }, "that livecert needs itself"],
    [{ files: { key: "x", cert: "x" } }, "two files of one name"],
    [{ mode: "u=rw" }, "permission bits"],
    [{ mode: "07777" }, "permission bits"],
    [{ "key-mode": "0644" }, "lets everybody read the key"],
    [{ keep: 0 }, "a keep that is not a whole number"],
    [{ keep: "many" }, "a keep that is not a whole number"],
    [{ ower: "x" }, "unknown field ower, did you mean owner?"],
  ])("is refused with %j", (entry, problem) => {
    const told = problemOf({ ...least, ...entry });
    expect(told).toContain("/etc/l.yaml:7: publish must be a list of entries");
    expect(told).toContain(problem);
  });

  it.each([
    [{ directory: "/other" }, "two have the name web"],
    [{ name: "other" }, "two publish /srv/certs/fullchain.pem"],
  ])(
    "is refused beside another one that it clashes with: %j",
    (other, problem) => {
      expect(problemOf(least, { ...least, ...other })).toContain(problem);
    },
  );
});

describe("publishedPaths", () => {
  it.each([
    ["/srv/certs", [], "/srv/certs/x"],
    ["/srv/certs", ["a", "b"], "/srv/certs/a/b/x"],
    ["/", [], "/x"],
  ])("of %s and %j", (directory, subdirectory, path) => {
    const files = [{ kind: "key", name: "x" }] as const;
    const setting = { ...read({}), directory, subdirectory, files };
    expect(publishedPaths(setting)).toEqual([{ kind: "key", path }]);
  });
});
