import { describe, expect, it } from "vitest";
import {
  describeOrigin,
  givenByEnvironment,
  givenByFlags,
  mergeSettings,
  unknownVariables,
  type GivenValue,
} from "../../../src/core/settings/merge.ts";
import {
  flagOf,
  optionKeys,
  variableOf,
} from "../../../src/core/settings/options.ts";

function inFile(key: string, value: unknown, line = 1): GivenValue {
  const origin = { kind: "file", path: "/etc/l.yaml", line } as const;
  return { key, value, origin, base: "/etc" };
}

function merged(given: readonly GivenValue[]) {
  const result = mergeSettings(given);
  if (result.kind !== "ok") throw new Error(result.problems.join("; "));
  return result;
}

describe("mergeSettings", () => {
  it("has a default for every option", () => {
    const { settings, origins } = merged([]);
    expect(settings.certbotDir).toBe("/etc/letsencrypt");
    expect(settings.holdbackMs).toBe(86_400_000);
    expect(settings.limits.handshakeMs).toBe(3_000);
    expect(new Set(Object.values(origins).map(describeOrigin))).toEqual(
      new Set(["default"]),
    );
    expect(Object.keys(origins)).toEqual(optionKeys);
  });

  it("lets flags win over the environment, and the environment over the file", () => {
    const file = [
      inFile("state-dir", "/file"),
      inFile("run-dir", "/file"),
      inFile("certbot-dir", "/file", 3),
    ];
    const environment = givenByEnvironment(
      { LIVECERT_STATE_DIR: "/environment", LIVECERT_RUN_DIR: "/environment" },
      "/",
    );
    const flags = givenByFlags(new Map([["state-dir", "/flag"]]), "/");
    const { settings, origins } = merged([...file, ...environment, ...flags]);
    expect(settings).toMatchObject({
      stateDir: "/flag",
      runDir: "/environment",
      certbotDir: "/file",
    });
    expect(describeOrigin(origins["state-dir"])).toBe("--state-dir");
    expect(describeOrigin(origins["run-dir"])).toBe("LIVECERT_RUN_DIR");
    expect(describeOrigin(origins["certbot-dir"])).toBe("/etc/l.yaml:3");
  });

  it("resolves a relative path against where it was given", () => {
    const flags = givenByFlags(new Map([["run-dir", "run"]]), "/home/me");
    const { settings } = merged([inFile("state-dir", "state"), ...flags]);
    expect(settings.stateDir).toBe("/etc/state");
    expect(settings.runDir).toBe("/home/me/run");
  });

  it("puts the run directory into the address of the service", () => {
    expect(merged([inFile("run-dir", "/r$&")]).settings.http).toEqual({
      kind: "unix",
      path: "/r$&/http.sock",
    });
  });

  it("tells all problems at once, each with its place", () => {
    const result = mergeSettings([
      inFile("certbot-dri", "/x", 2),
      inFile("nginx", "x", 3),
      inFile("limits.connect", 3, 4),
      ...givenByEnvironment({ LIVECERT_JSON: "maybe" }, "/"),
      ...givenByFlags(new Map([["log-level", "loud"]]), "/"),
    ]);
    expect(result.kind === "invalid" && result.problems).toEqual([
      "/etc/l.yaml:2: there is no option certbot-dri, did you mean certbot-dir?",
      "/etc/l.yaml:3: nginx must hold options below it",
      expect.stringMatching(
        /^\/etc\/l\.yaml:4: limits\.connect must be a duration with its unit/,
      ),
      "LIVECERT_JSON: json must be true or false",
      "--log-level: log-level must be one of trace, debug, info, warn, error, silent",
    ]);
  });

  it("refuses a wrong value also where a later one hides it", () => {
    const result = mergeSettings([
      inFile("log-level", "loud"),
      ...givenByFlags(new Map([["log-level", "info"]]), "/"),
    ]);
    expect(result.kind).toBe("invalid");
  });

  it.each(["__proto__", "constructor", "toString"])(
    "knows no option %s",
    (key) => {
      expect(mergeSettings([inFile(key, "x")]).kind).toBe("invalid");
    },
  );
});

describe("givenByEnvironment", () => {
  it("takes an empty variable for one that is not set", () => {
    expect(givenByEnvironment({ LIVECERT_JSON: "" }, "/")).toEqual([]);
  });
});

describe("unknownVariables", () => {
  it("names what looks like an option and is none", () => {
    const environment = {
      LIVECERT_STATE_DRI: "x",
      LIVECERT_ZZZ: "x",
      LIVECERT_CONFIG: "x",
      LIVECERT_FALLBACK: "off",
      LIVECERT_NGINX_BIN: "x",
      PATH: "x",
    };
    expect(unknownVariables(environment)).toEqual([
      { variable: "LIVECERT_STATE_DRI", nearest: "LIVECERT_STATE_DIR" },
      { variable: "LIVECERT_ZZZ", nearest: null },
    ]);
  });
});

describe("the names of an option", () => {
  it("differ from those of every other", () => {
    expect(new Set(optionKeys.map(flagOf)).size).toBe(optionKeys.length);
    expect(new Set(optionKeys.map(variableOf)).size).toBe(optionKeys.length);
  });

  it("follow from its key", () => {
    expect(flagOf("nginx.reload-by")).toBe("--nginx-reload-by");
    expect(variableOf("nginx.reload-by")).toBe("LIVECERT_NGINX_RELOAD_BY");
  });
});
