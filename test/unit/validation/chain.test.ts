import { describe, expect, it } from "vitest";
import {
  arrangementFindings,
  chainFaultKinds,
  chainFindings,
  stagingFindings,
} from "../../../src/core/validation/chain.ts";
import { authority, certificate } from "./certificates.ts";

const leaf = certificate();
const issuer = authority();
const root = authority({ subject: "CN=Root" });
const rulesOf = (findings: readonly { rule: string }[]) =>
  findings.map(({ rule }) => rule);

describe("a chain that leads to no root", () => {
  const untrusted = [{ kind: "untrusted", detail: "words" }] as const;
  it.each([
    [
      "a leaf alone of an unknown issuer",
      [leaf],
      false,
      false,
      "chain/untrusted",
    ],
    [
      "a leaf alone whose issuer was there before",
      [leaf],
      false,
      true,
      "chain/missing-intermediate",
    ],
    [
      "a leaf with a foreign intermediate",
      [leaf, issuer],
      false,
      false,
      "chain/missing-intermediate",
    ],
    [
      "a whole chain of an unknown root",
      [leaf, issuer],
      true,
      false,
      "chain/untrusted",
    ],
    [
      "a chain that ends below an intermediate of before",
      [leaf, issuer],
      true,
      true,
      "chain/missing-intermediate",
    ],
    ["a certificate signed by itself", [root], false, false, "chain/untrusted"],
  ] as const)(
    "%s",
    (_what, certificates, hasIssuer, lacksKnownIssuer, rule) => {
      const findings = chainFindings({
        label: "/f",
        certificates,
        faults: untrusted,
        hasIssuer,
        lacksKnownIssuer,
      });
      expect(findings).toMatchObject([{ rule, severity: "regression" }]);
      expect(findings[0]?.message).toContain("/f");
    },
  );
});

describe("the judge's faults", () => {
  const facts = {
    label: "/f",
    certificates: [leaf],
    hasIssuer: true,
    lacksKnownIssuer: false,
  };

  it.each(chainFaultKinds)("%s is a regression", (kind) => {
    const [finding] = chainFindings({
      ...facts,
      faults: [{ kind, detail: "words" }],
    });
    expect(finding).toMatchObject({ severity: "regression", subject: null });
  });

  it("are told side by side", () => {
    const faults = [
      { kind: "untrusted", detail: "" },
      {
        kind: "wrong-purpose",
        detail: "CN = x: unsuitable certificate purpose",
      },
    ] as const;
    const findings = chainFindings({ ...facts, faults });
    expect(rulesOf(findings)).toEqual([
      "chain/untrusted",
      "chain/wrong-purpose",
    ]);
    expect(findings[1]?.message).toBe(
      "/f: CN = x: unsuitable certificate purpose",
    );
  });

  it.each([
    ["an authority in the leaf's place", issuer, ["chain/ca-as-leaf"]],
    ["a certificate that is its own authority", root, []],
    ["a leaf", leaf, []],
  ])("are none with %s, but for its CA flag", (_what, one, wanted) => {
    const findings = chainFindings({
      ...facts,
      certificates: [one],
      faults: [],
    });
    expect(rulesOf(findings)).toEqual(wanted);
  });
});

describe("the arrangement of a file", () => {
  const upper = authority({ subject: "CN=Upper", issuer: "CN=Root" });
  const lower = authority({ subject: "CN=Issuer", issuer: "CN=Upper" });
  const renewed = authority({ subject: "CN=Issuer", issuer: "CN=Upper" });
  const stranger = authority({
    subject: "CN=Stranger",
    issuer: "CN=Elsewhere",
  });
  it.each([
    ["a leaf alone", [leaf], []],
    ["in order", [leaf, lower, upper], []],
    ["two issuers of one name", [leaf, lower, renewed, upper], []],
    ["the root added", [leaf, lower, upper, root], ["chain/superfluous"]],
    ["a stranger added", [leaf, lower, stranger], ["chain/superfluous"]],
    ["an intermediate twice", [leaf, lower, lower], ["chain/duplicate"]],
    ["the leaf twice", [leaf, leaf, lower], ["chain/duplicate"]],
    [
      "a root twice",
      [leaf, root, root],
      ["chain/duplicate", "chain/superfluous"],
    ],
    ["intermediates swapped", [leaf, upper, lower], ["chain/out-of-order"]],
    ["a gap", [leaf, upper], ["chain/superfluous"]],
    ["a leaf signed by itself", [root], []],
  ])("%s", (_what, certificates, wanted) => {
    const findings = arrangementFindings({
      certificateFile: "/f",
      certificates,
      issued: (index, by) =>
        certificates[index]?.issuer === certificates[by]?.subject,
    });
    expect(rulesOf(findings)).toEqual(wanted);
    for (const { severity } of findings) expect(severity).toBe("warning");
  });
});

it.each([
  ["CN=(STAGING) Artificial Apricot R3, O=(STAGING) Let's Encrypt", true],
  ["CN=Fake LE Intermediate X1", true],
  ["CN=Pebble Intermediate CA 1a2b3c", true],
  ["CN=R11, O=Let's Encrypt", false],
  ["CN=Pebbles and Stagings Ltd", false],
])("an issuer %s is a test authority: %s", (name, wanted) => {
  const chain = [certificate({ issuer: name })];
  expect(stagingFindings("site", chain).length === 1).toBe(wanted);
});
