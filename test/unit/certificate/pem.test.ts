import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  canonicalPem,
  certificateBlocks,
  isBlank,
  isEncryptedKey,
  keyBlocks,
  nothingFitting,
  splitKeyPem,
  splitPem,
} from "../../../src/core/certificate/pem.ts";

const bytesOf = (text: string): Uint8Array =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));
const split = (text: string) => splitPem(bytesOf(text));

const line = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2";
const block = (label: string, body = `${line}\nQUJD`): string =>
  `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
const labelsOf = (text: string) => split(text).blocks.map(({ label }) => label);

describe("text in its usual form", () => {
  const label = fc.constantFrom(
    "CERTIFICATE",
    "PRIVATE KEY",
    "X",
    "A B ",
    "A".repeat(239),
  );
  const body = fc
    .string({
      unit: fc.constantFrom("A", "Z", "a", "z", "0", "9", "+", "/"),
      minLength: 4,
      maxLength: 200,
    })
    .map((text) => text.slice(0, text.length - (text.length % 4)))
    .chain((text) => fc.constantFrom(text, text.replace(/.$/, "=")));
  const usual = fc
    .array(fc.tuple(label, body, fc.constantFrom("", "\n", "\n\n")), {
      minLength: 1,
      maxLength: 3,
    })
    .map((blocks) =>
      blocks
        .map(([name, text, blank]) => {
          const lines = text.replaceAll(/.{64}(?!$)/g, "$&\n");
          return block(name, lines) + blank;
        })
        .join(""),
    );
  const damage = fc.oneof(
    fc.constant((text: string) => text),
    fc
      .tuple(
        fc.nat(),
        fc.nat({ max: 3 }),
        fc.constantFrom(
          "",
          "\n",
          "\r",
          " ",
          "-",
          "=",
          "A",
          ":",
          "\0",
          "\u00e9",
        ),
      )
      .map(([place, less, more]) => (text: string) => {
        const at = place % (text.length + 1);
        return text.slice(0, at) + more + text.slice(at + less);
      }),
  );

  /** A line before all blocks is passed over, and keeps the text from being in its usual form. */
  const byLines = (text: string) => {
    const { blocks, broken } = split(`passed over\n${text}`);
    return {
      blocks: blocks.map((one) => ({ ...one, line: one.line - 1 })),
      broken: broken === null ? null : { ...broken, line: broken.line - 1 },
    };
  };

  it("is read at once as it is read by lines, and so is what resembles it", () => {
    fc.assert(
      fc.property(usual, damage, (text, change) => {
        const changed = change(text);
        expect(split(changed)).toEqual(byLines(changed));
      }),
      { numRuns: 5_000 },
    );
  });

  it("need not be short", () => {
    const text = block("CERTIFICATE").repeat(200);
    expect(split(text)).toEqual(byLines(text));
    expect(split(text).blocks).toHaveLength(200);
  });
});

describe("blocks that Nginx reads", () => {
  const plain = block("CERTIFICATE");
  it.each([
    ["line feeds", plain],
    ["CRLF line ends", plain.replaceAll("\n", "\r\n")],
    ["a byte-order mark before the block", `\u00ef\u00bb\u00bf${plain}`],
    ["text before the block", `Certificate:\n    Version: 3\n${plain}`],
    ["Bag Attributes", `Bag Attributes\n    friendlyName: x\n${plain}`],
    ["no line feed at the end", plain.trimEnd()],
    ["whitespace at the line ends", plain.replaceAll("\n", " \t\n")],
    ["base64 lines that are indented", plain.replace(line, `\t${line}`)],
    ["one long base64 line", block("CERTIFICATE", `${line.repeat(20)}QUJD`)],
    ["lines of uneven length", block("CERTIFICATE", `QUJD\n${line}\nQUJD`)],
    ["a blank line after BEGIN", block("CERTIFICATE", `\n${line}\nQUJD`)],
    ["text behind the last block", `${plain}goodbye\n`],
  ])("reads a block with %s", (_what, text) => {
    expect(split(text)).toMatchObject({
      blocks: [{ label: "CERTIFICATE", header: "" }],
      broken: null,
    });
  });

  it("joins the lines of the body", () => {
    expect(split(plain).blocks[0]?.body).toBe(`${line}QUJD`);
  });

  it("tells the line at which each block begins", () => {
    const text = `first\n${plain}between\n\n${plain}`;
    expect(split(text).blocks.map((one) => one.line)).toEqual([2, 8]);
  });

  it("keeps the header of an encrypted key", () => {
    const header = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n";
    const [key] = split(
      block("RSA PRIVATE KEY", `${header}\n${line}\nQUJD`),
    ).blocks;
    expect(key).toMatchObject({ header, body: `${line}QUJD` });
  });
});

describe("files that Nginx does not read", () => {
  const plain = block("CERTIFICATE");
  it.each([
    [
      "bare CR line ends",
      `${line}\n`.repeat(4).concat(plain).replaceAll("\n", "\r"),
    ],
    ["indented BEGIN lines", plain.replaceAll("-----B", "  -----B")],
    ["lower-case armour", plain.toLowerCase()],
    ["UTF-16", plain.replaceAll(/./gs, "$&\0")],
    ["NUL bytes in front", `${"\0".repeat(16)}${plain}`],
  ])("finds no block in a file with %s", (_what, text) => {
    expect(split(text)).toEqual({ blocks: [], broken: null });
  });

  it("ends at a line that begins with a NUL byte, as fgets() and strlen() do", () => {
    expect(labelsOf(`${plain}\0\n${plain}`)).toEqual(["CERTIFICATE"]);
  });

  it.each([
    ["in the middle of the body", "truncated", plain.slice(0, 60)],
    [
      "before the END line",
      "truncated",
      plain.slice(0, plain.indexOf("-----END")),
    ],
    ["in the END line", "malformed", plain.trimEnd().slice(0, -1)],
    ["after the BEGIN line", "truncated", "-----BEGIN CERTIFICATE-----\n"],
    [
      "by a NUL byte in the body",
      "truncated",
      plain.replace("\nQUJD", "\n\0UJD"),
    ],
  ] as const)("calls a file that is cut %s %s", (_where, kind, text) => {
    expect(split(text).broken).toMatchObject({ kind, line: 1 });
  });

  it.each([
    [
      "an END line of another label",
      plain.replace("END CERT", "END X509 CERT"),
    ],
    ["the next BEGIN on the END line", plain.trimEnd() + plain],
    ["characters that are not base64", block("CERTIFICATE", "QU!D")],
    ["a quantum cut short", block("CERTIFICATE", "QUJDR")],
    ["padding in the middle", block("CERTIFICATE", "QQ==\nQUJD")],
    ["no body", block("CERTIFICATE", "")],
    ["two blank lines", block("CERTIFICATE", `\n\n${line}`)],
    ["long lines after a blank line", block("CERTIFICATE", `\n${line}QUJD`)],
    [
      "a short line amid others after a blank line",
      block("CERTIFICATE", `\nQUJD\n${line}`),
    ],
  ])("calls a block with %s malformed", (_what, text) => {
    expect(split(text).broken?.kind).toBe("malformed");
  });

  it("gives what stands before a broken block, and says which one is broken", () => {
    const text = `${plain}-----BEGIN CERTIFICATE-----\nQUJD\n`;
    expect(split(text)).toMatchObject({
      blocks: [{ label: "CERTIFICATE" }],
      broken: {
        kind: "truncated",
        reason: "ends in the middle of a CERTIFICATE block",
        line: 5,
      },
    });
  });

  it.each([
    ["that could harm a terminal", "-----BEGIN \u001b[2JX-----\nQUJD\n"],
    [
      "that holds a whole key, because its line ends are bare CR",
      block("PRIVATE KEY", "QUJD").replaceAll("\n", "\r"),
    ],
  ])("repeats nothing of a label %s", (_what, text) => {
    const { broken } = split(text);
    expect(broken).toEqual({
      kind: "truncated",
      reason: "ends in the middle of a strange block",
      line: 1,
    });
  });
});

it("names the labels of what a file holds instead, each once and only where it is a label", () => {
  const labels = ["X509 CRL", "X509 CRL", "PRIVATE KEY-----\rQUJD"];
  const blocks = labels.map((label) => ({
    label,
    header: "",
    body: "",
    line: 1,
  }));
  expect(nothingFitting(blocks)).toEqual({
    kind: "nothing-fitting",
    labels: ["X509 CRL", "strange"],
  });
});

describe("which blocks count as certificates", () => {
  it.each([
    [
      ["CERTIFICATE", "CERTIFICATE"],
      [0, 1],
    ],
    [
      ["X509 CERTIFICATE", "X509 CERTIFICATE"],
      [0, 1],
    ],
    [
      ["TRUSTED CERTIFICATE", "CERTIFICATE"],
      [0, 1],
    ],
    [
      ["CERTIFICATE", "TRUSTED CERTIFICATE", "CERTIFICATE"],
      [0, 2],
    ],
    [
      ["PRIVATE KEY", "CERTIFICATE", "DH PARAMETERS", "CERTIFICATE"],
      [1, 3],
    ],
    [["CERTIFICATE REQUEST", "X509 CRL", "PKCS7"], []],
  ])("of %j Nginx loads those at %j", (labels, wanted) => {
    const { blocks } = split(labels.map((label) => block(label)).join(""));
    const loaded = certificateBlocks(blocks);
    expect(loaded.map((one) => blocks.indexOf(one))).toEqual(wanted);
  });
});

describe("which blocks are tried as the key", () => {
  it("passes over parameters, certificates and public keys", () => {
    const text = [
      "EC PARAMETERS",
      "CERTIFICATE",
      "PUBLIC KEY",
      "EC PRIVATE KEY",
    ];
    const { blocks } = split(text.map((label) => block(label)).join(""));
    expect(keyBlocks(blocks).map(({ label }) => label)).toEqual([
      "EC PRIVATE KEY",
    ]);
  });

  it("goes on after a broken block, as OpenSSL's decoder does", () => {
    const text = `${block("CERTIFICATE", "QU!D")}${block("PRIVATE KEY")}`;
    const { blocks, broken } = splitKeyPem(bytesOf(text));
    expect(blocks.map(({ label }) => label)).toEqual(["PRIVATE KEY"]);
    expect(broken?.kind).toBe("malformed");
  });

  it("gives up at a key with a header that is not about encryption", () => {
    const text = `${block("PRIVATE KEY", `comment: x\n\n${line}`)}${block("PRIVATE KEY")}`;
    expect(keyBlocks(split(text).blocks)).toEqual([]);
  });

  it.each([
    ["ENCRYPTED PRIVATE KEY", true, line],
    [
      "RSA PRIVATE KEY",
      true,
      `Proc-Type: 4,ENCRYPTED\nDEK-Info: A,0\n\n${line}`,
    ],
    ["PRIVATE KEY", false, line],
  ])("knows of a %s whether it is encrypted: %s", (label, wanted, body) => {
    expect(split(block(label, body)).blocks.map(isEncryptedKey)).toEqual([
      wanted,
    ]);
  });
});

it.each([
  ["", true],
  [" \r\n\t\0", true],
  [" x", false],
])("says of %j whether it is blank", (text, wanted) => {
  expect(isBlank(bytesOf(text))).toBe(wanted);
});

describe("for any input", () => {
  const words = fc.constantFrom(
    ...[
      "-----BEGIN ",
      "-----END ",
      "CERTIFICATE",
      "-----",
      "\n",
      "\r\n",
      "QUJD",
    ],
    ...[
      "=",
      "\0",
      ":",
      "\u00ef\u00bb\u00bf",
      " ",
      "Proc-Type: 4,ENCRYPTED",
      line,
    ],
  );
  const text = fc
    .array(fc.oneof(words, fc.string({ maxLength: 5, unit: "binary-ascii" })))
    .map((parts) => parts.join(""));

  it("never throws, and every block reads the same from its canonical form", () => {
    fc.assert(
      fc.property(text, (input) => {
        for (const found of splitKeyPem(bytesOf(input)).blocks) {
          const again = split(canonicalPem(found));
          // Only a header that opens with a blank line has no form of its own.
          if (found.header === "" || isEncryptedKey(found))
            expect(again.blocks.map(({ body }) => body)).toEqual([found.body]);
        }
      }),
    );
  });

  it("reads at most as much of a file of certificates as of one of keys", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
        expect(splitKeyPem(bytes).blocks.length).toBeGreaterThanOrEqual(
          splitPem(bytes).blocks.length,
        );
      }),
    );
  });
});

it("finds a fault at whichever byte a file is cut, unless only the end of a line is missing", () => {
  const text = block("CERTIFICATE") + block("CERTIFICATE", line);
  const harmless = new Set<number>();
  for (let length = 1; length < text.length; length++) {
    const { blocks, broken } = split(text.slice(0, length));
    if (broken === null) harmless.add(length);
    expect(blocks.length).toBeLessThanOrEqual(2);
  }
  const firstEnd = block("CERTIFICATE").length;
  const begin = "-----BEGIN CERTIFICATE-----".length;
  const cutBegin = (start: number): number[] =>
    Array.from({ length: begin }, (_, index) => start + index);
  expect([...harmless]).toEqual([
    ...cutBegin(0).slice(1),
    firstEnd - 1,
    ...cutBegin(firstEnd),
    text.length - 1,
  ]);
});
