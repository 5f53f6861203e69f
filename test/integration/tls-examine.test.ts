import {
  chmod,
  readdir,
  readFile,
  stat,
  utimes,
  writeFile,
} from "node:fs/promises";
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundle256 } from "../../src/adapters/tls/bundle.ts";
import {
  certificateFromDer,
  readCertificates,
} from "../../src/adapters/tls/certificate.ts";
import { loadServerContext } from "../../src/adapters/tls/context.ts";
import { covers } from "../../src/adapters/tls/covers.ts";
import { judgeByRehearsal } from "../../src/adapters/tls/judge-by-rehearsal.ts";
import { judgeServed } from "../../src/adapters/tls/judge.ts";
import {
  PrivateKey,
  readPrivateKey,
} from "../../src/adapters/tls/private-key.ts";
import { machineRoots, onlyRoots } from "../../src/adapters/tls/roots.ts";
import { Cleanup } from "../support/cleanup.ts";
import { lineageFiles } from "../support/lineage.ts";
import { generalizedTime } from "../support/der.ts";
import {
  basicConstraints,
  mint,
  subjectAltName,
  type Draft,
  type KeyPair,
} from "../support/mint.ts";
import { NginxBed, serverBlock } from "../support/nginx.ts";
import {
  createKey,
  createPki,
  encryptKey,
  fingerprintOf,
  type CertificateRequest,
  type Pki,
} from "../support/pki.ts";
import { mustRun } from "../support/run.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { examineFiles, gravities, type Files } from "./tls.ts";

const cleanup = new Cleanup();
let directory: string;
let pki: Pki;

beforeAll(async () => {
  directory = cleanup.use(await temporaryDirectory()).path;
  pki = cleanup.use(await createPki());
});
afterAll(() => cleanup[Symbol.asyncDispose]());

let written = 0;

/** Writes the texts to new files, as private as Certbot's. */
async function files(certificate: string, key: string | null): Promise<Files> {
  const number = (written += 1);
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(directory, `${number}-${name}.pem`);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  return {
    certificate: await write("fullchain", certificate),
    key: key === null ? null : await write("privkey", key),
  };
}

async function issued(request: CertificateRequest = {}) {
  const leaf = await pki.intermediate.leaf({ names: ["a.test"], ...request });
  return lineageFiles(leaf, pki.intermediate);
}

async function sound(request: CertificateRequest = {}): Promise<Files> {
  const { fullchain, privkey } = await issued(request);
  return files(fullchain, privkey);
}

describe("a sound pair", () => {
  it("has no findings, and what a client is handed is known", async () => {
    const { fullchain, privkey, cert } = await issued();
    const { leaf, certificates, bundle, findings } = await examineFiles(
      await files(fullchain, privkey),
      pki.rootFile,
    );
    expect(findings).toEqual([]);
    expect(leaf).toMatchObject({
      fingerprint256: fingerprintOf(cert),
      subject: "CN=a.test",
      issuer: "CN=Test Intermediate",
      subjectAltNames: ["DNS:a.test"],
      keyType: "ec-p256",
      isCa: false,
    });
    expect(bundle?.bundle256).toBe(bundle256(certificates));
  });

  it.each(["rsa-2048", "rsa-pss-2048", "ec-p384", "ed25519"] as const)(
    "may be %s",
    async (keyType) => {
      const found = await examineFiles(await sound({ keyType }), pki.rootFile);
      expect(gravities(found)).toEqual([]);
      expect(found.leaf?.keyType).toBe(keyType);
    },
  );

  it("may be a bundle without a key, of which no handshake can be tried", async () => {
    const { fullchain } = await issued();
    const alone = await examineFiles(
      await files(fullchain, null),
      pki.rootFile,
    );
    expect(alone).toMatchObject({ findings: [], bundle: null });
  });

  it("has one bundle fingerprint, however its file is padded with what clients drop", async () => {
    const { fullchain, cert, chain, privkey } = await issued();
    const texts = [
      fullchain,
      cert + chain + chain,
      fullchain + pki.root.certificate,
    ];
    const stranger = (await pki.anotherRoot()).certificate;
    const bundles = await Promise.all(
      [...texts, fullchain + stranger].map(async (text) => {
        const found = await examineFiles(
          await files(text, privkey),
          pki.rootFile,
        );
        return found.bundle?.bundle256;
      }),
    );
    const [plain, doubled, withRoot, withStranger] = bundles;
    expect(plain).toMatch(/^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    expect([doubled, withStranger]).toEqual([plain, plain]);
    expect(withRoot).not.toBe(plain);
  });
});

it("pairs a certificate with its key where only one of the two has a compressed point", async () => {
  const [key, leaf] = ["compressed.key", "compressed.pem"].map((name) =>
    join(directory, name),
  ) as [string, string];
  const plain = await createKey("ec-p256");
  const compress = ["ec", "-conv_form", "compressed", "-out", key];
  await mustRun("openssl", compress, { input: plain });
  await mustRun("openssl", [
    ...["req", "-x509", "-key", key, "-subj", "/CN=a.test", "-days", "30"],
    ...["-out", leaf],
  ]);
  const pair = await files(await readFile(leaf, "utf8"), plain);
  expect(gravities(await examineFiles(pair, leaf))).toEqual([]);
});

describe("one fault beside another", () => {
  const past = {
    notBefore: new Date("2024-01-01"),
    notAfter: new Date("2024-03-01"),
  };
  const future = { notBefore: new Date(Date.now() + 86_400_000) };
  const forClients = { extensions: { extendedKeyUsage: "clientAuth" } };

  it.each([
    [
      "expired and for clients",
      { ...past, ...forClients },
      ["regression chain/wrong-purpose", "regression dates/expired"],
    ],
    [
      "not yet valid and for clients",
      { ...future, ...forClients },
      ["regression chain/wrong-purpose", "regression dates/not-yet-valid"],
    ],
    ["expired", past, ["regression dates/expired"]],
  ] as const)("is told: %s", async (_what, request, wanted) => {
    const found = await examineFiles(await sound(request), pki.rootFile);
    expect(gravities(found)).toEqual(wanted);
  });

  it.each([
    ["expired", past, "regression dates/expired"],
    ["not yet valid", future, "regression dates/not-yet-valid"],
    ["for clients", forClients, "regression chain/wrong-purpose"],
    ["signed with SHA-1", { digest: "sha1" }, "fatal strength/weak-signature"],
    ["too short a key", { keyType: "rsa-1024" }, "fatal strength/weak-key"],
  ] as const)("is told: untrusted, and %s", async (_what, request, other) => {
    const stranger = await pki.anotherRoot({ commonName: "Stranger" });
    const rootFile = join(directory, "stranger.pem");
    await writeFile(rootFile, stranger.certificate);
    const found = gravities(await examineFiles(await sound(request), rootFile));
    expect(found).toContain("regression chain/untrusted");
    expect(found).toContain(other);
  });

  it("is told: an intermediate that is not yet valid, and what it would hide", async () => {
    const intermediate = await pki.root.authority({
      commonName: "Tomorrow's",
      ...future,
    });
    const leaf = await intermediate.leaf({
      names: ["a.test"],
      ...future,
      ...forClients,
    });
    const { fullchain, privkey } = lineageFiles(leaf, intermediate);
    const found = await examineFiles(
      await files(fullchain, privkey),
      pki.rootFile,
    );
    expect(gravities(found)).toEqual([
      "regression chain/wrong-purpose",
      "regression dates/issuer-not-yet-valid",
      "regression dates/not-yet-valid",
    ]);
  });
});

describe("a chain that is written unusually", () => {
  const keys = (): KeyPair =>
    generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const day = 86_400_000;
  const now = Date.now();

  /** A leaf by an intermediate called `Int`, with what differs from the usual one. */
  async function chained(change: Partial<Draft>) {
    const [rootKey, intKey, leafKey] = [keys(), keys(), keys()];
    const common = {
      notBefore: new Date(now - day),
      notAfter: new Date(now + 9 * day),
      digest: "sha256",
    } as const;
    const authority = { extensions: [basicConstraints(true)], ...common };
    const root = mint({
      ...{ subject: "Root", issuer: "Root", key: rootKey, signer: rootKey },
      ...authority,
    });
    const intermediate = mint({
      ...{ subject: "Int", issuer: "Root", key: intKey, signer: rootKey },
      ...authority,
    });
    const leaf = mint({
      ...{ subject: "a.test", issuer: "Int", key: leafKey, signer: intKey },
      ...common,
      extensions: [subjectAltName(["a.test"])],
      ...change,
    });
    const rootFile = join(directory, `root-${String((written += 1))}.pem`);
    await writeFile(rootFile, root);
    const privkey = leafKey.privateKey.export({ type: "pkcs8", format: "pem" });
    return {
      rootFile,
      pair: await files(leaf + intermediate, privkey.toString()),
    };
  }

  it.each(["Int", "INT", " int  "])(
    "is led on by the issuer's name %j, which OpenSSL takes for the same",
    async (issuer) => {
      const { pair, rootFile } = await chained({ issuer });
      expect(gravities(await examineFiles(pair, rootFile))).toEqual([]);
    },
  );

  it.each([
    ["with a fraction of a second", "20991231235959.5Z"],
    ["in another time zone", "20991231235959+0100"],
  ])("is refused as by OpenSSL: an end %s", async (_, text) => {
    const { pair, rootFile } = await chained({
      notAfter: generalizedTime(text),
    });
    expect(gravities(await examineFiles(pair, rootFile))).toEqual([
      "regression chain/invalid",
    ]);
  });

  it("has expired in the year 40", async () => {
    const { pair, rootFile } = await chained({
      notAfter: generalizedTime("00400101000000Z"),
    });
    expect(gravities(await examineFiles(pair, rootFile))).toContain(
      "regression dates/expired",
    );
  });
});

describe("OpenSSL's security level", () => {
  it.each([
    ["rsa-1024", null, "fatal"],
    ["rsa-1024", 1, "regression"],
    ["rsa-2048", 3, "fatal"],
  ] as const)(
    "%s at level %s: %s, as Nginx has it",
    async (keyType, level, severity) => {
      const pair = await sound({ keyType });
      const found = await examineFiles(
        { ...pair, ...(level === null ? {} : { securityLevel: level }) },
        pki.rootFile,
      );
      expect(gravities(found)[0]).toBe(`${severity} strength/weak-key`);
      expect(
        found.findings.filter(({ rule }) => rule.startsWith("strength/")),
      ).toHaveLength(1);

      await using nginx = await NginxBed.create();
      const ciphers =
        level === null ? "" : `ssl_ciphers DEFAULT@SECLEVEL=${level};`;
      await nginx.configure({
        http: serverBlock({
          listen: [`${await nginx.address()} ssl`],
          pairs: [{ certificate: pair.certificate, key: pair.key ?? "" }],
          more: ciphers,
        }),
      });
      expect((await nginx.test()).exitCode === 0).toBe(severity !== "fatal");
    },
  );
});

describe("an encrypted key", () => {
  it.each([
    ["without a password file", null, ["fatal pair/key-encrypted"]],
    ["with the right password", "wrong\nsecret\n", []],
    ["with the right password behind CRLF", "wrong\r\nsecret\r\n", []],
    ["with the right password and CR at the end", "wrong\r\nsecret\r", []],
    ["with wrong passwords", "wrong\n", ["fatal pair/key-encrypted"]],
  ])("%s", async (_what, passwords, wanted) => {
    const { fullchain, privkey } = await issued();
    const pair = await files(fullchain, await encryptKey(privkey, "secret"));
    const password = join(directory, "passwords");
    if (passwords !== null) await writeFile(password, passwords);
    const found = await examineFiles(
      { ...pair, ...(passwords === null ? {} : { password }) },
      pki.rootFile,
    );
    expect(gravities(found)).toEqual(wanted);
    expect(JSON.stringify(found.findings)).not.toContain("wrong");
  });

  it("is no excuse for a password file that does not exist", async () => {
    const password = join(directory, "no-such-file");
    const found = await examineFiles(
      { ...(await sound()), password },
      pki.rootFile,
    );
    expect(gravities(found)).toEqual(["fatal files/missing"]);
  });
});

describe("a file cut at any of its lines", () => {
  it("is fatal exactly where Nginx refuses it", async () => {
    const { fullchain, privkey } = await issued();
    const pair = await files(fullchain, privkey);
    await using nginx = await NginxBed.create();
    await nginx.configure({
      http: serverBlock({
        listen: [`${await nginx.address()} ssl`],
        pairs: [{ certificate: pair.certificate, key: pair.key ?? "" }],
      }),
    });
    const lines = fullchain.split("\n");
    for (let count = 0; count <= lines.length; count += 3) {
      await writeFile(pair.certificate, lines.slice(0, count).join("\n"));
      const found = gravities(await examineFiles(pair, pki.rootFile));
      const { exitCode } = await nginx.test();
      expect({
        count,
        fatal: found.some((one) => one.startsWith("fatal")),
      }).toEqual({
        count,
        fatal: exitCode !== 0,
      });
    }
  });
});

describe("what need not be asked again", () => {
  /** Files that old do not change unseen. */
  const later = 3_600_000;

  it("a kept verdict and rehearsal answer for unchanged files, whatever the day", async () => {
    const verdicts = new Map<string, readonly string[]>();
    const rehearsals = new Map<string, string>();
    const pair = await sound();
    const look = (ahead: number) =>
      examineFiles(pair, pki.rootFile, {
        now: new Date(Date.now() + ahead),
        verdicts: asCache(verdicts),
        rehearsals: asCache(rehearsals),
      });
    const first = await look(later);
    await look(2 * later);
    expect([verdicts.size, rehearsals.size]).toEqual([1, 1]);

    const [key = ""] = verdicts.keys();
    verdicts.set(key, ["invalid: as remembered"]);
    const [rehearsal = ""] = rehearsals.keys();
    rehearsals.set(rehearsal, "AB:CD");
    const again = await look(later);
    expect(gravities(again)).toEqual(["regression chain/invalid"]);
    expect(again.bundle).toMatchObject({
      leaf: first.leaf,
      bundle256: "AB:CD",
    });

    await look(400 * 86_400_000);
    expect(verdicts.size).toBe(2);
  });

  it("a key is opened again once its file is another one, whatever its size and time", async () => {
    const rehearsals = new Map<string, string>();
    const pair = await sound();
    const key = pair.key ?? "";
    const look = () =>
      examineFiles(pair, pki.rootFile, {
        now: new Date(Date.now() + later),
        rehearsals: asCache(rehearsals),
      });
    await look();
    expect(rehearsals.size).toBe(1);

    const { size, atime, mtime } = await stat(key);
    const { privkey } = await issued();
    await writeFile(key, privkey.padEnd(size).slice(0, size));
    await utimes(key, atime, mtime);
    expect(gravities(await look())).toEqual(["fatal pair/key-mismatch"]);
  });

  it("a key that was written a moment ago is not relied on", async () => {
    const rehearsals = new Map<string, string>();
    await examineFiles(await sound(), pki.rootFile, {
      rehearsals: asCache(rehearsals),
    });
    expect(rehearsals.size).toBe(0);
  });

  it("a verdict that cannot be understood is asked for again", async () => {
    const verdicts = new Map<string, readonly string[]>();
    const pair = await sound();
    const look = () =>
      examineFiles(pair, pki.rootFile, { verdicts: asCache(verdicts) });
    await look();
    const [key = ""] = verdicts.keys();
    verdicts.set(key, ["of a later version"]);
    expect(gravities(await look())).toEqual([]);
    expect(verdicts.get(key)).toEqual([]);
  });
});

function asCache<Value>(map: Map<string, Value>) {
  return {
    get: (key: string): Value | null => map.get(key) ?? null,
    set: (key: string, value: Value): void => void map.set(key, value),
  };
}

it("leaves nothing behind in the temporary directory, which it makes private", async () => {
  const temporaryDir = join(directory, "scratch");
  const stranger = await pki.anotherRoot();
  const rootFile = join(directory, "another.pem");
  await writeFile(rootFile, stranger.certificate);
  await examineFiles(await sound(), rootFile, { temporaryDir });
  expect(await readdir(temporaryDir)).toEqual([]);
});

it("judges what is served without a key, as regressions only", async () => {
  const expired = {
    notBefore: new Date("2024-01-01"),
    notAfter: new Date("2024-03-01"),
  };
  const { bundle } = await examineFiles(await sound(expired), pki.rootFile);
  if (bundle === null) throw new Error("no bundle");
  const stranger = await pki.anotherRoot();
  const rootFile = join(directory, "judged.pem");
  await writeFile(rootFile, stranger.certificate);
  const findings = await judgeServed(bundle, {
    now: new Date(),
    roots: await onlyRoots([rootFile]),
    knownIssuers: [],
    temporaryDir: join(directory, "scratch"),
    signal: AbortSignal.timeout(60_000),
  });
  expect(findings.map(({ rule, severity }) => `${severity} ${rule}`)).toEqual([
    "regression dates/expired",
    "regression chain/untrusted",
  ]);
});

describe("where there is no openssl program, the rehearsal's client", () => {
  it.each([
    ["accepts a sound chain", {}, "own", []],
    ["tells an unknown root", {}, "another", ["untrusted"]],
    [
      "tells a wrong purpose",
      { extensions: { extendedKeyUsage: "clientAuth" } },
      "own",
      ["wrong-purpose"],
    ],
    [
      "leaves the leaf's dates to others",
      { notBefore: new Date("2024-01-01"), notAfter: new Date("2024-03-01") },
      "own",
      [],
    ],
  ] as const)("%s", async (_what, request, roots, wanted) => {
    const { fullchain, privkey } = await issued(request);
    const certificates = readCertificates(Buffer.from(fullchain));
    const key = readPrivateKey(new PrivateKey(Buffer.from(privkey)));
    if (certificates.kind !== "read" || key.kind !== "usable")
      throw new Error("the pair cannot be read");
    const loading = loadServerContext(certificates.certificates, key.key, 2);
    if (loading.kind !== "loaded") throw new Error(loading.kind);
    const rootFile = join(directory, `${roots}.pem`);
    const { certificate } =
      roots === "own" ? pki.root : await pki.anotherRoot();
    await writeFile(rootFile, certificate);
    const faults = await judgeByRehearsal(
      loading.context,
      await onlyRoots([rootFile]),
    );
    expect(faults.map(({ kind }) => kind)).toEqual(wanted);
  });
});

describe("trust roots", () => {
  it.each([
    [
      "that do not exist",
      () => Promise.resolve(join(directory, "nowhere.pem")),
    ],
    [
      "without a certificate",
      async () => {
        const path = join(directory, "empty-roots.pem");
        await writeFile(path, "nothing\n");
        return path;
      },
    ],
  ])(
    "in a file %s are a configuration error that names it",
    async (_what, path) => {
      const file = await path();
      await expect(onlyRoots([file])).rejects.toMatchObject({
        code: "configuration-invalid",
        message: expect.stringContaining(file) as unknown,
      });
    },
  );

  it("are the machine's and the extra ones, known apart by their identity", async () => {
    const plain = await machineRoots([]);
    const extra = await machineRoots([pki.rootFile]);
    expect(extra.files).toEqual([...plain.files, pki.rootFile]);
    expect(extra.identity).not.toBe(plain.identity);
    expect((await machineRoots([])).identity).toBe(plain.identity);

    const { bundle } = await examineFiles(await sound(), pki.rootFile, {
      roots: extra,
    });
    expect(bundle).not.toBeNull();
    const trusted = await examineFiles(await sound(), pki.rootFile, {
      roots: extra,
    });
    expect(gravities(trusted)).toEqual([]);
    const untrusted = await examineFiles(await sound(), pki.rootFile, {
      roots: plain,
    });
    expect(gravities(untrusted)).toEqual(["regression chain/untrusted"]);
  });
});

describe("the names that a certificate covers", () => {
  it.each([
    ["a.test", true],
    ["A.TEST", true],
    ["a.test.", true],
    ["b.test", false],
    ["x.wild.test", true],
    ["*.wild.test", true],
    ["wild.test", false],
    ["y.x.wild.test", false],
    ["192.0.2.1", true],
    ["192.0.2.2", false],
    ["3221225985", false],
    ["%61.test", false],
    ["2001:db8::1", true],
    ["[2001:db8:0:0::1]", true],
    ["bücher.test", true],
    ["", false],
  ])("%s: %s", async (name, wanted) => {
    const names = [
      "a.test",
      "*.wild.test",
      "192.0.2.1",
      "2001:db8::1",
      "xn--bcher-kva.test",
    ];
    const { leaf } = await examineFiles(
      await coveringMany(names),
      pki.rootFile,
    );
    expect(leaf && covers(leaf, name)).toBe(wanted);
  });

  let many: Promise<Files> | undefined;
  function coveringMany(names: readonly string[]): Promise<Files> {
    return (many ??= sound({ names }));
  }

  it("that are asked for and missing are regressions of that name", async () => {
    const found = await examineFiles(await sound(), pki.rootFile, {
      requiredNames: ["a.test", "b.test"],
    });
    expect(found.findings).toMatchObject([
      { rule: "names/mismatch", severity: "regression", subject: "b.test" },
    ]);
  });
});

describe("a private key", () => {
  it.each([
    ["as a string", (key: PrivateKey) => String(key)],
    ["joined to a text", (key: PrivateKey) => [key].join()],
    ["as JSON", (key: PrivateKey) => JSON.stringify({ key })],
    [
      "inspected",
      (key: PrivateKey) => inspect(key, { showHidden: true, depth: 9 }),
    ],
    [
      "read and inspected",
      (key: PrivateKey) =>
        inspect(readPrivateKey(key), { showHidden: true, depth: 9 }),
    ],
  ])("shows nothing of itself %s", async (_how, print) => {
    const { privkey } = await issued();
    const printed = print(new PrivateKey(Buffer.from(privkey)));
    for (const line of privkey.split("\n").slice(1, -2))
      expect(printed).not.toContain(line.slice(0, 16));
    expect(printed.length).toBeLessThan(2_000);
  });

  it("is reported when everybody may read it", async () => {
    const pair = await sound();
    await chmod(pair.key ?? "", 0o644);
    const found = await examineFiles(pair, pki.rootFile);
    expect(gravities(found)).toEqual(["warning files/key-exposed"]);
  });
});

it("DER that is no certificate gives none", () => {
  expect(certificateFromDer(Buffer.from("300100", "hex"))).toBeNull();
});
