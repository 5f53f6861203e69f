import { describe, expect, it } from "vitest";
import { decidePublication } from "../../../src/core/publish/decide.ts";
import {
  versionBefore,
  versionId,
  withVersion,
  type PublicationRecord,
  type PublishedVersion,
} from "../../../src/core/publish/record.ts";
import { ruleFinding } from "../../../src/core/validation/catalogue.ts";

const now = new Date("2026-11-24T00:00:00Z");

function version(id: string, more: Partial<PublishedVersion> = {}) {
  return {
    id,
    at: "2026-11-01T00:00:00.000Z",
    fingerprint256: "AA",
    notBefore: "2026-11-01T00:00:00.000Z",
    notAfter: "2027-01-30T00:00:00.000Z",
    regressions: [],
    ...more,
  };
}

const record: PublicationRecord = {
  schema: 1,
  name: "web",
  lineage: { name: "a.test", path: "/le/live/a.test" },
  versions: [version("2"), version("1")],
  current: "2",
  digest: "d",
  seen: "s",
  held: null,
};

const same = {
  findings: [],
  fingerprint256: "AA",
  record,
  digest: "d",
  seen: "s",
  isForced: false,
  now,
};

const words = { message: "m", hint: "h" };
const fatal = ruleFinding("files/mixed-versions", words);
const untrusted = ruleFinding("chain/untrusted", words);
const incomplete = ruleFinding("chain/missing-intermediate", words);
const held = { at: "2026-11-23T00:00:00.000Z", fingerprint256: "AA" };

describe("decidePublication", () => {
  it.each([
    ["what is there already", {}, "unchanged"],
    ["a first time", { record: null, seen: null }, "publish"],
    ["another certificate", { digest: "e" }, "publish"],
    ["files that somebody changed", { seen: "t" }, "publish"],
    ["files that are gone", { seen: null }, "publish"],
    ["files that cannot be read", { digest: null }, "publish"],
    ["a fatal fault", { findings: [fatal] }, "refused"],
    ["a fatal fault, forced", { findings: [fatal], isForced: true }, "refused"],
    ["a regression", { findings: [incomplete], digest: "e" }, "refused"],
    [
      "a regression, forced",
      { findings: [incomplete], digest: "e", isForced: true },
      "publish",
    ],
    [
      "a private issuer, the first time",
      { findings: [untrusted], record: null },
      "publish",
    ],
    [
      "a regression, the first time",
      { findings: [incomplete], record: null },
      "refused",
    ],
    [
      "a regression that the published one has too",
      {
        findings: [incomplete],
        digest: "e",
        record: {
          ...record,
          versions: [
            version("2", { regressions: ["chain/missing-intermediate"] }),
          ],
        },
      },
      "publish",
    ],
    [
      "a regression when the published one has expired",
      {
        findings: [incomplete],
        digest: "e",
        now: new Date("2027-02-01T00:00:00Z"),
      },
      "publish",
    ],
    [
      "a regression beside what livecert knows nothing of",
      {
        findings: [incomplete],
        digest: "e",
        record: {
          ...record,
          versions: [version("2", { notBefore: null, notAfter: null })],
        },
      },
      "refused",
    ],
    [
      "what somebody took back",
      { digest: "e", record: { ...record, held } },
      "held",
    ],
    [
      "what somebody took back, forced",
      { digest: "e", record: { ...record, held }, isForced: true },
      "publish",
    ],
    [
      "a renewal of what somebody took back",
      { digest: "e", fingerprint256: "BB", record: { ...record, held } },
      "publish",
    ],
  ] as const)("of %s", (_, situation, kind) => {
    expect(decidePublication({ ...same, ...situation }).kind).toBe(kind);
  });
});

describe("versions", () => {
  it("are named so that they sort by age", () => {
    const names = ["2026-11-24T03:15:00.123Z", "2026-11-24T03:15:01Z"].map(
      (at) => versionId(new Date(at), "3F:2A:91:B0:55"),
    );
    expect(names).toEqual([
      "20261124T031500.123Z-3F2A91B0",
      "20261124T031501.000Z-3F2A91B0",
    ]);
  });

  it("are kept up to a number, the newest first", () => {
    const kept = withVersion(record, version("3"), 2);
    expect(kept.map(({ id }) => id)).toEqual(["3", "2"]);
  });

  it("have what was taken back below what had taken its place", () => {
    const back = { ...record, current: "1" };
    expect(withVersion(back, version("3"), 3).map(({ id }) => id)).toEqual([
      "3",
      "1",
      "2",
    ]);
    expect(withVersion(back, version("3"), 2).map(({ id }) => id)).toEqual([
      "3",
      "1",
    ]);
  });

  it("are gone back through one by one", () => {
    expect(versionBefore(record)?.id).toBe("1");
    expect(versionBefore({ ...record, current: "1" })).toBe(null);
    expect(versionBefore({ ...record, current: null })).toBe(null);
  });
});
