import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { redact, redactQuotation } from "../../../src/core/report/redact.ts";

const labels = [
  "PRIVATE KEY",
  "RSA PRIVATE KEY",
  "EC PRIVATE KEY",
  "ENCRYPTED PRIVATE KEY",
  "OPENSSH PRIVATE KEY",
  "ANY PRIVATE KEY",
];

/** As long as a secret may be seen: shorter pieces tell nothing. */
const windowLength = 16;

function survivors(body: string, text: string): readonly string[] {
  const windows = Array.from(
    { length: Math.max(0, body.length - windowLength + 1) },
    (_, start) => body.slice(start, start + windowLength),
  );
  return windows.filter((window) => text.includes(window));
}

/** Base64 of random bytes: what a canary key's body looks like. */
const body = fc
  .uint8Array({ minLength: 32, maxLength: 700 })
  .map((bytes) => Buffer.from(bytes).toString("base64"));

const width = fc.constantFrom(16, 20, 48, 64, 76, 10_000);
const lineEnd = fc.constantFrom(
  "\n",
  "\r\n",
  " \n",
  "\\n",
  "\\r\\n",
  "\\\\n",
  " ",
  "",
);

const pem = fc
  .record({
    label: fc.constantFrom(...labels),
    body,
    width,
    lineEnd,
    headers: fc.boolean(),
  })
  .map(({ label, body, width, lineEnd, headers }) => {
    const lines = body.match(new RegExp(`.{1,${width}}`, "g")) ?? [];
    const all = [
      `-----BEGIN ${label}-----`,
      ...(headers && lineEnd !== ""
        ? ["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-256-CBC,0A1B2C3D4E5F"]
        : []),
      ...lines,
      `-----END ${label}-----`,
    ];
    return { body, lines: all, text: all.join(lineEnd) };
  });

/** Texts around a secret as other programs make them. */
const frame = fc.constantFrom<(secret: string) => string>(
  (secret) => secret,
  (secret) =>
    `nginx: [emerg] cannot load certificate key "data:${secret}": PEM_read_bio_PrivateKey() failed (SSL: error:0480006C:PEM routines::no start line)\nnginx: configuration file /etc/nginx/nginx.conf test failed\n`,
  (secret) => `ssl_certificate_key "data:\n${secret}\n";\n`,
  (secret) => `ssl_certificate_key 'data:${secret}';\n`,
  (secret) => `openssl said: ${secret} and went on`,
);

describe("redact", () => {
  it("lets nothing of a key through, however its lines end and whatever stands around it", () => {
    fc.assert(
      fc.property(pem, frame, ({ body, text }, around) => {
        expect(survivors(body, redact(around(text)))).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  it("lets nothing through of a key that was cut anywhere", () => {
    fc.assert(
      fc.property(
        pem,
        frame,
        fc.double({ min: 0, max: 1, noNaN: true }),
        ({ body, text }, around, share) => {
          const whole = around(text);
          const start = whole.indexOf("-----BEGIN");
          const cut = whole.slice(
            0,
            start + Math.floor(share * (whole.length - start)),
          );
          const rest = "\n2026/11/23 12:00:00 [emerg] 812#812: next line\n";
          expect(survivors(body, redact(cut))).toEqual([]);
          expect(survivors(body, redact(cut + rest))).toEqual([]);
          expect(redact(cut + rest)).toContain("[emerg] 812#812: next line");
        },
      ),
      { numRuns: 400 },
    );
  });

  it("lets nothing through of a key whose beginning is lost", () => {
    fc.assert(
      fc.property(pem, fc.nat(), ({ body, text }, from) => {
        const begin = text.indexOf(body.slice(0, windowLength));
        const end = text.indexOf("-----END");
        const tail = text.slice(begin + (from % Math.max(1, end - begin)));
        expect(survivors(body, redact(tail))).toEqual([]);
      }),
    );
  });

  it("keeps JSON intact and lets nothing of a key through it", () => {
    fc.assert(
      fc.property(
        pem,
        frame,
        fc.integer({ min: 1, max: 3 }),
        fc.nat(),
        ({ body, text }, around, depth, length) => {
          const framed = around(text);
          const cut = framed.slice(0, framed.length - (length % framed.length));
          let json = JSON.stringify({ level: 50, said: cut, lineage: "a b" });
          for (let times = 1; times < depth; times++)
            json = JSON.stringify({ json, next: "value" });
          const redacted = redact(json);
          expect(survivors(body, redacted)).toEqual([]);
          let inner: unknown = redacted;
          for (let times = 1; times < depth; times++)
            inner = (JSON.parse(String(inner)) as { json: string }).json;
          expect(JSON.parse(String(inner))).toMatchObject({
            level: 50,
            lineage: "a b",
          });
        },
      ),
      { numRuns: 400 },
    );
  });

  it("lets nothing through of a key whose lines are strings of a list", () => {
    fc.assert(
      fc.property(pem, fc.nat(), ({ body, lines }, kept) => {
        const some = lines.slice(0, 1 + (kept % lines.length));
        const json = JSON.stringify({ errors: some, certificateDirectory: 1 });
        expect(survivors(body, redact(json))).toEqual([]);
        expect(JSON.parse(redact(json))).toMatchObject({
          certificateDirectory: 1,
        });
      }),
    );
  });

  it("changes nothing when it is applied again", () => {
    fc.assert(
      fc.property(pem, frame, ({ text }, around) => {
        const once = redact(around(text));
        expect(redact(once)).toBe(once);
      }),
    );
  });

  it.each([
    [
      "a value that begins like a variable",
      'key "data:$my/key" failed',
      'key "data:[redacted]" failed',
    ],
    [
      "a bare value",
      "ssl_certificate_key data:abc;",
      "ssl_certificate_key data:[redacted];",
    ],
    [
      "two keys one after the other",
      "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n-----BEGIN EC PRIVATE KEY-----\nBBBB\n-----END EC PRIVATE KEY-----\nend",
      "[private key redacted]\n[private key redacted]\nend",
    ],
    [
      "a certificate and its key in one value",
      '"data:-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----\n" is',
      '"data:[redacted]\n" is',
    ],
    [
      "a key in lower case and four dashes",
      "---- begin ssh2 encrypted private key ----\nAAAA\n---- end ssh2 encrypted private key ----\nend",
      "[private key redacted]\nend",
    ],
  ])("takes away %s", (_, text, expected) => {
    expect(redact(text)).toBe(expected);
  });

  it.each([
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "privkey.pem holds no PRIVATE KEY block",
    '{"others":["MIIBtjCCAV2gAwIBAgIUPzq9Jm3cUVb2Tq5cQ0l4fG2lXKkwCgYIKoZIzj0E"]}',
    "data: 5 metadata:x",
    'key "data:$my_key" failed',
    "ssl_certificate_key data:${my_key};",
    '{"data":"x","fingerprint256":"AB:CD"}',
  ])("leaves %j as it is", (text) => {
    expect(redact(text)).toBe(text);
  });

  it("is not brought to a standstill by hostile text", () => {
    const hostile = [
      "-----BEGIN PRIVATE KEY-----".repeat(20_000),
      "-----BEGIN ".repeat(50_000) + "PRIVATE KEY",
      `PRIVATE KEY${"A ".repeat(200_000)}`,
      `-----BEGIN PRIVATE KEY-----${"\\n".repeat(200_000)}`,
      `${"data:".repeat(100_000)} `,
      `-----BEGIN PRIVATE KEY-----${'","'.repeat(100_000)}`,
      "-----END PRIVATE KEY-----".repeat(20_000),
      `${"-".repeat(100_000)}PRIVATE KEY`,
    ];
    for (const text of hostile)
      expect(redact(text)).not.toContain("-----BEGIN PRIVATE KEY-----A");
  });
});

function keyLine(seed: number): string {
  return createHash("sha384").update(String(seed)).digest("base64");
}

describe("redactQuotation", () => {
  it("lets nothing through of a key's line that a program quotes without its label", () => {
    fc.assert(
      fc.property(
        // A digest, since what fast-check shrinks bytes to looks like no key.
        // Of random lines one in 500,000 has so few changes that it looks like a path; all of these were tried.
        fc.nat(500_000).map(keyLine),
        fc.constantFrom(
          (line: string) =>
            `nginx: [emerg] unknown directive "${line}" in /etc/nginx/nginx.conf:12`,
          (line: string) =>
            `nginx: [emerg] cannot load certificate key "/etc/nginx/${line}": BIO_new_file() failed`,
        ),
        (line, around) => {
          expect(survivors(line, redactQuotation(around(line)))).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([
    ["no digit", 12155],
    ["a slash and a plus in every second place", 126851],
  ])("lets nothing through of a key's line with %s", (_, seed) => {
    const text = `cannot load certificate key "/etc/nginx/${keyLine(seed)}": BIO_new_file() failed`;
    expect(survivors(keyLine(seed), redactQuotation(text))).toEqual([]);
  });

  it.each([
    'nginx: [emerg] cannot load certificate "/tmp/test-p7b2Tx/letsencrypt/live/b.test/fullchain.pem"',
    'nginx: [emerg] open() "/srv/OurCompanyWebSites/CertificatesOfProduction/OurShop.pem" failed',
    'nginx: [emerg] cannot load certificate "/etc/letsencrypt/live/www.example.org/fullchain.pem"',
    'nginx: [emerg] open() "/srv/Customers2024/Production/Certificates/Intermediate" failed',
    "SHA-256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    'nginx: [emerg] unknown directive "ssl_certificates" in /etc/nginx/nginx.conf:12',
  ])("leaves %s", (text) => {
    expect(redactQuotation(text)).toBe(text);
  });
});
