import { describe, expect, it } from "vitest";
import {
  describeFailure,
  failureDocument,
  failureText,
} from "../../../src/cli/failure.ts";
import { StoppedBySignal } from "../../../src/cli/signals.ts";
import { LivecertError } from "../../../src/errors.ts";

const going = new AbortController().signal;

const textOf = (error: unknown, signal: AbortSignal = going): string =>
  failureText(describeFailure(error, signal));

describe("describeFailure", () => {
  it("tells an error with its hint, and takes the exit code from the register", () => {
    const error = new LivecertError("locked", "the lock is held", {
      remedy: "livecert retry",
    });
    expect(describeFailure(error, going)).toEqual({
      exitCode: 7,
      code: "locked",
      message: "the lock is held",
      remedy: "livecert retry",
      isDefect: false,
    });
    expect(textOf(error)).toBe(
      "livecert: error: the lock is held\nlivecert: hint: livecert retry\n",
    );
  });

  it("becomes a document with the code, the message and the hint", () => {
    const error = new LivecertError("locked", "the lock is held");
    expect(failureDocument("deploy", describeFailure(error, going))).toEqual({
      schema: 1,
      command: "deploy",
      error: { code: "locked", message: "the lock is held", remedy: null },
      exitCode: 7,
    });
  });

  it("gives every fault of a configuration a line of its own", () => {
    const error = new LivecertError("configuration-invalid", "a:1: x\na:2: y");
    expect(textOf(error)).toBe(
      "livecert: error: a:1: x\nlivecert: error: a:2: y\n",
    );
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)(
    "ends with a shell's code for %s, whatever the aborted step threw",
    (signal, exitCode) => {
      const ending = new AbortController();
      ending.abort(new StoppedBySignal(signal));
      const failure = describeFailure(new Error("aborted"), ending.signal);
      expect(failure).toMatchObject({ exitCode, isDefect: false });
      expect(failureText(failure)).toContain(`stopped by ${signal}`);
    },
  );

  it.each([[new TypeError("x is not a function")], ["a thrown text"], [null]])(
    "takes %s for a defect",
    (thrown) => {
      expect(describeFailure(thrown, going)).toMatchObject({
        exitCode: 1,
        isDefect: true,
      });
    },
  );

  it("shows control characters instead of obeying them", () => {
    const error = new LivecertError("usage", "there is no command \u001b[2J");
    expect(textOf(error)).not.toContain("\u001b");
  });
});
