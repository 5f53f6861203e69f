import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { mergeSettings } from "../../../src/core/settings/merge.ts";
import { options } from "../../../src/core/settings/options.ts";
import { Concealed } from "../../../src/core/settings/secret.ts";
import { formatValue } from "../../../src/core/settings/value.ts";

function read(...notify: readonly unknown[]) {
  return mergeSettings([
    {
      key: "notify",
      value: notify,
      origin: { kind: "file", path: "/etc/l.yaml", line: 3 },
      base: "/etc",
    },
  ]);
}

function channelsOf(...notify: readonly unknown[]) {
  const result = read(...notify);
  if (result.kind !== "ok") throw new Error(result.problems.join("; "));
  return result.settings.notify;
}

const mail = { kind: "email", from: "l@x.test", to: "root@x.test" };

describe("a channel", () => {
  it.each([
    [
      { ...mail, host: "smtp.x.test" },
      { port: 587, encryption: "starttls" },
    ],
    [
      { ...mail, host: "smtp.x.test", port: 465 },
      { port: 465, encryption: "tls" },
    ],
    [
      { ...mail, host: "localhost" },
      { port: 25, encryption: "none" },
    ],
    [
      { ...mail, host: "127.0.0.1", port: 465, encryption: "starttls" },
      { port: 465, encryption: "starttls" },
    ],
    [
      { ...mail, host: "x.test" },
      { login: null, to: ["root@x.test"] },
    ],
    [
      { ...mail, host: "x.test", user: "u", password: { file: "p" } },
      { login: { user: "u", password: { kind: "file", path: "/etc/p" } } },
    ],
    [
      { ...mail, kind: "sendmail" },
      { program: "/usr/sbin/sendmail", name: "sendmail" },
    ],
    [
      { kind: "webhook", url: { credential: "hook" } },
      { url: { kind: "credential", name: "hook" }, secret: null },
    ],
    [
      { kind: "ntfy", name: "phone", url: "https://ntfy.sh/x" },
      { name: "phone", token: null },
    ],
    [
      { kind: "command", command: ["/bin/tell", "me"] },
      { command: ["/bin/tell", "me"] },
    ],
  ])("of %j has %j", (given, expected) => {
    expect(channelsOf(given)).toMatchObject([expected]);
  });

  it.each([
    [{}, "needs a kind"],
    [{ kind: "fax" }, "needs a kind"],
    [{ kind: "email", from: "a", to: "b" }, "needs from, to and host"],
    [{ ...mail, host: "x.test", user: "u" }, "needs user and password"],
    [{ ...mail, host: "x.test", port: 70_000 }, "has a port"],
    [{ ...mail, host: "x.test", encryption: "ssl" }, "has an encryption"],
    [
      {
        ...{ ...mail, host: "x.test", encryption: "none" },
        ...{ user: "u", password: "p" },
      },
      "would send its password to another machine unencrypted",
    ],
    [{ kind: "sendmail", to: "b" }, "needs from and to"],
    [{ kind: "webhook" }, "needs a url"],
    [{ kind: "webhook", url: "ftp://x.test" }, "needs a url"],
    [{ kind: "webhook", url: { file: "a", credential: "b" } }, "has a url"],
    [{ kind: "webhook", url: { credential: "../b" } }, "has a url"],
    [{ kind: "webhook", url: "http://x", token: "t" }, "unknown field token"],
    [{ kind: "slack", url: "https://x", token: "t" }, "has a token"],
    [{ kind: "command" }, "needs a command"],
    [{ kind: "command", command: "/bin/tell me" }, "has a command"],
    [{ kind: "command", command: ["tell"] }, "has a command"],
  ])("of %j is refused: %s", (given, problem) => {
    const result = read(given);
    expect(result.kind === "invalid" && result.problems[0]).toMatch(
      /^\/etc\/l\.yaml:3: notify must be a list of entries; number 1 /,
    );
    expect(result.kind === "invalid" && result.problems[0]).toContain(problem);
  });

  it("needs a name that no other has", () => {
    const url = "https://x.test";
    const twice = read({ kind: "slack", url }, { kind: "slack", url });
    expect(twice.kind === "invalid" && twice.problems[0]).toContain(
      "two of them are called slack",
    );
    expect(
      channelsOf({ kind: "slack", url }, { kind: "slack", url, name: "b" }).map(
        ({ name }) => name,
      ),
    ).toEqual(["slack", "b"]);
  });
});

describe("a secret", () => {
  it("is printed by nothing that prints values", () => {
    const secret = new Concealed("s3cret");
    const channels = channelsOf(
      { ...mail, host: "x.test", user: "u", password: "s3cret" },
      { kind: "webhook", url: "https://x.test/s3cret", secret: "s3cret" },
      { kind: "ntfy", url: "https://x.test/s3cret", token: "s3cret" },
    );
    const printed = [
      String(secret),
      JSON.stringify({ secret }),
      inspect({ secret }, { depth: 9, showHidden: true }),
      JSON.stringify(channels),
      inspect(channels, { depth: 9 }),
      formatValue(options.notify, channels) ?? "",
    ].join("\n");
    expect(printed).not.toContain("s3cret");
    expect(secret.reveal()).toBe("s3cret");
  });
});

describe("alerts.floors", () => {
  const floors = (value: unknown) =>
    mergeSettings([
      { key: "alerts.floors", value, origin: { kind: "default" }, base: "/" },
    ]);

  it.each([
    [
      ["35d", "36h"],
      [35 * 86_400_000, 36 * 3_600_000],
    ],
    ["35d,36h", [35 * 86_400_000, 36 * 3_600_000]],
    [
      ["35d,36h", "1d"],
      [35 * 86_400_000, 36 * 3_600_000, 86_400_000],
    ],
    ["90d", [90 * 86_400_000]],
    [[], []],
  ])("reads %j", (given, expected) => {
    const result = floors(given);
    expect(result.kind === "ok" && result.settings.alerts.floorsMs).toEqual(
      expected,
    );
  });

  it.each([["35"], [[35]], [["35d", ""]], [{ a: 1 }]])(
    "refuses %j",
    (given) => {
      expect(floors(given).kind).toBe("invalid");
    },
  );
});
