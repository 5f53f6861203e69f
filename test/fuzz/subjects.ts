/** Everything in livecert that reads what others wrote, with a grammar of what they might write. */
import { generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import fc from "fast-check";
import { readHookEnvironment } from "../../src/adapters/certbot/environment.ts";
import { parseRenewalConfiguration } from "../../src/adapters/certbot/renewal.ts";
import { parseConfiguration } from "../../src/adapters/config/file.ts";
import { createLog } from "../../src/adapters/log/log.ts";
import { openStore } from "../../src/adapters/store/store.ts";
import { readCertificates } from "../../src/adapters/tls/certificate.ts";
import { PrivateKey } from "../../src/adapters/tls/private-key.ts";
import { certificateSources } from "../../src/core/nginx/sources.ts";
import { probePoints } from "../../src/core/nginx/points.ts";
import { readModel } from "../../src/core/nginx/read-model.ts";
import { readRegex } from "../../src/core/nginx/regex.ts";
import { usesOf } from "../../src/core/nginx/uses.ts";
import { redact } from "../../src/core/report/redact.ts";
import { mergeSettings } from "../../src/core/settings/merge.ts";
import { LivecertError } from "../../src/errors.ts";
import { basicConstraints, mint } from "../support/mint.ts";
import { subject, type Subject } from "./subject.ts";

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

/** Any of these, in any order. */
const text = (
  ...pieces: readonly (string | fc.Arbitrary<string>)[]
): fc.Arbitrary<string> =>
  fc
    .array(
      fc.oneof(
        ...pieces.map((piece) =>
          typeof piece === "string" ? fc.constant(piece) : piece,
        ),
      ),
      { maxLength: 60 },
    )
    .map((all) => all.join(""));

const anything = fc.string({ unit: "binary", maxLength: 12 });

const key = generateKeyPairSync("ec", { namedCurve: "P-256" });
const certificate = mint({
  subject: "fuzz.test",
  issuer: "fuzz.test",
  notBefore: new Date("2026-01-01"),
  notAfter: new Date("2036-01-01"),
  key,
  signer: key,
  digest: "sha256",
  extensions: [basicConstraints(false)],
});
const lines = certificate.trimEnd().split("\n");
const body = lines.slice(1, -1).join("\n");
const privateKey = key.privateKey.export({ type: "pkcs8", format: "pem" });

const pemText = text(
  certificate,
  certificate.replaceAll("\n", "\r\n"),
  certificate.replaceAll("CERTIFICATE", "TRUSTED CERTIFICATE"),
  certificate.replaceAll("CERTIFICATE", "X509 CERTIFICATE"),
  privateKey.toString(),
  ...lines.map((line) => `${line}\n`),
  `${body}\n`,
  "-----BEGIN CERTIFICATE-----\n",
  "-----END CERTIFICATE-----\n",
  "-----BEGIN CERTIFICATE-----",
  "-----",
  "-----BEGIN \n",
  "Proc-Type: 4,ENCRYPTED\n",
  "\n",
  "\r",
  " ",
  "\t",
  "\0",
  "\u{feff}",
  "=",
  "A".repeat(300),
  anything,
);

const pem = subject({
  id: "pem",
  inputs: pemText,
  read: (written) => {
    const bytes = Buffer.from(written);
    const isRead = readCertificates(bytes).kind === "read";
    // A line that begins with NUL ends a file for OpenSSL, but not a buffer, which is all that Node.js gives it.
    check(
      bytes.includes(0) || isRead === isLoadedByOpenssl(bytes),
      `livecert ${isRead ? "reads" : "refuses"} it, OpenSSL does not`,
    );
  },
});

/** As Nginx loads a certificate file: Node.js reads it by the same functions. */
function isLoadedByOpenssl(bytes: Buffer): boolean {
  try {
    createSecureContext({ cert: bytes, ciphers: "DEFAULT@SECLEVEL=0" });
    return bytes.length > 0;
  } catch {
    return false;
  }
}

const keys = subject({
  id: "key",
  inputs: pemText,
  read: (written) => {
    const read = new PrivateKey(Buffer.from(written));
    check(
      !JSON.stringify({ read, text: String(read) }).includes(body.slice(0, 40)),
      "the key is printed",
    );
  },
});

const secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ";

const configuration = text(
  ...["http {", "server {", "stream {", "mail {", "location / {", "}", ";"],
  ...["events{}", "if ($a) {", "map $a $b {", "upstream u {", "types {"],
  ...["listen", " 443 ssl", " [::]:1-3", " unix:/s ssl", " *:443 quic", "0"],
  ...["ssl_certificate", "ssl_certificate_key", " /a.pem", " $b", " ${c}"],
  ...["server_name", " ~^(?<x>.+)$", " ~(a+)+$", " *.a", " a.*", ' ""', " ."],
  ...["include", " /m;", " *;", " conf.d/[a-z]*.conf;", "pid", "error_log"],
  ...[
    "ssl_reject_handshake on;",
    "ssl_preread on;",
    "ssl_ciphers",
    " @SECLEVEL=0",
  ],
  ...['"', "'", "\\", "#", "\n", "\r", " ", "\t", "\0", "{", "$", "${"],
  ...["content_by_lua_block {", "--[[", "]]", "# configuration file /m:\n"],
  ...["# configuration file /n:\n", " off;", "default_server", "\u{1F600}"],
  anything,
);

const nginx = subject({
  id: "nginx",
  inputs: fc.tuple(configuration, configuration),
  read: ([before, after]) => {
    const hidden = `http { server { listen 443 ssl; ssl_certificate /a; ssl_certificate_key "data:${secret}"; } }`;
    const model = readModel(
      `# configuration file /m:\n${before}\n# configuration file /h:\n${hidden}\n# configuration file /n:\n${after}`,
      { prefix: "/", hostname: "h" },
    );
    const printed = JSON.stringify(model);
    check(
      JSON.stringify(JSON.parse(printed)) === printed,
      "the model is not what it is printed as",
    );
    check(!printed.includes(secret), "a data: value is in the model");
    usesOf(model, () => null);
    for (const source of certificateSources(model))
      probePoints(model, source, {
        covers: (name) => name.length % 2 === 0,
        subjectAltNames: ["DNS:a.test", "DNS:*.test"],
        keyAlgorithm: "ecdsa",
        hasSameSlot: (certificate) => certificate.length % 3 === 0,
        localAddresses: ["127.0.0.1"],
      });
  },
});

const regex = subject({
  id: "regex",
  inputs: text(
    ...[
      "a",
      "b",
      ".",
      "\\.",
      "-",
      "\\w",
      "\\d",
      "\\S",
      "[a-z]",
      "[^.]",
      "[.a]",
    ],
    ...["(", "(?:", "(?<n>", "(?=", "(?!", ")", "|", "*", "+", "?", "{2,}"],
    ...["{30}", "*?", "^", "$", "\\1", "[^]]", "(?i)", "A", "x", ":"],
  ),
  read: (source) => {
    const read = readRegex(source);
    for (const letter of ["a", "ab", "-", "a.", "x-", "1"])
      read?.test(`${letter.repeat(252 / letter.length)}!`);
  },
});

const outline = {
  schema: 1,
  at: "2026-11-24T00:00:00.000Z",
  version: 2,
  certbot: { pid: 1, startTicks: "1", directoryHooks: true },
  lineage: { name: "a.test", path: "/etc/letsencrypt/live/a.test" },
};
const record = fc.oneof(
  fc.json(),
  fc
    .record({
      keep: fc.subarray(Object.keys(outline)),
      change: fc.dictionary(
        fc.oneof(fc.constantFrom(...Object.keys(outline)), fc.string()),
        fc.jsonValue(),
      ),
    })
    .map(({ keep, change }) => {
      const kept = Object.entries(outline).filter(([name]) =>
        keep.includes(name),
      );
      return JSON.stringify({ ...Object.fromEntries(kept), ...change });
    }),
  text("{", "}", "[", '"schema":', "1", "2", ",", "null", "\n", "\0", anything),
);
const folders = ["sources", "pending", "queue", "models", "targets"] as const;

const silent = createLog({
  level: "silent",
  format: { kind: "json", priorities: false },
  descriptor: 2,
  now: () => new Date(),
});

const state = subject({
  id: "state",
  isSlow: true,
  inputs: fc.record({
    folder: fc.constantFrom(...folders),
    name: fc.constantFrom("a.json", "..json", "a b.json", "-.json"),
    content: record,
    journal: text(record, "\n", "\n\n"),
  }),
  read: async ({ folder, name, content, journal }) => {
    const stateDir = await mkdtemp(join(tmpdir(), "livecert-fuzz-"));
    try {
      const directory = join(stateDir, "v1", folder);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeFile(join(directory, name), content, { mode: 0o600 });
      const journalFile = join(stateDir, "v1", "journal.jsonl");
      await writeFile(journalFile, journal, { mode: 0o600 });
      await orKnownError(async () => {
        const store = await openStore({ stateDir, log: silent });
        await store[folder].list();
        await store.journal.read({ limit: 100 });
        const at = "2026-11-24T00:00:00.000Z";
        await store.queue.put({ ...outline, schema: 1, at, certbot: null });
        check((await store.queue.list()).length > 0, "nothing was queued");
      });
    } finally {
      await rm(stateDir, { recursive: true });
    }
  },
});

const yaml = subject({
  id: "yaml",
  inputs: text(
    ...[
      "roots:",
      "limits:",
      "targets:",
      "nginx:",
      "  bin:",
      "log-level:",
      "json:",
    ],
    ...[
      "\n",
      "\n  ",
      "\n    ",
      " ",
      "- ",
      ": ",
      "? ",
      "|",
      ">",
      "#",
      "[",
      "]",
      "{",
      "}",
    ],
    ...[
      "&a ",
      "*a",
      "*a, *a, *a",
      "<<: *a",
      "!!binary ",
      "!!js/function ",
      "---\n",
      "%YAML",
    ],
    ...[
      "24h",
      "0640",
      "1e999",
      ".inf",
      "~",
      "true",
      "kind: host",
      "name: a",
      "'",
      '"',
      "\t",
    ],
    anything,
  ),
  read: (written) => {
    const { given } = parseConfiguration("/etc/livecert.yaml", written);
    mergeSettings(given);
  },
});

const word = text(
  ...[
    "/",
    "..",
    "etc",
    "letsencrypt",
    "live",
    "a.test",
    "*",
    "\n",
    "\r",
    "\u{1b}[2J",
  ],
  ...[
    ";",
    "$(id)",
    "`id`",
    "|",
    "&",
    "'",
    '"',
    " ",
    "\\",
    "%s",
    "\u{202e}",
    "é",
  ],
  anything,
);

const hook = subject({
  id: "hook",
  inputs: fc.record({
    RENEWED_LINEAGE: fc.oneof(
      word,
      word.map((one) => `/${one}`),
    ),
    RENEWED_DOMAINS: word,
  }),
  read: (environment) =>
    orKnownError(() => {
      const { domains } = readHookEnvironment(environment);
      check(
        domains.every((one) => /^[!-~]+$/.test(one)),
        "a name that is none",
      );
    }),
});

const renewal = subject({
  id: "renewal",
  inputs: text(
    ...[
      "[renewalparams]",
      "installer",
      " = ",
      "nginx",
      "\n",
      "[[webroot_map]]",
    ],
    ...["'''", '"""', "#", "pre_hook", "%(x)s", "[", "]", "=", anything],
  ),
  read: parseRenewalConfiguration,
});

const keyBody = privateKey.toString().split("\n")[1] ?? "";
const words = subject({
  id: "redact",
  inputs: fc.tuple(
    text("-----", "BEGIN", "data:", "\n", "\\n", " ", '"', "=", anything),
    text("-----END", "-----\n", "data:", "\n", '"', anything),
  ),
  read: ([before, after]) => {
    const printed = redact(`${before}\n${privateKey.toString()}${after}`);
    check(!printed.includes(keyBody), "a key is printed");
  },
});

async function orKnownError(read: () => void | Promise<void>): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (!(error instanceof LivecertError)) throw error;
    check(/^[ -~]*$/.test(error.message), `not ASCII: ${error.message}`);
    check(error.message.length < 2_000, "more words than anybody reads");
  }
}

export const subjects: readonly Subject[] = [
  pem,
  keys,
  nginx,
  regex,
  state,
  yaml,
  hook,
  renewal,
  words,
];
