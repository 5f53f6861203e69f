import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isTooWeak,
  signatureDigest,
} from "../../../src/core/certificate/signature.ts";

/** DER of one element; content may be long. */
function element(tag: number, ...content: readonly number[][]): number[] {
  const bytes = content.flat();
  const length =
    bytes.length < 0x80
      ? [bytes.length]
      : [0x82, bytes.length >> 8, bytes.length & 0xff];
  return [tag, ...length, ...bytes];
}

const identifier = (hexadecimal: string): number[] =>
  element(
    0x06,
    (hexadecimal.match(/../g) ?? []).map((byte) => parseInt(byte, 16)),
  );

function certificate(algorithm: string, ...parameters: number[][]): Uint8Array {
  const toBeSigned = element(0x30, new Array<number>(300).fill(0));
  const signature = element(0x03, [0, 1, 2, 3]);
  return Uint8Array.from(
    element(
      0x30,
      toBeSigned,
      element(0x30, identifier(algorithm), ...parameters),
      signature,
    ),
  );
}

const pss = "2a864886f70d01010a";
const digestField = (digest: string): number[] =>
  element(0x30, element(0xa0, element(0x30, identifier(digest))));

describe("the digest of a signature", () => {
  it.each([
    ["md5WithRSAEncryption", certificate("2a864886f70d010104"), "md5"],
    ["sha1WithRSAEncryption", certificate("2a864886f70d010105"), "sha1"],
    ["sha1WithRSA of OIW", certificate("2b0e03021d"), "sha1"],
    ["sha256WithRSAEncryption", certificate("2a864886f70d01010b"), "sha256"],
    ["ecdsa-with-SHA1", certificate("2a8648ce3d0401"), "sha1"],
    ["ecdsa-with-SHA384", certificate("2a8648ce3d040303"), "sha384"],
    ["RSASSA-PSS without parameters", certificate(pss), "sha1"],
    [
      "RSASSA-PSS with SHA-256",
      certificate(pss, digestField("608648016503040201")),
      "sha256",
    ],
    [
      "RSASSA-PSS with a strange digest",
      certificate(pss, digestField("2a03")),
      null,
    ],
    ["Ed25519", certificate("2b6570"), null],
  ])("of %s is told", (_name, der, wanted) => {
    expect(signatureDigest(der)).toBe(wanted);
  });

  it("never makes anything throw that is no certificate", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => signatureDigest(bytes)).not.toThrow();
      }),
    );
  });

  it("is unknown for a certificate that is cut off anywhere", () => {
    const der = certificate("2a864886f70d010105");
    for (let length = 0; length < der.length; length++)
      expect(signatureDigest(der.subarray(0, length))).toBeNull();
  });
});

it.each([
  ["md5", 0, false],
  ["md5", 1, true],
  ["sha1", 1, true],
  ["sha224", 2, false],
  ["sha256", 2, false],
  ["sha224", 3, true],
  ["sha512", 5, false],
  ["sha512", 6, true],
] as const)(
  "%s at security level %i is too weak: %s",
  (digest, level, wanted) => {
    expect(isTooWeak(digest, level)).toBe(wanted);
  },
);
