import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { runSelf, type SelfResult } from "../../src/adapters/process/self.ts";
import { childrenOf, hasEnded } from "../support/processes.ts";
import { waitFor } from "../support/wait.ts";

const program = resolve(import.meta.dirname, "../fixtures/programs/sent.mjs");

function send(
  behaviour: string,
  options: { timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<SelfResult> {
  return runSelf({
    program,
    args: [behaviour],
    input: "an order",
    timeoutMs: 60_000,
    signal: new AbortController().signal,
    ...options,
  });
}

describe("running this program once more", () => {
  it("hands over the order and brings back the answer", async () => {
    expect(await send("answers")).toEqual({
      kind: "ended",
      stdout: "an order",
    });
  });

  it("ends at its limit what does not obey TERM", async () => {
    expect(await send("hangs", { timeoutMs: 1_500 })).toEqual({
      kind: "failed",
      reason: "did not end within 1.5 s",
    });
    expect(childrenNamed("hangs")).toEqual([]);
  });

  it.each([
    ["dies", "was killed by SIGKILL"],
    ["fails", "exited with 3"],
  ])("says that the child %s", async (behaviour, reason) => {
    expect(await send(behaviour)).toEqual({ kind: "failed", reason });
  });

  it("ends with whoever waits for it", async () => {
    const stopping = new AbortController();
    const sent = send("hangs", { signal: stopping.signal });
    await waitFor("the child runs", () => {
      return childrenNamed("hangs").length > 0;
    });
    stopping.abort();
    expect((await sent).kind).toBe("failed");
    expect(childrenNamed("hangs")).toEqual([]);
  });

  it("lets the child see that its parent was killed", async () => {
    const parent = spawn(
      process.execPath,
      [
        ...["--import", "tsx"],
        join(import.meta.dirname, "../support/programs/sender.ts"),
      ],
      { stdio: ["ignore", "ignore", "inherit"] },
    );
    const ended = once(parent, "exit");
    const child = await waitFor("the child runs", () => {
      const children = childrenOf(parent.pid ?? 0);
      return children.find(({ title }) => title.endsWith("waits")) ?? null;
    });
    parent.kill("SIGKILL");
    await ended;
    await waitFor("the child has ended", () => hasEnded(child.pid));
  });
});

function childrenNamed(behaviour: string): readonly number[] {
  const children = childrenOf(process.pid);
  return children
    .filter(({ title, state }) => title.endsWith(behaviour) && state !== "Z")
    .map(({ pid }) => pid);
}
