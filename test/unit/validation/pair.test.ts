import { describe, expect, it } from "vitest";
import {
  encryptedKeyFinding,
  orderWithoutKeyFindings,
  pairFindings,
  unusablePairFinding,
} from "../../../src/core/validation/pair.ts";
import { authority, certificate } from "./certificates.ts";

const leaf = certificate({ keyType: "rsa-2048" });
const issuer = authority({ keyType: "ec-p384" });
const rsaIssuer = authority({ keyType: "rsa-2048" });
const pair = { certificateFile: "/f/fullchain.pem", keyFile: "/f/privkey.pem" };
const rulesOf = (findings: readonly { rule: string }[]) =>
  findings.map(({ rule }) => rule);

describe("a key beside certificates", () => {
  it.each([
    ["the leaf's", [leaf, issuer], { type: "rsa", of: leaf }, []],
    [
      "a stranger's of the same type",
      [leaf, issuer],
      { type: "rsa", of: null },
      ["pair/key-mismatch"],
    ],
    [
      "a stranger's of another type",
      [leaf, issuer],
      { type: "ec", of: null },
      ["pair/key-type-mismatch"],
    ],
    [
      "RSA-PSS beside a plain RSA certificate",
      [leaf],
      { type: "rsa-pss", of: null },
      ["pair/key-type-mismatch"],
    ],
    [
      "that of a leaf that stands behind its issuer",
      [issuer, leaf],
      { type: "rsa", of: leaf },
      ["pair/leaf-not-first"],
    ],
    [
      "the issuer's",
      [leaf, rsaIssuer],
      { type: "rsa", of: rsaIssuer },
      ["pair/key-mismatch"],
    ],
  ])("that is %s", (_whose, certificates, key, wanted) => {
    const findings = pairFindings({
      ...pair,
      certificates,
      keyType: key.type,
      isKeyOf: (certificate) => certificate === key.of,
    });
    expect(rulesOf(findings)).toEqual(wanted);
    for (const { severity, message } of findings) {
      expect(severity).toBe("fatal");
      expect(message).toContain("/f/");
    }
  });

  it("is said to be of another type in the user's terms", () => {
    const [finding] = pairFindings({
      ...pair,
      certificates: [certificate({ keyType: "rsa-pss-2048" })],
      keyType: "ed25519",
      isKeyOf: () => false,
    });
    expect(finding?.message).toBe(
      "/f/privkey.pem holds a key of type ed25519, but the certificate in /f/fullchain.pem is for one of type rsa-pss",
    );
  });
});

describe("certificates without a key", () => {
  it.each([
    ["a leaf before its issuer", [leaf, issuer], []],
    ["an issuer before its leaf", [issuer, leaf], ["pair/leaf-not-first"]],
    ["authorities alone", [issuer, authority()], []],
  ])("%s", (_what, certificates, wanted) => {
    expect(rulesOf(orderWithoutKeyFindings("f", certificates))).toEqual(wanted);
  });
});

it.each([
  [null, "no password file is configured"],
  ["/f/passwords", "no line of /f/passwords opens it"],
])("an encrypted key with the password file %s", (passwordFile, words) => {
  const finding = encryptedKeyFinding({ keyFile: "/f/key.pem", passwordFile });
  expect(finding.message).toContain(words);
  expect(finding.severity).toBe("fatal");
});

it("a pair that cannot be served is fatal and has OpenSSL's reason", () => {
  expect(unusablePairFinding("f", "no shared cipher")).toMatchObject({
    severity: "fatal",
    message: "no handshake succeeds with f and its key: no shared cipher",
  });
});
