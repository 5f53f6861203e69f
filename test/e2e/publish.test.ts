/** What is published, when, and how one goes back; seen by the service that reads it. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { layouts } from "../../src/core/settings/publications.ts";
import { servedFingerprint } from "../support/client.ts";
import { serverBlock } from "../support/nginx.ts";
import {
  PublicationBed,
  publishedName as name,
} from "../support/publication.ts";
import { SmallDisk } from "../support/small-disk.ts";
import { SyslogBed } from "../support/syslog.ts";

/** Whether key and certificate in the volume belong together. */
async function isPair(bed: PublicationBed): Promise<boolean> {
  const certificate = await readFile(bed.path("ssl.crt"));
  const key = await readFile(bed.path("ssl.key"));
  return new X509Certificate(certificate).checkPrivateKey(
    createPrivateKey(key),
  );
}

/** Nginx loads what is published. */
async function serve(bed: PublicationBed): Promise<string> {
  const { nginx } = bed.host;
  const address = await nginx.address();
  const pair = { certificate: bed.path("ssl.crt"), key: bed.path("ssl.key") };
  await nginx.configure({
    http: serverBlock({
      listen: [`${address} ssl`],
      names: [name],
      pairs: [pair],
    }),
  });
  return address;
}

function served(address: string): Promise<string | null> {
  return servedFingerprint({ address, servername: name });
}

/** Every name below the volume, with what tells a change. */
async function snapshotOf(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory, { recursive: true });
  return Promise.all(
    names.sort().map(async (entry) => {
      const { ino, mtimeMs, ctimeMs } = await lstat(join(directory, entry));
      return `${entry} ${String(ino)} ${String(mtimeMs)} ${String(ctimeMs)}`;
    }),
  );
}

describe("a publication", () => {
  it.each(layouts)(
    "in the layout %s gets each renewal once, with owner and modes, and an Nginx that reads it is reloaded in the same run",
    async (layout) => {
      const lines = [
        "owner: 1234",
        "group: 1235",
        "mode: 0644",
        "key-mode: 0640",
      ];
      await using bed = await PublicationBed.create({ layout, lines });
      const first = await bed.document(["deploy"]);
      expect(first.publications).toMatchObject([
        { name: "web", state: "published", outcome: "published" },
      ]);
      expect(await bed.published()).toBe(await bed.onDisk());
      expect(await isPair(bed)).toBe(true);
      const certificate = await stat(bed.path("ssl.crt"));
      const key = await stat(bed.path("ssl.key"));
      expect(certificate).toMatchObject({
        uid: 1234,
        gid: 1235,
        mode: 0o100644,
      });
      expect(key).toMatchObject({ uid: 1234, gid: 1235, mode: 0o100640 });

      const before = await snapshotOf(bed.volume);
      const again = await bed.document(["deploy"]);
      expect(again.publications).toMatchObject([
        { state: "unchanged", outcome: null },
      ]);
      expect(await snapshotOf(bed.volume)).toEqual(before);

      const address = await serve(bed);
      await bed.host.nginx.start();
      await bed.renew();
      const renewed = await bed.document(["hook"], {
        environment: {
          ...process.env,
          RENEWED_LINEAGE: bed.host.certbot.live(name),
          RENEWED_DOMAINS: name,
        },
      });
      expect(renewed).toMatchObject({ outcome: "deployed", reloads: 1 });
      expect(await bed.published()).toBe(await bed.onDisk());
      expect(await served(address)).toBe(await bed.onDisk());
    },
  );

  it("goes back to the version before and stays there until the lineage changes", async () => {
    await using bed = await PublicationBed.create();
    const address = await serve(bed);
    await bed.document(["deploy"]);
    const old = await bed.onDisk();
    await bed.host.nginx.start();
    await bed.renew();
    await bed.document(["deploy"]);
    expect(await served(address)).not.toBe(old);

    const back = await bed.document(["rollback", "web"]);
    expect(back.publications).toMatchObject([{ state: "rolled-back" }]);
    expect(back.reloads).toBe(1);
    expect(await served(address)).toBe(old);
    expect(await isPair(bed)).toBe(true);

    const next = await bed.document(["deploy"]);
    expect(next).toMatchObject({ exitCode: 0, reloads: 0 });
    expect(next.publications).toMatchObject([{ state: "held" }]);
    expect(await served(address)).toBe(old);

    const further = await bed.run(["rollback", "web"]);
    expect(further.stderr).toContain("no version of web before");
    expect(further.exitCode).toBe(2);

    await bed.renew();
    await bed.document(["deploy"]);
    expect(await served(address)).toBe(await bed.onDisk());
    const { stdout } = await bed.run(["history"]);
    expect(stdout).toContain("went back to what was published");
  });
});

describe("going back to what is not there", () => {
  it.each(layouts)(
    "changes nothing where the volume was made anew (layout %s), and what lay in it is gone back to",
    async (layout) => {
      await using bed = await PublicationBed.create({ layout });
      await bed.document(["deploy"]);
      await bed.renew();
      await bed.document(["deploy"]);
      await rm(bed.volume, { recursive: true });
      await mkdir(bed.volume);
      await bed.document(["deploy"]);
      const whole = await snapshotOf(bed.volume);
      const lost = await bed.document(["rollback", "web"]);
      expect(lost.publications).toMatchObject([
        {
          state: "failed",
          reason: expect.stringContaining(
            "is not kept there any more",
          ) as string,
        },
      ]);
      expect(await snapshotOf(bed.volume)).toEqual(whole);
      expect(await bed.published()).toBe(await bed.onDisk());

      await rm(bed.volume, { recursive: true });
      await mkdir(bed.volume);
      await writeFile(bed.path("ssl.crt"), "before");
      await writeFile(bed.path("ssl.key"), "before");
      await bed.document(["deploy"]);
      expect(await bed.published()).toBe(await bed.onDisk());
      await bed.document(["rollback", "web"]);
      expect(await readFile(bed.path("ssl.crt"), "utf8")).toBe("before");
    },
  );

  it("does not happen by age alone: what the record knows is kept", async () => {
    await using bed = await PublicationBed.create();
    // Two hours between each, so that no version is kept for having been in use.
    let hours = 0;
    const later = () => ({
      through: [
        "faketime",
        "--exclude-monotonic",
        "-f",
        `+${String((hours += 2))}h`,
      ],
    });
    const published: string[] = [];
    const publishNext = async (): Promise<void> => {
      if (published.length > 0) await bed.renew();
      await bed.document(["deploy"], later());
      published.push(await bed.published());
    };
    for (let version = 0; version < 3; version += 1) await publishNext();
    await bed.document(["rollback", "web"], later());
    for (let version = 0; version < 2; version += 1) await publishNext();
    await bed.document(["rollback", "web"], later());
    expect(await bed.published()).toBe(published[3]);
    await bed.document(["rollback", "web"], later());
    expect(await bed.published()).toBe(published[1]);
  });
});

describe("livecert rollback", () => {
  it("goes back to what was there before livecert", async () => {
    await using bed = await PublicationBed.create();
    await writeFile(bed.path("ssl.crt"), "made by hand");
    await writeFile(bed.path("ssl.key"), "its key", { mode: 0o600 });
    await bed.document(["deploy"]);
    expect(await bed.published()).toBe(await bed.onDisk());

    await bed.document(["rollback", "web"]);

    expect(await readFile(bed.path("ssl.crt"), "utf8")).toBe("made by hand");
    expect(await readFile(bed.path("ssl.key"), "utf8")).toBe("its key");
  });

  it("says which publications there are when the name is none", async () => {
    await using bed = await PublicationBed.create();
    const { stderr, exitCode } = await bed.run(["rollback", "wed"]);
    expect(stderr).toContain("nothing is published by the name wed");
    expect(stderr).toContain("did you mean web?");
    expect(exitCode).toBe(2);
  });
});

describe("what is not sound", () => {
  it("is not published, and the run says so", async () => {
    await using bed = await PublicationBed.create();
    await bed.document(["deploy"]);
    const good = await bed.published();
    await bed.host.renew(name, {
      notBefore: new Date("2020-01-01"),
      notAfter: new Date("2020-04-01"),
    });

    const document = await bed.document(["deploy"]);

    expect(document.publications).toMatchObject([
      { state: "rejected", outcome: "rejected" },
    ]);
    expect(await bed.published()).toBe(good);
  });

  it("is told to syslog, where nobody reads what a timer prints", async () => {
    await using syslog = await SyslogBed.start();
    await using bed = await PublicationBed.create();
    await bed.document(["deploy"]);
    await bed.host.renew(name, {
      notBefore: new Date("2020-01-01"),
      notAfter: new Date("2020-04-01"),
    });
    await bed.document(["deploy"]);

    await bed.run(["retry"], { through: syslog.through });

    expect(await syslog.messages()).toContainEqual(
      expect.stringContaining("livecert: web: rejected: "),
    );
  });
});

describe("a publication that fails", () => {
  it("leaves the old set whole on a full disk, and is made up for by retry", async () => {
    await using bed = await PublicationBed.create();
    await using disk = await SmallDisk.mount(bed.volume);
    await bed.document(["deploy"]);
    const old = await bed.onDisk();
    await bed.renew();
    await disk.fill();

    const document = await bed.document(["deploy"]);

    expect(document).toMatchObject({ outcome: "unpublished", exitCode: 6 });
    expect(document.publications[0]?.reason).toContain("no space is left");
    expect(await bed.published()).toBe(old);
    expect(await isPair(bed)).toBe(true);

    await disk.makeRoom();
    const retried = await bed.document(["retry"]);
    expect(retried.publications).toMatchObject([{ state: "published" }]);
    expect(await bed.published()).toBe(await bed.onDisk());
  });

  it("names what stands in the way", async () => {
    await using bed = await PublicationBed.create();
    await chmod(bed.volume, 0o777);
    const shared = await bed.document(["deploy"]);
    expect(shared.publications[0]?.reason).toContain("others may write to");
    expect(await readdir(bed.volume)).toEqual([]);

    await rename(bed.volume, join(bed.host.directory, "aside"));
    const gone = await bed.document(["deploy"]);
    expect(gone.publications[0]?.reason).toContain("does not exist");
  });
});
