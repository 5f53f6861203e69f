import { describe, expect, it } from "vitest";
import { presentOf, serve } from "../slow/page/present.ts";

const one = { name: "a.test", lifetimeDays: 90, ageDays: 1 } as const;
const live = presentOf([{ ...one, outcome: "live" }], new Date());

async function healthAfter(broken: number) {
  const shown = { ...live, present: { ...live.present, broken } };
  await using served = await serve(() => shown);
  const answer = await fetch(`${served.url}healthz`);
  return [answer.status, await answer.text()] as const;
}

describe("/healthz of a watcher whose runs do not come to their end", () => {
  it("is 503 after several, since what is known grows old", async () => {
    const [status, text] = await healthAfter(4);
    expect(status).toBe(503);
    expect(text).toMatch(
      /^the last 4 runs did not come to their end, so this is what was known at \d{4}-.*; the certificate is live\n$/,
    );
  });

  it("is 200 after a single one, which is tried again soon", async () => {
    expect(await healthAfter(1)).toEqual([200, "the certificate is live\n"]);
  });
});
