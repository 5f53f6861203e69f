import { setTimeout as sleep } from "node:timers/promises";

/** A limit against hanging on a loaded machine, not a measure of speed. */
const defaultLimitMs = 60_000;

/**
 * Asks `look` until it answers something other than null or false. Throws with
 * `what` when it did not within the limit.
 */
export async function waitFor<Answer>(
  what: string,
  look: () =>
    | Promise<Answer | null | false | undefined>
    | Answer
    | null
    | false
    | undefined,
  limitMs: number = defaultLimitMs,
): Promise<Answer> {
  const end = Date.now() + limitMs;
  for (;;) {
    const answer = await look();
    if (answer !== null && answer !== false && answer !== undefined)
      return answer;
    if (Date.now() > end)
      throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await sleep(15);
  }
}
