import { describe, expect, it } from "vitest";
import { createLog } from "../../src/adapters/log/log.ts";
import { openEndpoint, type Present } from "../../src/service/endpoint.ts";
import { presentOf } from "../slow/page/present.ts";

const now = new Date();
const one = { name: "a.test", lifetimeDays: 90, ageDays: 1 } as const;
const live = presentOf([{ ...one, outcome: "live" }], now);

async function healthOf(present: Present) {
  await using serving = await openEndpoint({
    endpoint: { kind: "tcp", address: "127.0.0.1", port: 0 },
    log: createLog({
      level: "silent",
      format: { kind: "json", priorities: false },
      descriptor: 2,
      now: () => now,
    }),
    now: () => now,
    present: () => present,
    measure: () => Promise.resolve([]),
  });
  if (serving?.endpoint.kind !== "tcp") throw new Error("not served");
  const { port } = serving.endpoint;
  const answer = await fetch(`http://127.0.0.1:${String(port)}/healthz`);
  return [answer.status, await answer.text()] as const;
}

describe("/healthz of a watcher whose runs do not come to their end", () => {
  it("is 503 after several, since what is known grows old", async () => {
    const [status, text] = await healthOf({ ...live, broken: 4 });
    expect(status).toBe(503);
    expect(text).toMatch(
      /^the last 4 runs did not come to their end, so this is what was known at \d{4}-.*; the certificate is live\n$/,
    );
  });

  it("is 200 after a single one, which is tried again soon", async () => {
    expect(await healthOf({ ...live, broken: 1 })).toEqual([
      200,
      "the certificate is live\n",
    ]);
  });
});
