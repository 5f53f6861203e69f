import { access, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HostBed } from "../support/host.ts";
import { serverBlock } from "../support/nginx.ts";
import { SmallDisk } from "../support/small-disk.ts";

const name = "disk.example.test";

/** Served, and renewed since. */
async function renewedMachine(): Promise<{
  readonly bed: HostBed;
  readonly address: string;
}> {
  const bed = await HostBed.create();
  await bed.renew(name);
  const address = await bed.nginx.address();
  await bed.nginx.configure({
    http: serverBlock({
      listen: [`${address} ssl`],
      names: [name],
      pairs: [bed.pair(name)],
    }),
  });
  await bed.nginx.start();
  await bed.renew(name);
  return { bed, address };
}

function hookEnvironment(bed: HostBed): NodeJS.ProcessEnv {
  return { ...process.env, RENEWED_LINEAGE: bed.certbot.live(name) };
}

function hook(bed: HostBed, through: readonly string[] = []) {
  const environment = hookEnvironment(bed);
  return bed.livecert.document(["hook"], { environment, through });
}

/** Made before there is room for its first line. */
const journal = join("v1", "journal.jsonl");

/** Records of the state, each complete; nothing that was begun and not finished. */
async function stateFiles(bed: HostBed): Promise<readonly string[]> {
  const all = await readdir(bed.livecert.stateDirectory, { recursive: true });
  return all.filter((path) => /\.(?:json|jsonl|tmp|taken|corrupt)$/.test(path));
}

describe("a disk that takes no writes", () => {
  it("full from the first record on: deploys, warns, and records the next time", async () => {
    const { bed: made, address } = await renewedMachine();
    await using bed = made;
    await using disk = await SmallDisk.mount(bed.livecert.stateDirectory);
    await disk.fill();

    const document = await hook(bed);

    expect(document).toMatchObject({
      outcome: "deployed",
      exitCode: 0,
      reloads: 1,
    });
    expect(document.warnings.join("\n")).toContain("no space left on the disk");
    expect(await bed.isLive(name, address)).toBe(true);
    expect(await stateFiles(bed)).toEqual([journal]);
    await disk.makeRoom();
    const next = await bed.livecert.document(["deploy", name]);
    expect(next).toMatchObject({ outcome: "live", warnings: [] });
    expect((await stateFiles(bed)).length).toBeGreaterThan(1);
  });

  it("full after a sound record: keeps that one and deploys", async () => {
    const { bed: made, address } = await renewedMachine();
    await using bed = made;
    await using disk = await SmallDisk.mount(bed.livecert.stateDirectory);
    await hook(bed);
    const before = await stateFiles(bed);
    await bed.renew(name);
    await disk.fill();

    const document = await hook(bed);

    expect(document).toMatchObject({
      outcome: "deployed",
      exitCode: 0,
      reloads: 1,
    });
    expect(document.warnings).not.toEqual([]);
    expect(await bed.isLive(name, address)).toBe(true);
    expect(await stateFiles(bed)).toEqual(before);
    await disk.makeRoom();
    const next = await bed.livecert.document(["retry"]);
    expect(next).toMatchObject({ exitCode: 0, reloads: 0, warnings: [] });
  });

  it("read-only: deploys and warns", async () => {
    const { bed: made, address } = await renewedMachine();
    await using bed = made;
    await using disk = await SmallDisk.mount(bed.livecert.stateDirectory);
    await disk.remount("ro");

    const document = await hook(bed);

    expect(document).toMatchObject({ outcome: "deployed", exitCode: 0 });
    expect(document.warnings.join("\n")).toContain("read-only");
    expect(await bed.isLive(name, address)).toBe(true);
  });

  it("a full run directory: deploys", async () => {
    const { bed: made, address } = await renewedMachine();
    await using bed = made;
    await using disk = await SmallDisk.mount(bed.livecert.runDirectory);
    await disk.fill();

    const document = await hook(bed);

    expect(document).toMatchObject({ outcome: "deployed", exitCode: 0 });
    expect(await bed.isLive(name, address)).toBe(true);
  });
});

describe("writes that fail one by one", () => {
  /** In strace's words: which calls, on which files of the state, fail how. */
  const faults: readonly {
    readonly fault: string;
    readonly calls: string;
    readonly error: "ENOSPC" | "EIO" | "EROFS";
    /** Below the state directory; null: wherever. */
    readonly on: string | null;
  }[] = [
    {
      fault: "no file can be synced",
      calls: "fsync,fdatasync",
      error: "EIO",
      on: null,
    },
    {
      fault: "nothing can be renamed",
      calls: "rename,renameat,renameat2",
      error: "ENOSPC",
      on: null,
    },
    {
      fault: "the journal cannot be written",
      calls: "write,pwrite64,writev",
      error: "EIO",
      on: "v1/journal.jsonl",
    },
    {
      fault: "the journal is on a full disk",
      calls: "write,pwrite64,writev",
      error: "ENOSPC",
      on: "v1/journal.jsonl",
    },
    {
      fault: "nothing can be removed",
      calls: "unlink,unlinkat",
      error: "EROFS",
      on: null,
    },
  ];

  it.each(faults)(
    "$fault ($error): deploys and warns",
    async ({ calls, error, on }) => {
      const { bed: made, address } = await renewedMachine();
      await using bed = made;
      await hook(bed);
      await bed.renew(name);
      const place =
        on === null ? [] : ["-P", join(bed.livecert.stateDirectory, on)];
      const trace = join(bed.directory, "trace");

      const document = await hook(bed, [
        ...["strace", "-f", "-o", trace, ...place],
        ...["-e", `trace=${calls}`, "-e", `inject=${calls}:error=${error}`],
      ]);

      await access(trace);
      expect(document).toMatchObject({
        outcome: "deployed",
        exitCode: 0,
        reloads: 1,
      });
      expect(document.warnings).not.toEqual([]);
      expect(await bed.isLive(name, address)).toBe(true);
      const next = await bed.livecert.document(["deploy", name]);
      expect(next).toMatchObject({
        outcome: "live",
        exitCode: 0,
        warnings: [],
      });
    },
  );
});

it("an error log that cannot be read: deploys all the same", async () => {
  const { bed: made, address } = await renewedMachine();
  await using bed = made;
  const trace = join(bed.directory, "trace");

  // Where the new workers are there at the first look, nobody asks what the log says: then once more.
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    const document = await hook(bed, [
      ...["strace", "-f", "-o", trace, "-P", bed.nginx.errorLogFile],
      ...["-e", "trace=pread64", "-e", "inject=pread64:error=EIO"],
    ]);
    expect(document).toMatchObject({ outcome: "deployed", reloads: 1 });
    expect(await bed.isLive(name, address)).toBe(true);
    if ((await readFile(trace, "utf8")).includes("EIO")) return;
    await bed.renew(name);
  }
  expect.fail("the log was never read");
});
