import { createHash, createPrivateKey, generateKeyPairSync } from "node:crypto";
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Certificate } from "../../src/core/certificate/certificate.ts";
import { Cleanup } from "../support/cleanup.ts";
import { mint, subjectAltName, unknownExtension } from "../support/mint.ts";
import { createPki, type KeyType, type Pki } from "../support/pki.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const cleanup = new Cleanup();
let pki: Pki;

beforeAll(async () => {
  pki = cleanup.use(await createPki());
});
afterAll(() => cleanup[Symbol.asyncDispose]());

/** What another process has: none of what this one has read before. */
async function newProcess(runDir: string | null) {
  vi.resetModules();
  const { keepCertificates } =
    await import("../../src/adapters/tls/kept-certificates.ts");
  const { certificateFromDer, isKeyOf, readCertificates } =
    await import("../../src/adapters/tls/certificate.ts");
  const { covers } = await import("../../src/adapters/tls/covers.ts");
  const { isIssuedBy } = await import("../../src/adapters/tls/judge.ts");
  const kept = runDir === null ? null : keepCertificates(runDir);
  const read = (pem: string): readonly Certificate[] => {
    const reading = readCertificates(Buffer.from(pem));
    return reading.kind === "read" ? reading.certificates : [];
  };
  return {
    read,
    certificateFromDer,
    isKeyOf,
    covers,
    isIssuedBy,
    save: () => kept?.save(),
  };
}

const questions = ["a.example", "x.b.example", "192.0.2.7", "*.b.example", "c"];

/** A leaf and its issuer. */
async function issue(keyType?: KeyType): Promise<string> {
  const { certificate } = await pki.intermediate.leaf({
    names: ["a.example", "*.b.example", "192.0.2.7"],
    ...(keyType === undefined ? {} : { keyType }),
  });
  return certificate + pki.intermediate.certificate;
}

/** A run over everything: it reads, asks and keeps. */
async function runOver(runDir: string | null, pems: readonly string[]) {
  const run = await newProcess(runDir);
  const seen = pems.map((pem) => {
    const [leaf, issuer] = run.read(pem);
    if (leaf === undefined || issuer === undefined) throw new Error("unread");
    return {
      leaf,
      issuer,
      covered: questions.filter((name) => run.covers(leaf, name)),
      isIssued: run.isIssuedBy(leaf, issuer),
      isOwn: run.isIssuedBy(issuer, leaf),
    };
  });
  await run.save();
  return seen;
}

/** Another text in the file, with the digest that belongs to it. */
async function rewrite(
  file: string,
  change: (lines: string) => string,
): Promise<void> {
  const [head = "", lines = ""] = (await readFile(file, "utf8")).split("\n");
  const changed = change(lines);
  const sha256 = createHash("sha256").update(changed).digest("hex");
  const first = { ...(JSON.parse(head) as object), sha256 };
  await writeFile(file, `${JSON.stringify(first)}\n${changed}\n`);
}

const otherSerial = (text: string): string =>
  text.replace(/"serial":"[0-9A-F]+"/, '"serial":"FF"');

describe("what OpenSSL said of certificates", () => {
  it("is the same to the next run", async () => {
    await using directory = await temporaryDirectory();
    const pems = await Promise.all(
      (["ec-p256", "rsa-2048", "ed25519"] as const).map((type) => issue(type)),
    );
    const decoded = await runOver(null, pems);
    expect(await runOver(directory.path, pems)).toEqual(decoded);
    expect(await runOver(directory.path, pems)).toEqual(decoded);
    expect(decoded[0]?.covered).toEqual(questions.slice(0, 4));
    expect(decoded[0]).toMatchObject({ isIssued: true, isOwn: false });
  });

  it("is taken from the file, which is ours alone and is not written again", async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, "certificates.json");
    const pems = [await issue()];
    await runOver(directory.path, pems);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await rewrite(file, (lines) =>
      otherSerial(lines).replace('"covers c":false', '"covers c":true'),
    );
    const { ino } = await stat(file);
    const [seen] = await runOver(directory.path, pems);
    expect(seen?.leaf.serial).toBe("FF");
    expect(seen?.covered).toContain("c");
    expect((await stat(file)).ino).toBe(ino);
  });

  it("is asked for where the file does not tell it, and then kept", async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, "certificates.json");
    const pem = await issue();
    await runOver(directory.path, [pem]);
    const run = await newProcess(directory.path);
    const [leaf] = run.read(pem);
    expect(leaf && run.covers(leaf, "y.b.example")).toBe(true);
    await run.save();
    expect(await readFile(file, "utf8")).toContain('"covers y.b.example":true');
  });

  it("is forgotten once nothing has the certificate any more", async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, "certificates.json");
    const before = await issue();
    const [old] = await runOver(directory.path, [before]);
    const [renewed] = await runOver(directory.path, [await issue()]);
    const text = await readFile(file, "utf8");
    expect(text).toContain(renewed?.leaf.fingerprint256);
    expect(text).not.toContain(old?.leaf.fingerprint256);
  });

  it("is kept of what was read before anybody kept it", async () => {
    await using directory = await temporaryDirectory();
    const pem = await issue();
    const run = await newProcess(null);
    const [leaf] = run.read(pem);
    const { keepCertificates } =
      await import("../../src/adapters/tls/kept-certificates.ts");
    await keepCertificates(directory.path).save();
    const text = await readFile(
      join(directory.path, "certificates.json"),
      "utf8",
    );
    expect(text).toContain(leaf?.fingerprint256);
  });

  it.each<[string, (file: string) => Promise<void>]>([
    [
      "has another byte somewhere",
      async (file) =>
        writeFile(file, otherSerial(await readFile(file, "utf8"))),
    ],
    [
      "was written by another livecert or OpenSSL",
      async (file) => {
        await rewrite(file, otherSerial);
        const text = await readFile(file, "utf8");
        await writeFile(file, text.replace(" openssl ", " openssl 0."));
      },
    ],
    [
      "could have been written by others",
      async (file) => {
        await rewrite(file, otherSerial);
        await chmod(file, 0o666);
      },
    ],
    ["is cut off", (file) => writeFile(file, '{"by":"livecert')],
    ["is empty", (file) => writeFile(file, "")],
  ])("is not believed where the file %s", async (_what, change) => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, "certificates.json");
    const pems = [await issue()];
    const decoded = await runOver(directory.path, pems);
    await change(file);
    expect(await runOver(directory.path, pems)).toEqual(decoded);
  });

  it("does not speak for bytes that only begin alike, or are written in another way", async () => {
    await using directory = await temporaryDirectory();
    const pem = await issue();
    const [seen] = await runOver(directory.path, [pem]);
    const der = seen?.leaf.der ?? new Uint8Array();
    await rewrite(join(directory.path, "certificates.json"), otherSerial);
    const longer = Buffer.concat([der, Buffer.from("more")]);
    const run = await newProcess(directory.path);
    expect(run.certificateFromDer(longer)?.serial).not.toBe("FF");
    expect(run.certificateFromDer(der)?.serial).toBe("FF");
  });

  it("is never said of another certificate that one holds as text", async () => {
    await using directory = await temporaryDirectory();
    const key = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const inner = await pki.intermediate.leaf({ names: ["inner.test"] });
    const outer = mint({
      subject: "outer.test",
      issuer: "outer.test",
      notBefore: new Date(Date.now() - 3_600_000),
      notAfter: new Date(Date.now() + 3_600_000),
      key,
      signer: key,
      digest: "sha256",
      extensions: [
        subjectAltName(["outer.test"]),
        unknownExtension(false, `\n${inner.certificate}`),
      ],
    });
    // Decoded first, then recalled.
    for (let time = 0; time < 2; time += 1) {
      const run = await newProcess(directory.path);
      const [certificate] = run.read(outer);
      if (certificate === undefined) throw new Error("unread");
      await run.save();
      expect(certificate.subject).toBe("CN=outer.test");
      expect(run.isKeyOf(key.privateKey, certificate)).toBe(true);
      expect(run.isKeyOf(createPrivateKey(inner.key), certificate)).toBe(false);
      expect(run.covers(certificate, "inner.test")).toBe(false);
      const byDer = run.certificateFromDer(certificate.der);
      expect(byDer?.subject).toBe("CN=outer.test");
    }
    const { read } = await newProcess(null);
    const [, second] = read(inner.certificate + outer);
    expect(second?.subject).toBe("CN=outer.test");
  });

  it("is not missed where there is no run directory", async () => {
    const pems = [await issue()];
    const decoded = await runOver(null, pems);
    expect(await runOver("/nonexistent", pems)).toEqual(decoded);
  });
});
