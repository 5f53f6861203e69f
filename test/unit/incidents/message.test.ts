import { describe, expect, it } from "vitest";
import type {
  AnnouncedEvent,
  Incident,
} from "../../../src/core/incidents/incident.ts";
import {
  briefTextOf,
  messageOf,
  testMessage,
  textOf,
} from "../../../src/core/incidents/message.ts";
import { at, condition, Looks } from "./incidents.ts";

const about = { id: "1", host: "web1", at: at(0), details: [] };

function incidents(
  names: readonly string[],
  facts: Partial<Incident> = {},
): readonly Incident[] {
  const looks = new Looks();
  looks.look(
    0,
    names.map((name) => condition(name, { kind: "stale", now: at(0) })),
  );
  return looks.incidents.map((one) => ({ ...one, ...facts }));
}

function message(
  names: readonly string[],
  event: AnnouncedEvent = "opened",
  facts: Partial<Incident> = {},
) {
  const announced = incidents(names, facts);
  return messageOf({ event, target: "host", incidents: announced }, about);
}

describe("the title of a message", () => {
  it.each([
    [
      ["a.test"],
      "opened",
      "a.test: renewed but not live: another certificate is still served",
    ],
    [
      ["a.test"],
      "reminder",
      "a.test: still renewed but not live: another certificate is still served",
    ],
    [["a.test"], "recovered", "a.test: over: no longer failing"],
    [
      ["b.test", "a.test"],
      "recovered",
      "a.test, b.test: over: no longer failing",
    ],
    [
      ["e", "d", "c", "b", "a"],
      "recovered",
      "a, b, c and 2 more: over: no longer failing",
    ],
  ] as const)("for %j, %s is %j", (names, event, title) => {
    expect(message(names, event).title).toBe(title);
  });
});

describe("a name that would forge lines or turn them round", () => {
  const forged = message(["a\r\nBcc: x@evil.test\n\n\u202etset.live"]);

  it("stays on the line of the title", () => {
    expect(forged.title).toMatch(/^[\u0020-\u007e]*$/);
    expect(forged.title).toContain("Bcc: x@evil.test \\u202e");
  });

  it("stays on its line of the text", () => {
    const lines = textOf(forged).split("\n");
    expect(lines.filter((line) => line.includes("evil.test"))).toEqual([
      forged.title,
      expect.stringMatching(/^- a/) as string,
    ]);
    expect(lines.join("")).not.toContain("\u202e");
  });

  it("is what it is for programs", () => {
    expect(forged.certificates[0]?.name).toContain("\r\nBcc");
  });
});

describe("the text of a message", () => {
  it("says once what holds for all", () => {
    expect(textOf(message(["b.test", "a.test"]))).toBe(
      `a.test, b.test: renewed but not live: another certificate is still served

a reason
hint: a remedy

- a.test (a.test)
- b.test (b.test)

livecert on web1, target host, 2026-01-01T00:00:00.000Z
`,
    );
  });

  it("says of each what differs", () => {
    const [one, other] = incidents(["a.test", "b.test"]) as [
      Incident,
      Incident,
    ];
    const text = textOf(
      messageOf(
        {
          event: "opened",
          target: "host",
          incidents: [{ ...one, reason: "its own", remedy: null }, other],
        },
        { ...about, details: ["a line of Certbot's"] },
      ),
    );
    expect(text).toContain("- a.test (a.test)\n  its own\n- b.test");
    expect(text).toContain("  a reason\n  hint: a remedy\n");
    expect(text).toContain("\na line of Certbot's\n");
  });

  it("lists two hundred of a thousand and counts the rest", () => {
    const names = Array.from({ length: 1_000 }, (_, n) => `${n}.test`);
    const told = message(names);
    expect(told.count).toBe(1_000);
    expect(told.certificates).toHaveLength(200);
    expect(textOf(told)).toContain("\nand 800 more\n");
  });

  it("is cut where a chat takes no more", () => {
    const text = briefTextOf(message(["a.test"]), 20);
    expect(text).toHaveLength(20);
    expect(text.endsWith("…")).toBe(true);
  });

  it("of a test says that nothing is wrong", () => {
    expect(textOf(testMessage(about))).toMatch(
      /^a test of livecert's notifications; nothing is wrong\n\nlivecert on web1, /,
    );
  });
});
