import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunDocument } from "../../src/core/report/document.ts";
import { CertbotDirectory, lineageFiles } from "../support/lineage.ts";
import { createPki, fingerprintOf, type Pki } from "../support/pki.ts";
import { frozenClock, Terminal } from "./transcript.ts";

const through = frozenClock;

let pki: Pki;
let terminal: Terminal;

beforeAll(async () => {
  const authority = {
    notBefore: new Date("2026-01-01T00:00:00Z"),
    notAfter: new Date("2036-01-01T00:00:00Z"),
  };
  pki = await createPki({ root: authority, intermediate: authority });
  terminal = await Terminal.open();
  const certbot = await CertbotDirectory.create(
    join(terminal.directory, "letsencrypt"),
  );
  const validity = {
    notBefore: new Date("2026-11-01T00:00:00Z"),
    notAfter: new Date("2027-01-30T00:00:00Z"),
  };
  const leaf = await pki.intermediate.leaf({
    names: ["example.org", "www.example.org"],
    ...validity,
  });
  const other = await pki.intermediate.leaf({
    names: ["example.com"],
    ...validity,
  });
  await certbot.write("example.org", lineageFiles(leaf, pki.intermediate));
  await certbot.write("example.com", {
    ...lineageFiles(other, pki.intermediate),
    privkey: leaf.key,
  });
  const fingerprint = fingerprintOf(leaf.certificate);
  terminal.show(fingerprint.slice(0, 11), "LEAF");
  terminal.show(fingerprintOf(other.certificate).slice(0, 11), "OTHER");
  terminal.show(pki.rootFile, "$ROOT");
  const bundle = leaf.certificate + pki.intermediate.certificate;
  await writeFile(join(terminal.directory, "bundle.pem"), bundle);
  await writeFile(join(terminal.directory, "leaf.pem"), leaf.certificate);
});

afterAll(async () => {
  await terminal[Symbol.asyncDispose]();
  await pki[Symbol.asyncDispose]();
});

async function documentOf(words: readonly string[]): Promise<RunDocument> {
  const { stdout } = await terminal.run(["check", ...words, "--json"], {
    through,
  });
  return JSON.parse(stdout) as RunDocument;
}

describe("livecert check", () => {
  it("calls a sound lineage sound", async () => {
    expect(
      await terminal.transcript(
        ["check", "example.org", "--roots", pki.rootFile],
        { through },
      ),
    ).toBe(
      `$ livecert check example.org --roots $ROOT
example.org: sound
  LEAF, ec-p256, expires 2027-01-30 (in 67 days), example.org www.example.org
1 certificate, all well
`,
    );
  });

  it("says what is wrong, what to do, and exits with 3", async () => {
    const text = await terminal.transcript(
      ["check", "example.com", "--roots", pki.rootFile],
      { through },
    );
    expect(text).toContain("example.com: rejected\n");
    expect(text).toContain("  fatal pair/key-mismatch: ");
    expect(text).toContain("    hint: ");
    expect(text).toContain("1 certificate, 1 in need of attention");
    expect(text).toMatch(/exit 3\n$/);
  });

  it("looks at all lineages unless some are named", async () => {
    const { lineages, exitCode, outcome } = await documentOf([
      ...["--roots", pki.rootFile],
    ]);
    expect({ exitCode, outcome }).toEqual({ exitCode: 3, outcome: "rejected" });
    expect(
      lineages.map(({ name, valid, outcome }) => [name, valid, outcome]),
    ).toEqual([
      ["example.com", false, "rejected"],
      ["example.org", true, null],
    ]);
  });

  it("takes a name, a directory and one without Certbot alike", async () => {
    const live = join(terminal.directory, "letsencrypt/live/example.org");
    const { lineages } = await documentOf([
      ...["example.org", live, "--roots", pki.rootFile],
    ]);
    expect(lineages[0]?.leaf?.bundle256).toMatch(/^([0-9A-F]{2}:){31}/);
    expect(lineages[1]).toEqual(lineages[0]);
  });

  it("judges a file as a bundle, without a key", async () => {
    const sound = await documentOf(["bundle.pem", "--roots", pki.rootFile]);
    expect(sound.exitCode).toBe(0);
    expect(sound.lineages).toMatchObject([
      { name: null, path: join(terminal.directory, "bundle.pem"), valid: true },
    ]);
    const lone = await documentOf(["leaf.pem", "--roots", pki.rootFile]);
    expect(lone.exitCode).toBe(3);
    expect(lone.lineages[0]?.findings).toMatchObject([
      { severity: "regression" },
    ]);
  });

  it("trusts the roots of the command line alone, and those of the environment besides", async () => {
    const untrusted = await documentOf(["bundle.pem"]);
    expect(untrusted.lineages[0]?.findings).toMatchObject([
      { rule: "chain/untrusted" },
    ]);
    const { exitCode } = await terminal.run(["check", "bundle.pem"], {
      through,
      environment: { LIVECERT_ROOTS: pki.rootFile },
    });
    expect(exitCode).toBe(0);
  });

  it("asks for the names that a person wants covered", async () => {
    const { lineages, exitCode } = await documentOf([
      ...["bundle.pem", "--roots", pki.rootFile],
      ...["--name", "www.example.org", "--name", "mail.example.org"],
    ]);
    expect(exitCode).toBe(3);
    expect(lineages[0]?.findings).toMatchObject([
      { severity: "regression", subject: "mail.example.org" },
    ]);
  });

  it("names what is most like a lineage that does not exist", async () => {
    expect(await terminal.transcript(["check", "exmaple.org"])).toBe(
      `$ livecert check exmaple.org
livecert: error: no lineage exmaple.org in $DIR/letsencrypt
livecert: hint: did you mean example.org?
exit 2
`,
    );
    expect(await terminal.transcript(["check", "./none.pem"])).toBe(
      `$ livecert check ./none.pem
livecert: error: ./none.pem does not exist
livecert: hint: livecert check, without a name, checks all lineages
exit 2
`,
    );
  });

  it("takes a lineage's directory by any path that leads to it", async () => {
    const cwd = join(terminal.directory, "letsencrypt/archive");
    const live = join(terminal.directory, "letsencrypt/live/example.org");
    await symlink(live, join(cwd, "linked"));
    for (const [word, from] of [
      ["linked", cwd],
      ["./linked", cwd],
      [".", live],
    ] as const) {
      const { exitCode, stdout } = await terminal.run(
        ["check", word, "--roots", pki.rootFile],
        { through, cwd: from },
      );
      expect(stdout).toMatch(/^example\.org: sound$/m);
      expect(exitCode).toBe(0);
    }
  });

  it("says of a pipe that it is no file, rather than that it is not there", async () => {
    const { exitCode, stderr } = await terminal.run(["check", "/dev/stdin"], {
      input: "-----BEGIN CERTIFICATE-----\n",
    });
    expect(stderr).toContain("error: /dev/stdin is no ordinary file\n");
    expect(exitCode).toBe(2);
  });

  it("exits with 2 for a directory that holds no lineage", async () => {
    await mkdir(join(terminal.directory, "empty"), { recursive: true });
    expect((await terminal.run(["check", "./empty"])).exitCode).toBe(2);
  });

  it("ends with a verdict, whatever a file holds", async () => {
    const path = join(terminal.directory, "odd");
    for (const content of ["", "\0".repeat(4096), "-----BEGIN CERTIFICATE"]) {
      await writeFile(path, content);
      const { exitCode, lineages } = await documentOf(["./odd"]);
      expect(exitCode).toBe(3);
      expect(lineages[0]?.findings[0]?.severity).toBe("fatal");
    }
  });

  it("writes no state and needs no rights but to read", async () => {
    const bundle = join(terminal.directory, "bundle.pem");
    await chmod(terminal.directory, 0o755);
    const { exitCode, stderr } = await terminal.run(
      ["check", bundle, "--roots", pki.rootFile],
      { through: ["setpriv", "--reuid=65534", "--clear-groups", ...through] },
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  });

  it("reads what is there where /proc is not", async () => {
    const hidden = 'mount -t tmpfs none /proc && exec "$@"';
    const { exitCode, stderr } = await terminal.run(
      ["check", "./bundle.pem", "--roots", pki.rootFile],
      { through: ["unshare", "--mount", "sh", "-c", hidden, "sh", ...through] },
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  });
});
