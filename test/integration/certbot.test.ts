import {
  chmod,
  copyFile,
  cp,
  mkdir,
  open,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  it,
  vi,
} from "vitest";
import {
  findArchivedCopy,
  isOutdated,
  listVersions,
} from "../../src/adapters/certbot/archive.ts";
import { readHookEnvironment } from "../../src/adapters/certbot/environment.ts";
import {
  isMeantBy,
  lineageOfPath,
} from "../../src/adapters/certbot/lineage-of-path.ts";
import {
  findLineage,
  listLineages,
} from "../../src/adapters/certbot/lineages.ts";
import {
  parseRenewalConfiguration,
  readRenewalConfiguration,
} from "../../src/adapters/certbot/renewal.ts";
import {
  currentVersion,
  snapshotLineage,
  snapshotPair,
  type LineageSnapshot,
  type SnapshotOptions,
} from "../../src/adapters/certbot/snapshot.ts";
import { readFileBounded } from "../../src/adapters/files/read-file.ts";
import { realPathOfOpen } from "../../src/adapters/files/real-path.ts";
import type { Lineage, LineageKind } from "../../src/core/lineage/lineage.ts";
import {
  CertbotDirectory,
  kinds,
  lineageFiles,
  type LineageFiles,
  type Step,
} from "../support/lineage.ts";
import { createPki, fingerprintOf, type Pki } from "../support/pki.ts";
import { mustRun } from "../support/run.ts";
import { temporaryDirectory } from "../support/temporary.ts";

let pki: Pki;
/** The files of version 1, 2 and 3 of one lineage; the third reuses the second's key. */
let versions: readonly [LineageFiles, LineageFiles, LineageFiles];

beforeAll(async () => {
  pki = await createPki();
  const issue = async (key?: string) => {
    const request = {
      names: ["example.org"],
      ...(key === undefined ? {} : { key }),
    };
    return lineageFiles(await pki.intermediate.leaf(request), pki.intermediate);
  };
  const [first, second] = await Promise.all([issue(), issue()]);
  versions = [first, second, await issue(second.privkey)];
});

afterEach(() => {
  vi.restoreAllMocks();
});

afterAll(async () => {
  await pki[Symbol.asyncDispose]();
});

interface Bed extends AsyncDisposable {
  readonly path: string;
  readonly certbot: CertbotDirectory;
  lineage(name: string): Lineage;
}

async function certbotBed(): Promise<Bed> {
  const directory = await temporaryDirectory();
  const certbot = await CertbotDirectory.create(join(directory.path, "le"));
  return {
    path: directory.path,
    certbot,
    lineage: (name) => ({ name, path: certbot.live(name) }),
    [Symbol.asyncDispose]: () =>
      Promise.resolve(directory[Symbol.asyncDispose]()),
  };
}

const oneLook: SnapshotOptions = {
  settleMs: 0,
  secondLook: "not-needed",
  signal: new AbortController().signal,
};

/** Long enough for any machine; a mixture that ends must be seen to end before. */
const patient: SnapshotOptions = { ...oneLook, settleMs: 60_000 };

function textOf(
  snapshot: LineageSnapshot,
  kind: "cert" | "chain" | "fullchain",
): string | null {
  if (snapshot.kind === "absent") return null;
  const reading = snapshot.files[kind];
  return reading.kind === "read"
    ? Buffer.from(reading.content).toString()
    : null;
}

describe("a snapshot of a lineage", () => {
  it.each([
    "example.org",
    "example.org-0001",
    "with space",
    "2001:db8::1",
    "new\nline",
    "*.x",
  ])("reads all four files of %j as one version", async (name) => {
    await using bed = await certbotBed();
    await bed.certbot.write(name, versions[0]);
    await bed.certbot.write(name, versions[1]);
    const snapshot = await snapshotLineage(bed.lineage(name), oneLook);
    expect(snapshot).toMatchObject({
      kind: "consistent",
      version: 2,
      files: { privkey: { kind: "read", identity: { mode: 0o600 } } },
    });
    for (const kind of ["cert", "chain", "fullchain"] as const)
      expect(textOf(snapshot, kind)).toBe(versions[1][kind]);
    expect(currentVersion(bed.lineage(name))).toBe(2);
    expect(JSON.stringify(snapshot)).not.toContain(
      versions[1].privkey.split("\n")[1],
    );
  });

  it("compares versions as integers: 12 follows 9", async () => {
    await using bed = await certbotBed();
    for (const version of [9, 12])
      await (
        await bed.certbot.begin("example.org", versions[0], version)
      ).finish();
    expect(
      await snapshotLineage(bed.lineage("example.org"), oneLook),
    ).toMatchObject({
      kind: "consistent",
      version: 12,
    });
  });

  it("is never taken of two versions, whatever instant of a renewal it meets", async () => {
    await using bed = await certbotBed();
    await bed.certbot.write("example.org", versions[0]);
    const writing = await bed.certbot.begin("example.org", versions[1]);
    for (const step of writing.steps) {
      await writing.through(step);
      const snapshot = await snapshotLineage(
        bed.lineage("example.org"),
        oneLook,
      );
      const shown = [await mixedFiles(bed), snapshot.kind];
      if (snapshot.kind !== "consistent") continue;
      expect([step, ...shown]).toEqual([step, false, "consistent"]);
      expect(textOf(snapshot, "fullchain")).toBe(
        versions[(snapshot.version ?? 0) - 1]?.fullchain,
      );
    }
  });

  /** Read by other means: do the key and the fullchain belong to different versions? */
  async function mixedFiles({ certbot }: Bed): Promise<boolean> {
    const read = (kind: "privkey" | "fullchain") =>
      readFile(certbot.live("example.org", kind), "utf8").catch(() => null);
    const [key, fullchain] = [await read("privkey"), await read("fullchain")];
    return !versions.some(
      (files) => files.privkey === key && files.fullchain === fullchain,
    );
  }

  it.each<Step>([
    "unlink cert",
    "link cert",
    "unlink privkey",
    "link privkey",
    "link chain",
    "unlink fullchain",
    "link fullchain",
  ])(
    "waits until Certbot is done when it comes right after '%s'",
    async (step) => {
      await using bed = await certbotBed();
      await bed.certbot.write("example.org", versions[0]);
      const writing = await bed.certbot.begin("example.org", versions[1]);
      await writing.through(step);
      const snapshot = snapshotLineage(bed.lineage("example.org"), patient);
      await writing.finish();
      expect(await snapshot).toMatchObject({ kind: "consistent", version: 2 });
    },
  );

  it("waits for the files that a first issuance links before it writes them", async () => {
    await using bed = await certbotBed();
    const writing = await bed.certbot.begin("example.org", versions[0]);
    await writing.through("link fullchain");
    expect(
      (await snapshotLineage(bed.lineage("example.org"), oneLook)).kind,
    ).toBe("inconsistent");
    const snapshot = snapshotLineage(bed.lineage("example.org"), {
      ...patient,
      secondLook: "needed",
    });
    await writing.finish();
    const seen = await snapshot;
    expect(seen).toMatchObject({ kind: "consistent", version: 1 });
    expect(textOf(seen, "fullchain")).toBe(versions[0].fullchain);
  });

  it("says which files differ when nobody ends the mixture", async () => {
    await using bed = await certbotBed();
    await bed.certbot.write("example.org", versions[0]);
    await (
      await bed.certbot.begin("example.org", versions[1])
    ).through("link privkey");
    expect(
      await snapshotLineage(bed.lineage("example.org"), {
        ...oneLook,
        settleMs: 100,
      }),
    ).toMatchObject({
      kind: "inconsistent",
      reason: "cert.pem is version 2, chain.pem is version 1",
    });
  });

  it("does not wait for a mixture that was left behind long ago", async () => {
    await using bed = await certbotBed();
    await bed.certbot.write("example.org", versions[0]);
    await (
      await bed.certbot.begin("example.org", versions[1])
    ).through("link privkey");
    vi.spyOn(Date, "now").mockReturnValue(Date.now() + 3_600_000);
    const snapshot = await snapshotLineage(bed.lineage("example.org"), {
      ...oneLook,
      settleMs: 1_800_000,
    });
    expect(snapshot.kind).toBe("inconsistent");
  });

  it("takes a lineage whose previous links were left for what it is", async () => {
    await using bed = await certbotBed();
    await bed.certbot.write("example.org", versions[0]);
    await (
      await bed.certbot.begin("example.org", versions[1])
    ).through("forget cert");
    expect(
      await snapshotLineage(bed.lineage("example.org"), {
        ...oneLook,
        settleMs: 50,
      }),
    ).toMatchObject({
      kind: "consistent",
      version: 2,
    });
  });

  it("follows Certbot's repair back to the old version, by absolute links", async () => {
    await using bed = await certbotBed();
    await bed.certbot.write("example.org", versions[0]);
    await bed.certbot.write("example.org", versions[1]);
    for (const kind of kinds) {
      await unlink(bed.certbot.live("example.org", kind));
      await symlink(
        bed.certbot.archive("example.org", kind, 1),
        bed.certbot.live("example.org", kind),
      );
    }
    const snapshot = await snapshotLineage(bed.lineage("example.org"), oneLook);
    expect(snapshot).toMatchObject({ kind: "consistent", version: 1 });
    expect(textOf(snapshot, "fullchain")).toBe(versions[0].fullchain);
  });

  it("takes absolute and relative links to one archive for one version, behind a linked directory too", async () => {
    await using bed = await certbotBed();
    await bed.certbot.write("example.org", versions[0]);
    await unlink(bed.certbot.live("example.org", "cert"));
    await symlink(
      bed.certbot.archive("example.org", "cert", 1),
      bed.certbot.live("example.org", "cert"),
    );
    await symlink(bed.certbot.path, join(bed.path, "letsencrypt"));
    const path = join(bed.path, "letsencrypt/live/example.org");
    expect(
      await snapshotLineage({ name: "example.org", path }, oneLook),
    ).toMatchObject({
      kind: "consistent",
      version: 1,
    });
  });

  it.each<[string, readonly LineageKind[]]>([
    ["the key, which old Certbots linked when they reused it", ["privkey"]],
    ["all four", kinds],
  ])(
    "takes the version that the links name where an archive has links for %s",
    async (_what, linked) => {
      await using bed = await certbotBed();
      const name = "example.org";
      await bed.certbot.write(name, versions[1]);
      await bed.certbot.write(name, versions[2]);
      for (const kind of linked) {
        const path = bed.certbot.archive(name, kind, 2);
        await unlink(path);
        await symlink(`${kind}1.pem`, path);
      }
      expect(await snapshotLineage(bed.lineage(name), oneLook)).toMatchObject({
        kind: "consistent",
        version: 2,
      });
    },
  );

  it("does not take what was read for the file that a link leads to by now", async () => {
    await using bed = await certbotBed();
    const name = "example.org";
    await bed.certbot.write(name, versions[0]);
    const link = bed.certbot.live(name, "cert");
    await using file = await open(link);
    expect(realPathOfOpen(file.fd, link)).toBe(
      bed.certbot.archive(name, "cert", 1),
    );
    await bed.certbot.write(name, versions[1]);
    await unlink(bed.certbot.archive(name, "cert", 1));
    expect(realPathOfOpen(file.fd, link)).toBeNull();
  });

  it("tells two versions apart that share one key", async () => {
    await using bed = await certbotBed();
    await bed.certbot.write("example.org", versions[1]);
    await bed.certbot.write("example.org", versions[2]);
    const snapshot = await snapshotLineage(bed.lineage("example.org"), oneLook);
    expect(snapshot).toMatchObject({ kind: "consistent", version: 2 });
    expect(textOf(snapshot, "cert")).toBe(versions[2].cert);
  });

  it("is absent once Certbot has deleted the lineage, also while it is read", async () => {
    await using bed = await certbotBed();
    expect(await snapshotLineage(bed.lineage("example.org"), oneLook)).toEqual({
      kind: "absent",
    });
    await bed.certbot.write("example.org", versions[0]);
    await unlink(bed.certbot.live("example.org", "cert"));
    const snapshot = snapshotLineage(bed.lineage("example.org"), patient);
    await rm(bed.certbot.live("example.org"), { recursive: true });
    expect(await snapshot).toEqual({ kind: "absent" });
  });

  it("reads a copied directory of plain files", async () => {
    await using bed = await certbotBed();
    await bed.certbot.write("example.org", versions[0]);
    const copy = join(bed.path, "copy");
    await cp(bed.certbot.live("example.org"), copy, {
      recursive: true,
      dereference: true,
    });
    expect(
      await snapshotLineage({ name: "copy", path: copy }, oneLook),
    ).toMatchObject({
      kind: "consistent",
      version: null,
    });
  });

  it("waits while a copied directory is half written", async () => {
    await using bed = await certbotBed();
    await bed.certbot.write("example.org", versions[0]);
    const copy = join(bed.path, "copy");
    await cp(bed.certbot.live("example.org"), copy, {
      recursive: true,
      dereference: true,
    });
    await writeFile(join(copy, "fullchain.pem"), versions[1].fullchain);
    const snapshot = snapshotLineage({ name: "copy", path: copy }, patient);
    await writeFile(join(copy, "privkey.pem"), versions[1].privkey);
    const seen = await snapshot;
    expect(seen).toMatchObject({ kind: "consistent", version: null });
    expect(textOf(seen, "fullchain")).toBe(versions[1].fullchain);
  });

  it("is broken off when the run is stopped", async () => {
    await using bed = await certbotBed();
    await bed.certbot.write("example.org", versions[0]);
    await unlink(bed.certbot.live("example.org", "privkey"));
    const stop = new AbortController();
    const snapshot = snapshotLineage(bed.lineage("example.org"), {
      ...patient,
      signal: stop.signal,
    });
    stop.abort(new Error("stopped"));
    await expect(snapshot).rejects.toThrow();
  });

  it.each<[string, (path: string) => Promise<unknown>, string]>([
    ["a FIFO", (path) => mustRun("mkfifo", [path]), "is a FIFO"],
    ["a directory", (path) => mkdir(path), "is a directory"],
    ["a device", (path) => symlink("/dev/zero", path), "is a device"],
    [
      "the terminal or whatever our input is",
      (path) => symlink("/dev/tty", path),
      "is a device",
    ],
    [
      "a circle of links",
      (path) => symlink("fullchain.pem", path),
      "its links lead in a circle",
    ],
    [
      "a file of 1 GB",
      async (path) => {
        await writeFile(path, "");
        await truncate(path, 1_000_000_000);
      },
      "is larger than 1 MiB",
    ],
  ])("says that fullchain.pem is %s and goes on", async (_, make, reason) => {
    await using bed = await certbotBed();
    await bed.certbot.write("example.org", versions[0]);
    const path = bed.certbot.live("example.org", "fullchain");
    await unlink(path);
    await make(path);
    const snapshot = await snapshotLineage(bed.lineage("example.org"), oneLook);
    expect(snapshot).toMatchObject({
      files: {
        fullchain: { kind: "unreadable", path, reason },
        cert: { kind: "read" },
      },
    });
  });

  it("says that a socket is one", async () => {
    await using bed = await certbotBed();
    const path = join(bed.path, "socket");
    const server = createServer().listen(path);
    await once(server, "listening");
    expect(await readFileBounded(path)).toEqual({
      kind: "unreadable",
      path,
      reason: "is a socket",
    });
    server.close();
  });
});

describe("a snapshot of a pair", () => {
  it("waits until the key belongs to the certificate", async () => {
    await using bed = await certbotBed();
    const [certificate, key] = [
      join(bed.path, "c.pem"),
      join(bed.path, "k.pem"),
    ];
    await writeFile(certificate, versions[1].fullchain);
    await writeFile(key, versions[0].privkey);
    const snapshot = snapshotPair(certificate, key, {
      ...patient,
      secondLook: "needed",
    });
    await writeFile(key, versions[1].privkey);
    expect(await snapshot).toMatchObject({
      kind: "consistent",
      files: { certificate: { kind: "read" }, key: { kind: "read" } },
    });
  });

  it("leaves a pair that does not match to the rules once it has waited", async () => {
    await using bed = await certbotBed();
    const [certificate, key] = [
      join(bed.path, "c.pem"),
      join(bed.path, "k.pem"),
    ];
    await writeFile(certificate, versions[1].fullchain);
    await writeFile(key, versions[0].privkey);
    expect(await snapshotPair(certificate, key, oneLook)).toMatchObject({
      kind: "consistent",
    });
  });

  it("does not wait for files that no waiting makes readable", async () => {
    await using bed = await certbotBed();
    const certificate = join(bed.path, "c.pem");
    await writeFile(certificate, Buffer.alloc(1024 * 1024 + 1));
    const [endless, key] = [3_600_000, join(bed.path, "k.pem")];
    await writeFile(key, versions[0].privkey);
    for (const path of [certificate, "/dev/null"])
      expect(
        await snapshotPair(path, key, {
          settleMs: endless,
          secondLook: "needed",
          signal: new AbortController().signal,
        }),
      ).toMatchObject({ files: { certificate: { kind: "unreadable" } } });
  });

  it("reads a certificate alone, and one file that holds both", async () => {
    await using bed = await certbotBed();
    const both = join(bed.path, "both.pem");
    await writeFile(both, versions[0].fullchain + versions[0].privkey);
    expect(await snapshotPair(both, null, patient)).toMatchObject({
      kind: "consistent",
      files: { key: null },
    });
    expect(await snapshotPair(both, both, patient)).toMatchObject({
      kind: "consistent",
    });
    expect(await snapshotPair(join(bed.path, "no"), null, oneLook)).toEqual({
      kind: "absent",
    });
  });
});

describe("lineages", () => {
  it("are those that Certbot renews and those that lie below live/", async () => {
    await using bed = await certbotBed();
    await bed.certbot.write("b.example", versions[0]);
    await bed.certbot.write("a.example", versions[0]);
    await writeFile(join(bed.certbot.path, "live/README"), "");
    await mkdir(join(bed.certbot.path, "live/empty"));
    await cp(bed.certbot.live("a.example"), bed.certbot.live("copied"), {
      recursive: true,
      dereference: true,
    });
    const { lineages, problems } = await listLineages(bed.certbot.path);
    expect(lineages.map(({ name }) => name)).toEqual([
      "a.example",
      "b.example",
      "copied",
    ]);
    expect(problems).toEqual([]);
  });

  it("are none where Certbot has never run", async () => {
    await using bed = await certbotBed();
    expect(await listLineages(join(bed.path, "none"))).toEqual({
      lineages: [],
      problems: [],
    });
  });

  it("are told to be hidden from a user who may not see them", async () => {
    await using bed = await certbotBed();
    await bed.certbot.write("a.example", versions[0]);
    await chmod(bed.path, 0o755);
    await chmod(bed.certbot.path, 0o755);
    const program = `
      import { listLineages } from ${JSON.stringify(join(import.meta.dirname, "../../src/adapters/certbot/lineages.ts"))};
      process.setegid(65534); process.seteuid(65534);
      console.log(JSON.stringify(await listLineages(${JSON.stringify(bed.certbot.path)})));`;
    const { stdout } = await mustRun(process.execPath, [
      "--import",
      "tsx",
      "--input-type=module",
      "-e",
      program,
    ]);
    expect(JSON.parse(stdout)).toMatchObject({
      problems: [`cannot list ${bed.certbot.path}/live: permission denied`],
    });
  });

  it("are found by name, by directory, by file and through links", async () => {
    await using bed = await certbotBed();
    await bed.certbot.write("a.example", versions[0]);
    await symlink(bed.certbot.path, join(bed.path, "etc"));
    await symlink(bed.certbot.live("a.example"), join(bed.path, "current"));
    for (const wanted of [
      "a.example",
      bed.certbot.live("a.example"),
      `${bed.certbot.live("a.example")}/`,
      bed.certbot.live("a.example", "fullchain"),
      join(bed.path, "etc/live/a.example"),
      join(bed.path, "current"),
    ])
      expect(await findLineage(wanted, bed.certbot.path)).toEqual(
        bed.lineage("a.example"),
      );
  });

  it("that were moved out of live/ are found by what Certbot's configuration says", async () => {
    await using bed = await certbotBed();
    await bed.certbot.write("a.example", versions[0]);
    const moved = join(bed.path, "moved");
    const conf = join(bed.certbot.path, "renewal/a.example.conf");
    const text = await readFile(conf, "utf8");
    await writeFile(
      conf,
      text.replaceAll(bed.certbot.live("a.example"), moved),
    );
    await rm(bed.certbot.live("a.example"), { recursive: true });
    await mkdir(moved);
    for (const kind of kinds)
      await symlink(
        bed.certbot.archive("a.example", kind, 1),
        join(moved, `${kind}.pem`),
      );
    const lineage = { name: "a.example", path: moved };
    expect(await findLineage("a.example", bed.certbot.path)).toEqual(lineage);
    expect((await listLineages(bed.certbot.path)).lineages).toEqual([lineage]);
    expect(
      lineageOfPath(join(moved, "fullchain.pem"), bed.certbot.path),
    ).toEqual(lineage);
    expect(await snapshotLineage(lineage, oneLook)).toMatchObject({
      kind: "consistent",
      version: 1,
    });
  });

  it("are known by one name and path, whichever of several leads to their directory", async () => {
    await using bed = await certbotBed();
    const dir = bed.certbot.path;
    await bed.certbot.write("a.example-0001", versions[0]);
    const lineage = bed.lineage("a.example-0001");
    // What people do about the name that Certbot has chosen.
    await symlink("a.example-0001", bed.certbot.live("a.example"));
    await symlink(dir, join(bed.path, "etc"));
    const conf = join(dir, "renewal/a.example-0001.conf");
    const text = await readFile(conf, "utf8");
    await writeFile(conf, text.replaceAll(dir, join(bed.path, "etc")));

    expect((await listLineages(dir)).lineages).toEqual([lineage]);
    for (const named of [
      "a.example-0001",
      "a.example",
      bed.certbot.live("a.example"),
      join(bed.path, "etc/live/a.example"),
    ]) {
      expect(await findLineage(named, dir)).toEqual(lineage);
      expect(isMeantBy(named, lineage, dir)).toBe(true);
    }
    for (const directory of [
      bed.certbot.live("a.example"),
      join(bed.path, "etc/live/a.example"),
      join(bed.path, "etc/live/a.example-0001"),
    ]) {
      const file = join(directory, "fullchain.pem");
      expect(lineageOfPath(file, dir)).toEqual(lineage);
    }
  });

  it.each(["nowhere", "own"])(
    "are found here where Certbot has its directory in a container under a path that leads here to %s",
    async (inside) => {
      await using bed = await certbotBed();
      const dir = bed.certbot.path;
      await bed.certbot.write("a.example", versions[0]);
      await cp(dir, join(bed.path, "own"), { recursive: true });
      const conf = join(dir, "renewal/a.example.conf");
      const text = await readFile(conf, "utf8");
      await writeFile(conf, text.replaceAll(dir, join(bed.path, inside)));
      const lineage = bed.lineage("a.example");
      expect((await listLineages(dir)).lineages).toEqual([lineage]);
      expect(await findLineage("a.example", dir)).toEqual(lineage);
    },
  );

  it("keep a linked directory apart that Certbot renews under the link's own name", async () => {
    await using bed = await certbotBed();
    const dir = bed.certbot.path;
    await bed.certbot.write("a.example", versions[0]);
    const elsewhere = join(bed.path, "elsewhere");
    await rename(bed.certbot.live("a.example"), elsewhere);
    await symlink(elsewhere, bed.certbot.live("a.example"));
    const lineage = bed.lineage("a.example");
    expect((await listLineages(dir)).lineages).toEqual([lineage]);
    expect(await findLineage(elsewhere, dir)).toEqual(lineage);
    expect(await findLineage("a.example", dir)).toEqual(lineage);
  });

  it.each([
    ["a.example", true],
    ["live/a.example", false],
    ["a.example/", true],
    ["b.example", false],
    ["/nonexistent/live/a.example", false],
  ])("are meant by %s: %s", async (named, expected) => {
    await using bed = await certbotBed();
    await bed.certbot.write("a.example", versions[0]);
    expect(isMeantBy(named, bed.lineage("a.example"), bed.certbot.path)).toBe(
      expected,
    );
  });

  it("are looked for without waiting for a pipe in the place of Certbot's configuration", async () => {
    await using bed = await certbotBed();
    await bed.certbot.write("a.example", versions[0]);
    const conf = join(bed.certbot.path, "renewal/a.example.conf");
    await rm(conf);
    await mustRun("mkfifo", [conf]);
    const moved = join(bed.path, "moved");
    await mkdir(moved);
    const file = join(moved, "fullchain.pem");
    await symlink(bed.certbot.archive("a.example", "fullchain", 1), file);
    expect(lineageOfPath(file, bed.certbot.path)).toBeNull();
  });

  it.each([
    ["a.exampel", "did you mean a.example?"],
    ["something-else", "there are: a.example"],
    ["", "there are: a.example"],
    ["..", "there are: a.example"],
    ["/nonexistent/a.example", "did you mean a.example?"],
    ["a\0b", "there are: a.example"],
    ["/a\0b", "there are: a.example"],
  ])(
    "that do not exist (%j) are a usage error with help",
    async (wanted, remedy) => {
      await using bed = await certbotBed();
      await bed.certbot.write("a.example", versions[0]);
      await expect(findLineage(wanted, bed.certbot.path)).rejects.toMatchObject(
        {
          code: "lineage-not-found",
          exitCode: 2,
          remedy,
        },
      );
    },
  );
});

describe("the lineage behind a path of Nginx's configuration", () => {
  it("is told through links to files and directories, and not for links into archive/", async () => {
    await using bed = await certbotBed();
    const dir = bed.certbot.path;
    await bed.certbot.write("a.example", versions[0]);
    await symlink(
      bed.certbot.live("a.example", "fullchain"),
      join(bed.path, "file.pem"),
    );
    await symlink("file.pem", join(bed.path, "twice.pem"));
    await symlink(bed.certbot.live("a.example"), join(bed.path, "directory"));
    await symlink(dir, join(bed.path, "etc"));
    await symlink(
      bed.certbot.archive("a.example", "fullchain", 1),
      join(bed.path, "fullchain.pem"),
    );
    await copyFile(
      bed.certbot.live("a.example", "fullchain"),
      join(bed.path, "copy.pem"),
    );
    const nameOf = (path: string) => lineageOfPath(path, dir)?.name ?? null;
    expect(
      lineageOfPath(bed.certbot.live("a.example", "fullchain"), dir),
    ).toEqual(bed.lineage("a.example"));
    expect(nameOf(join(bed.path, "file.pem"))).toBe("a.example");
    expect(nameOf(join(bed.path, "twice.pem"))).toBe("a.example");
    expect(nameOf(join(bed.path, "directory/cert.pem"))).toBe("a.example");
    expect(
      lineageOfPath(join(bed.path, "etc/live/a.example/fullchain.pem"), dir),
    ).toEqual(bed.lineage("a.example"));
    expect(lineageOfPath(join(dir, "live/deleted/fullchain.pem"), dir)).toEqual(
      bed.lineage("deleted"),
    );
    expect(nameOf(join(bed.path, "fullchain.pem"))).toBeNull();
    expect(nameOf(bed.certbot.archive("a.example", "fullchain", 1))).toBeNull();
    expect(nameOf(join(bed.path, "copy.pem"))).toBeNull();
    expect(nameOf(join(bed.certbot.live("a.example"), "own.pem"))).toBeNull();
    expect(nameOf("/nonexistent")).toBeNull();
  });
});

describe("copies", () => {
  it("are found by their content, whatever they are called", async () => {
    await using bed = await certbotBed();
    await bed.certbot.write("other", versions[0]);
    for (const files of versions) await bed.certbot.write("a.example", files);
    await bed.certbot.delete("other");
    const copy = join(bed.path, "site.crt");
    await copyFile(bed.certbot.archive("a.example", "fullchain", 2), copy);
    const { lineages } = await listLineages(bed.certbot.path);
    expect(await findArchivedCopy(copy, lineages)).toEqual({
      lineage: bed.lineage("a.example"),
      version: 2,
      currentVersion: 3,
    });
    const intoArchive = bed.certbot.archive("a.example", "fullchain", 1);
    expect((await findArchivedCopy(intoArchive, lineages))?.version).toBe(1);
  });

  it("of the present version are not outdated, and strangers are none", async () => {
    await using bed = await certbotBed();
    await bed.certbot.write("a.example", versions[0]);
    await bed.certbot.write("a.example", versions[1]);
    const { lineages } = await listLineages(bed.certbot.path);
    const present = await findArchivedCopy(
      bed.certbot.archive("a.example", "fullchain", 2),
      lineages,
    );
    expect(present && isOutdated(present)).toBe(false);
    const older = await findArchivedCopy(
      bed.certbot.archive("a.example", "fullchain", 1),
      lineages,
    );
    expect(older && isOutdated(older)).toBe(true);
    expect(await findArchivedCopy(pki.rootFile, lineages)).toBeNull();
    expect(await findArchivedCopy(join(bed.path, "none"), lineages)).toBeNull();
  });

  it("are compared with every version that the archive still holds", async () => {
    await using bed = await certbotBed();
    for (const [index, files] of versions.entries())
      await (
        await bed.certbot.begin("a.example", files, [2, 9, 10][index])
      ).finish();
    const expected = versions.map(({ cert }, index) => ({
      version: [2, 9, 10][index],
      fingerprint256: fingerprintOf(cert),
    }));
    expect(await listVersions(bed.lineage("a.example"))).toEqual(expected);
  });
});

describe("the hook's environment", () => {
  it("gives the lineage and its names", async () => {
    await using bed = await certbotBed();
    await bed.certbot.write("a.example", versions[0]);
    expect(
      readHookEnvironment({
        RENEWED_LINEAGE: `${bed.certbot.live("a.example")}/`,
        RENEWED_DOMAINS:
          "a.example *.a.example xn--bcher-kva.example 2001:db8::1",
      }),
    ).toEqual({
      lineage: bed.lineage("a.example"),
      certbotDir: bed.certbot.path,
      domains: [
        "a.example",
        "*.a.example",
        "xn--bcher-kva.example",
        "2001:db8::1",
      ],
    });
  });

  it("may lack the names and lie outside of live/", async () => {
    await using bed = await certbotBed();
    expect(readHookEnvironment({ RENEWED_LINEAGE: bed.path })).toMatchObject({
      certbotDir: null,
      domains: [],
    });
  });

  it.each<[string, Record<string, string>]>([
    ["no lineage", {}],
    ["an empty one", { RENEWED_LINEAGE: "" }],
    ["a relative one", { RENEWED_LINEAGE: "live/a" }],
    ["one that does not exist", { RENEWED_LINEAGE: "/nonexistent/live/a" }],
    ["a file", { RENEWED_LINEAGE: "/etc/passwd" }],
    ["the root directory", { RENEWED_LINEAGE: "/./" }],
    ["a line end", { RENEWED_LINEAGE: "/tmp\n/x" }],
    ["an escape sequence", { RENEWED_LINEAGE: "/tmp/\u001b[31m" }],
    ["a NUL", { RENEWED_LINEAGE: "/tmp\0" }],
    [
      "a path that no system has",
      { RENEWED_LINEAGE: `/${"x/".repeat(3_000)}` },
    ],
    [
      "an endless list of names",
      { RENEWED_LINEAGE: "/tmp", RENEWED_DOMAINS: "a ".repeat(1_000_000) },
    ],
    [
      "a command for a name",
      { RENEWED_LINEAGE: "/tmp", RENEWED_DOMAINS: "a.example $(id)" },
    ],
    [
      "a name of 300 characters",
      { RENEWED_LINEAGE: "/tmp", RENEWED_DOMAINS: "a".repeat(300) },
    ],
  ])("with %s is refused in ASCII", (_, environment) => {
    const read = (): unknown => readHookEnvironment(environment);
    expect(read).toThrow(
      expect.objectContaining({ code: "hook-environment", exitCode: 2 }),
    );
    expect(read).toThrow(/^[ -~]{1,400}$/);
  });
});

describe("a renewal configuration", () => {
  it("is read as ConfigObj writes it", () => {
    expect(
      parseRenewalConfiguration(
        [
          "# renew_before_expiry = 30 days",
          "version = 2.1.0",
          "archive_dir = /srv/le/archive/a.example",
          "cert = /srv/le/live/a.example/cert.pem",
          "fullchain = /srv/le/live/a.example/fullchain.pem",
          "",
          "[renewalparams]",
          "authenticator = webroot # a comment",
          "installer = None",
          "pre_hook = systemctl stop nginx",
          `renew_hook = '''/usr/bin/livecert hook, "quoted" # not a comment'''`,
          "post_hook =",
          "[[webroot_map]]",
          "authenticator = /var/www",
        ].join("\r\n"),
      ),
    ).toEqual({
      liveDirectory: "/srv/le/live/a.example",
      archiveDirectory: "/srv/le/archive/a.example",
      authenticator: "webroot",
      installer: null,
      preHook: "systemctl stop nginx",
      deployHook: '/usr/bin/livecert hook, "quoted" # not a comment',
      postHook: null,
    });
  });

  it.each(["", "garbage", "=\n[[[\n'''", "\0\xff"])(
    "may hold nonsense: %j",
    (text) => {
      expect(parseRenewalConfiguration(text)).toMatchObject({
        liveDirectory: null,
        installer: null,
      });
    },
  );

  it("is null where there is none", async () => {
    await using bed = await certbotBed();
    expect(
      await readRenewalConfiguration({ name: "a" }, bed.certbot.path),
    ).toBeNull();
    await bed.certbot.write("a", versions[0]);
    expect(
      await readRenewalConfiguration({ name: "a" }, bed.certbot.path),
    ).toMatchObject({
      liveDirectory: bed.certbot.live("a"),
      authenticator: "manual",
    });
  });
});
