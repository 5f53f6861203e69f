import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  createLog,
  type LogFormat,
  type LogOptions,
  type OpenLog,
} from "../../src/adapters/log/log.ts";
import { PrivateKey } from "../../src/adapters/tls/private-key.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const now = () => new Date("2026-11-23T12:00:05.250Z");

const canary = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg";
const pem = `-----BEGIN PRIVATE KEY-----\n${canary}\n-----END PRIVATE KEY-----\n`;

/** What a log writes to its descriptor. */
async function written(
  format: LogFormat,
  say: (log: OpenLog) => void,
  level: LogOptions["level"] = "trace",
): Promise<string> {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "log");
  const descriptor = openSync(path, "w");
  const log = createLog({ level, format, descriptor, now });
  say(log);
  await log.flush();
  closeSync(descriptor);
  return readFileSync(path, "utf8");
}

const json: LogFormat = { kind: "json", priorities: false };
const people: LogFormat = { kind: "people", colours: false };

describe("createLog", () => {
  it("writes one JSON document per line, with the time at which it was said", async () => {
    const text = await written(json, (log) => {
      log.info("reloaded", { generation: 3 });
      log.child({ run: "r1" }).warn("still draining", { workers: 2 });
    });
    const lines = text.trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: 30, time: now().getTime(), msg: "reloaded", generation: 3 },
      { level: 40, run: "r1", msg: "still draining", workers: 2 },
    ]);
  });

  it("writes words for people", async () => {
    const text = await written(people, (log) => {
      log.warn("still draining", { workers: 2, lineage: "a b", path: "/x" });
    });
    expect(text).toBe(
      "12:00:05 warn  still draining workers=2 lineage='a b' path=/x\n",
    );
  });

  it("writes nothing below its level", async () => {
    const say = (log: OpenLog) => {
      log.debug("quiet");
      log.info("loud");
    };
    expect(await written(people, say, "info")).toBe("12:00:05 info  loud\n");
    expect(await written(people, say, "silent")).toBe("");
  });

  it.each([json, people])(
    "keeps the stack of an error, causes included ($kind)",
    async (format) => {
      const cause = new Error("the cause");
      const error = new Error("it went wrong", { cause });
      const text = await written(format, (log) => {
        log.error("unexpected error", { error });
      });
      expect(text).toContain("it went wrong");
      expect(text).toContain("the cause");
      expect(text).toContain("log.test.ts");
    },
  );

  it.each([json, people])(
    "lets no private key through, in whatever field it comes ($kind)",
    async (format) => {
      const text = await written(format, (log) => {
        log.error(`key "data:${pem}" failed`, {
          text: pem,
          nested: { list: [pem.split("\n")] },
          error: new Error(pem, { cause: new Error(pem.slice(0, 60)) }),
          key: new PrivateKey(Buffer.from(pem)),
        });
      });
      expect(text).toContain("[private key");
      expect(text).not.toContain(canary.slice(0, 20));
    },
  );

  it.each([json, people])(
    "is ASCII and moves no cursor, whatever it is told ($kind)",
    async (format) => {
      const text = await written(format, (log) => {
        log.info("m\u00fcnchen \u001b[2J", { subject: "CN=\u001b[2J\u4f8b" });
      });
      expect(text).toMatch(/^[\n\u0020-\u007e]*$/);
      expect(text).toContain(String.raw`m\u00fcnchen`);
    },
  );

  it("survives fields that are no JSON", async () => {
    const circular: Record<string, unknown> = { big: 10n };
    circular["self"] = circular;
    for (const format of [json, people])
      expect(
        await written(format, (log) => {
          log.info("odd", { circular, nothing: undefined });
        }),
      ).toContain("odd");
  });
});
