import { expect, it } from "vitest";
import { strengthFindings } from "../../../src/core/validation/strength.ts";
import { authority, certificate } from "./certificates.ts";

/** Just enough DER to carry a signature algorithm. */
const signedWith = (identifier: readonly number[]): Uint8Array => {
  const oid = [0x06, identifier.length, ...identifier];
  const algorithm = [0x30, oid.length, ...oid];
  const content = [0x30, 0x00, ...algorithm];
  return Uint8Array.from([0x30, content.length, ...content]);
};
const sha1 = signedWith([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5]);
const sha256 = signedWith([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]);

const sound = {
  certificateFile: "/f",
  certificates: [
    certificate({ der: sha256, keyType: "rsa-1024" }),
    authority(),
  ],
  level: 2,
  weakKeyAtLevel: null,
  weakKeyUsually: null,
} as const;
const root = authority({ subject: "CN=Root", der: sha1 });

it.each([
  ["nothing weak", {}, []],
  [
    "a short key",
    { weakKeyAtLevel: "leaf" },
    ["fatal: the key (rsa-1024) of /f is too short for security level 2"],
  ],
  [
    "an issuer's short key",
    { weakKeyAtLevel: "issuer" },
    ["fatal: the key of an issuer in /f is too short for security level 2"],
  ],
  [
    "a key that only the usual level refuses",
    { level: 1, weakKeyUsually: "leaf" },
    [
      "regression: the key (rsa-1024) of /f is too short for clients at security level 2, although this server allows it",
    ],
  ],
  [
    "SHA-1",
    { certificates: [certificate({ der: sha1 })] },
    [
      "fatal: certificate 1 of /f is signed with SHA1, which security level 2 refuses",
    ],
  ],
  [
    "SHA-1 at level 0",
    { level: 0, certificates: [certificate({ der: sha1 })] },
    [
      "regression: certificate 1 of /f is signed with SHA1, which security level 2 refuses",
    ],
  ],
  ["a root signed with SHA-1", { certificates: [certificate(), root] }, []],
] as const)("%s", (_what, change, wanted) => {
  const findings = strengthFindings({ ...sound, ...change });
  expect(
    findings.map(({ severity, message }) => `${severity}: ${message}`),
  ).toEqual(wanted);
});
