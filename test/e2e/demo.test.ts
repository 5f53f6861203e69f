import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { allProcesses } from "../support/processes.ts";
import { start, type RunningProgram } from "../support/run.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { waitFor } from "../support/wait.ts";

const installer = resolve(import.meta.dirname, "../../install.sh");

function startDemo(temporary: string): Promise<RunningProgram> {
  return start(installer, ["--demo"], {
    environment: { ...process.env, TMPDIR: temporary },
  });
}

async function expectNothingLeft(temporary: string): Promise<void> {
  expect(await readdir(temporary)).toEqual([]);
  const left = allProcesses().filter(({ title }) => title.includes(temporary));
  expect(left).toEqual([]);
}

describe("./install.sh --demo", () => {
  it("shows the certificate before and after a renewal, and leaves nothing behind", async () => {
    await using temporary = await temporaryDirectory();
    const demo = await startDemo(temporary.path);
    const { exitCode, stdout } = await demo.ended;
    expect(exitCode, stdout).toBe(0);
    const fingerprint = (label: string) =>
      new RegExp(`^ *${label} +((?:[0-9A-F]{2}:){31}[0-9A-F]{2})$`, "m").exec(
        stdout,
      )?.[1];
    expect(fingerprint("before")).toBeDefined();
    expect(fingerprint("after")).toBe(fingerprint("on disk"));
    expect(fingerprint("after")).not.toBe(fingerprint("before"));
    await expectNothingLeft(temporary.path);
  });

  it.each([
    { step: 1, signal: "SIGINT", exitCode: 130 },
    { step: 2, signal: "SIGTERM", exitCode: 143 },
    { step: 3, signal: "SIGINT", exitCode: 130 },
    { step: 5, signal: "SIGHUP", exitCode: 129 },
  ] as const)(
    "leaves nothing behind after $signal in step $step",
    async ({ step, signal, exitCode }) => {
      await using temporary = await temporaryDirectory();
      const demo = await startDemo(temporary.path);
      await waitFor(`step ${step}`, () =>
        demo.stdout().includes(`\n${step}. `),
      );
      demo.signal(signal);
      expect((await demo.ended).exitCode).toBe(exitCode);
      await expectNothingLeft(temporary.path);
    },
  );
});
