import { describe, expect, it } from "vitest";
import {
  companionFindings,
  fileFinding,
  keyExposureFindings,
} from "../../../src/core/validation/files.ts";
import { authority, certificate } from "./certificates.ts";

describe("a file that Nginx could not load", () => {
  it.each([
    [{ kind: "absent" }, "files/missing", "/f does not exist"],
    [
      { kind: "unreadable", reason: "permission denied" },
      "files/unreadable",
      "/f cannot be read: permission denied",
    ],
    [{ kind: "empty" }, "files/empty", "/f is empty"],
    [
      { kind: "truncated", reason: "ends in the middle of a X block" },
      "files/truncated",
      "/f ends in the middle of a X block",
    ],
    [
      { kind: "malformed", reason: "has a X block that is empty" },
      "files/malformed",
      "/f has a X block that is empty",
    ],
    [
      { kind: "nothing-fitting", labels: ["X509 CRL", "PUBLIC KEY"] },
      "files/not-pem",
      "/f holds no certificate in PEM form, but a X509 CRL block, a PUBLIC KEY block",
    ],
    [
      { kind: "nothing-fitting", labels: [] },
      "files/not-pem",
      "/f holds no certificate in PEM form, but something else",
    ],
  ] as const)("%j", (fault, rule, message) => {
    expect(fileFinding("/f", "certificate", fault)).toMatchObject({
      rule,
      severity: "fatal",
      message,
    });
  });
});

it.each([
  [0o600, null],
  [0o640, null],
  [0o644, "read"],
  [0o602, "write to"],
  [0o666, "read and write to"],
])("a key of mode %o: others may %s it", (mode, words) => {
  expect(keyExposureFindings("/k", mode).map(({ message }) => message)).toEqual(
    words === null
      ? []
      : [`everybody on this machine may ${words} the private key /k`],
  );
});

describe("cert.pem and chain.pem", () => {
  const [leaf, issuer] = [certificate(), authority()];
  const cert = (certificates: readonly (typeof leaf)[] | null) => ({
    path: "/cert.pem",
    certificates,
  });
  const chain = (certificates: readonly (typeof leaf)[] | null) => ({
    path: "/chain.pem",
    certificates,
  });
  it.each([
    ["agree", [leaf, issuer], cert([leaf]), chain([issuer]), []],
    ["are not looked at", [leaf, issuer], null, null, []],
    ["agree about a leaf alone", [leaf], cert([leaf]), chain([]), []],
    [
      "hold another leaf",
      [leaf, issuer],
      cert([certificate()]),
      chain([issuer]),
      ["files/cert-differs"],
    ],
    [
      "hold too much",
      [leaf, issuer],
      cert([leaf, issuer]),
      chain([leaf, issuer]),
      ["files/cert-differs", "files/chain-differs"],
    ],
    [
      "cannot be read",
      [leaf, issuer],
      cert(null),
      chain(null),
      ["files/cert-differs", "files/chain-differs"],
    ],
  ])("%s", (_what, certificates, one, other, wanted) => {
    const findings = companionFindings({
      certificates,
      cert: one,
      chain: other,
    });
    expect(findings.map(({ rule }) => rule)).toEqual(wanted);
    for (const { severity } of findings) expect(severity).toBe("warning");
  });
});
