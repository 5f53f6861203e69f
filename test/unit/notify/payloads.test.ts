import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { messageOf } from "../../../src/core/incidents/message.ts";
import { chatPayload } from "../../../src/core/notify/payloads.ts";
import { at, condition, Looks } from "../incidents/incidents.ts";

function message(name: string, number = 1) {
  const looks = new Looks();
  looks.look(
    0,
    Array.from({ length: number }, (_, n) =>
      condition(`${name}${n === 0 ? "" : String(n)}`, {
        kind: "stale",
        now: at(0),
      }),
    ),
  );
  return messageOf(
    { event: "opened", target: "host", incidents: looks.incidents },
    { id: "1", host: "web1", at: at(0), details: [] },
  );
}

const kinds = ["slack", "mattermost", "discord", "ntfy"] as const;
const hostile = "<!channel> @everyone `x` [a](http://evil) \u202e書";

describe("what a chat is sent", () => {
  it("is text for Slack, without its mentions and links", () => {
    const { text } = JSON.parse(
      chatPayload("slack", message(hostile)).body,
    ) as {
      readonly text: string;
    };
    expect(text).toContain("&lt;!channel&gt;");
    expect(text).not.toMatch(/[<>]/);
  });

  it.each(["mattermost", "discord"] as const)(
    "is a block of code for %s, which nothing in it ends",
    (kind) => {
      const body = JSON.parse(
        chatPayload(kind, message(hostile)).body,
      ) as Readonly<Record<string, string>>;
      const text = body["text"] ?? body["content"] ?? "";
      expect(text.match(/`/g)).toHaveLength(6);
      expect(text.startsWith("🔴\n```\n")).toBe(true);
      expect(text.endsWith("\n```")).toBe(true);
    },
  );

  it("lets Discord mention nobody", () => {
    const body: unknown = JSON.parse(
      chatPayload("discord", message("a.test")).body,
    );
    expect(body).toMatchObject({ allowed_mentions: { parse: [] } });
  });

  it("has a title, a priority and a tag in ASCII for ntfy", () => {
    const { body, headers } = chatPayload("ntfy", message("b\u00fccher.test"));
    expect(headers).toMatchObject({ priority: "5", tags: "rotating_light" });
    expect(headers["title"]).toMatch(/^b\?cher\.test: renewed but not live/);
    expect(body).toContain("b\u00fccher.test");
  });

  it.each(kinds)("fits into what %s takes, whatever it says", (kind) => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", maxLength: 300 }),
        fc.integer({ min: 1, max: 60 }),
        (name, number) => {
          const { body, headers } = chatPayload(kind, message(name, number));
          const limits = { slack: 40_000, mattermost: 16_000, ntfy: 4_096 };
          if (kind === "discord") {
            const { content } = JSON.parse(body) as { content: string };
            expect(content.length).toBeLessThanOrEqual(2_000);
          } else
            expect(Buffer.byteLength(body)).toBeLessThanOrEqual(limits[kind]);
          expect(() => new Headers(headers)).not.toThrow();
        },
      ),
      { numRuns: 30 },
    );
  });
});
