import { describe, expect, it } from "vitest";
import { ok, type Check, type Diagnosis } from "../../../src/doctor/check.ts";
import { examine } from "../../../src/doctor/examine.ts";
import type { Machine } from "../../../src/doctor/machine.ts";
import { LivecertError } from "../../../src/errors.ts";

function machine(signal = new AbortController().signal): Machine {
  const unasked = (): never => {
    throw new Error("not asked for");
  };
  return {
    settings: {} as Machine["settings"],
    host: {} as Machine["host"],
    signal,
    isRoot: true,
    hasSystemd: false,
    nginx: unasked,
    lineages: unasked,
    renewals: unasked,
    mounts: unasked,
    isHostMeant: unasked,
    containers: unasked,
    engines: unasked,
  };
}

function check(
  name: string,
  look: (machine: Machine) => Promise<readonly Diagnosis[]>,
): Check {
  return { group: "livecert", name, looksAt: "a thing", look };
}

const fine = check("fine", () => Promise.resolve([ok("fine")]));
const hanging = check("hanging", () => new Promise(() => undefined));

describe("examining a machine", () => {
  it("reports in the order of the checks, several diagnoses of one check included", async () => {
    const two = check("two", () => Promise.resolve([ok("a"), ok("b")]));
    const reports = await examine([two, fine], machine(), 60_000);
    expect(reports.map(({ name, message }) => [name, message])).toEqual([
      ["two", "a"],
      ["two", "b"],
      ["fine", "fine"],
    ]);
  });

  it("goes on where a check fails, and says what could not be looked at", async () => {
    const failing = check("failing", (one) => one.nginx().then(() => []));
    const reports = await examine([failing, fine], machine(), 60_000);
    expect(reports[0]).toMatchObject({
      verdict: "unknown",
      message: "a thing could not be looked at: not asked for",
    });
    expect(reports[1]).toMatchObject({ verdict: "ok" });
  });

  it("makes a problem with its remedy of an error of livecert's own", async () => {
    const refused = check("refused", () =>
      Promise.reject(
        new LivecertError("state-newer", "too new", { remedy: "upgrade" }),
      ),
    );
    expect(await examine([refused], machine(), 60_000)).toEqual([
      {
        group: "livecert",
        name: "refused",
        verdict: "problem",
        message: "too new",
        remedy: "upgrade",
      },
    ]);
  });

  it("does not wait for a check longer than its limit", async () => {
    const reports = await examine([hanging, fine], machine(), 20);
    expect(reports.map(({ verdict }) => verdict)).toEqual(["unknown", "ok"]);
    expect(reports[0]?.message).toBe(
      "looking at a thing did not end within 0.02 s",
    );
  });

  it("ends as a whole when the run is stopped", async () => {
    const stop = new AbortController();
    const examined = examine([hanging], machine(stop.signal), 60_000);
    stop.abort(new Error("stopped"));
    await expect(examined).rejects.toThrow("stopped");
  });

  it("lets no key material of a failure's message through", async () => {
    const pem =
      "-----BEGIN PRIVATE KEY-----\nMIGHAgEA\n-----END PRIVATE KEY-----";
    const leaking = check("leaking", () => Promise.reject(new Error(pem)));
    const [report] = await examine([leaking], machine(), 60_000);
    expect(report?.message).not.toContain("MIGHAgEA");
  });
});
