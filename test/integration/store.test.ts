import {
  appendFile,
  chmod,
  mkdir,
  readdir,
  readFile,
  stat,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { Log } from "../../src/adapters/log/log.ts";
import { openJournal } from "../../src/adapters/store/journal.ts";
import { openPlace } from "../../src/adapters/store/place.ts";
import { openStore, type Store } from "../../src/adapters/store/store.ts";
import type {
  JournalEntry,
  PendingEntry,
  QueueEntry,
} from "../../src/core/decision/record.ts";
import { mustRun, run } from "../support/run.ts";
import { temporaryDirectory } from "../support/temporary.ts";

interface Bed extends AsyncDisposable {
  readonly stateDir: string;
  readonly warnings: string[];
  open(): Promise<Store>;
  /** Below `STATE/v1`. */
  path(...names: string[]): string;
}

async function storeBed(): Promise<Bed> {
  const directory = await temporaryDirectory();
  const stateDir = join(directory.path, "state");
  const warnings: string[] = [];
  return {
    stateDir,
    warnings,
    open: () => openStore({ stateDir, log: collectWarnings(warnings) }),
    path: (...names) => join(stateDir, "v1", ...names),
    [Symbol.asyncDispose]: () =>
      Promise.resolve(directory[Symbol.asyncDispose]()),
  };
}

function collectWarnings(warnings: string[]): Log {
  const nothing = () => undefined;
  return {
    trace: nothing,
    debug: nothing,
    info: nothing,
    warn: (message) => void warnings.push(message),
    error: nothing,
    child: () => collectWarnings(warnings),
  };
}

function pending(detail: string): PendingEntry {
  return {
    schema: 1,
    certificate: null,
    key: null,
    lineage: { name: "example.org", path: "/etc/letsencrypt/live/example.org" },
    outcome: "not-running",
    since: "2026-11-23T12:00:00.000Z",
    renewedAt: "2026-11-23T11:59:00.000Z",
    fingerprint256: null,
    attempts: 1,
    detail,
  };
}

function queued(name: string, version: number): QueueEntry {
  return {
    schema: 1,
    lineage: { name, path: `/etc/letsencrypt/live/${name}` },
    version,
    at: "2026-11-23T12:00:00.000Z",
    certbot: { pid: 1, startTicks: "1" },
  };
}

function entry(run: string, lineage = "example.org"): JournalEntry {
  return {
    schema: 1,
    at: "2026-11-23T12:00:00.000Z",
    run,
    command: "deploy",
    lineage,
    certificate: `/etc/letsencrypt/live/${lineage}/fullchain.pem`,
    outcome: "deployed",
    fingerprint256: "AB:CD",
    servedBefore: null,
    reloads: 1,
    detail: null,
    durationMs: 120,
  };
}

describe("records", () => {
  it("come back as they were put, in another process's eyes too", async () => {
    await using bed = await storeBed();
    const store = await bed.open();
    expect(await store.pending.get("one")).toBeNull();
    expect(await store.pending.put("one", pending("a"))).toEqual({
      kind: "written",
    });
    await store.pending.put("two words /with:strange\nparts", pending("b"));
    const other = await bed.open();
    expect(await other.pending.get("one")).toEqual(pending("a"));
    expect(await other.pending.get("two words /with:strange\nparts")).toEqual(
      pending("b"),
    );
    expect(await other.pending.list()).toHaveLength(2);
    await store.pending.remove("one");
    await store.pending.remove("one");
    expect(await other.pending.get("one")).toBeNull();
  });

  it("write nothing until there is something to write", async () => {
    await using bed = await storeBed();
    const store = await bed.open();
    await store.sources.list();
    await store.journal.read({ limit: 10 });
    await expect(stat(bed.stateDir)).rejects.toThrow("ENOENT");
  });

  it("are for our eyes only, whatever the umask", async () => {
    await using bed = await storeBed();
    const umask = process.umask(0);
    try {
      const store = await bed.open();
      await store.pending.put("one", pending("a"));
      await store.journal.append([entry("1")]);
    } finally {
      process.umask(umask);
    }
    const [name = ""] = await readdir(bed.path("pending"));
    const modeOf = async (path: string) => (await stat(path)).mode & 0o777;
    expect(await modeOf(bed.stateDir)).toBe(0o700);
    expect(await modeOf(bed.path())).toBe(0o700);
    expect(await modeOf(bed.path("pending"))).toBe(0o700);
    expect(await modeOf(bed.path("pending", name))).toBe(0o600);
    expect(await modeOf(bed.path("journal.jsonl"))).toBe(0o600);
  });

  it("have a name that a person can read, and never one that leaves the folder", async () => {
    await using bed = await storeBed();
    const store = await bed.open();
    await store.pending.put("/live/example.org/fullchain.pem", pending("a"));
    await store.pending.put("../../../etc/passwd", pending("b"));
    await store.pending.put("x".repeat(4_000), pending("c"));
    const names = await readdir(bed.path("pending"));
    expect(names).toHaveLength(3);
    expect(names.join("\n")).toMatch(
      /^example\.org-fullchain\.pem-[0-9a-f]{20}\.json$/m,
    );
  });

  it("never hold a private key, whatever a message says", async () => {
    await using bed = await storeBed();
    const store = await bed.open();
    const { stdout: key } = await mustRun("openssl", [
      "genpkey",
      "-algorithm",
      "ED25519",
    ]);
    await store.pending.put("one", pending(`nginx said: ${key}`));
    const [name = ""] = await readdir(bed.path("pending"));
    const text = await readFile(bed.path("pending", name), "utf8");
    expect(text).not.toContain(key.split("\n")[1]);
    expect((await store.pending.get("one"))?.detail).toContain("nginx said");
  });

  it.each([
    ["torn", '{"schema":1,"certifica'],
    ["empty", ""],
    ["of zero bytes' worth", "\0".repeat(300)],
    ["of another shape", '{"schema":1}'],
    ["no object", "[]"],
    ["a number", "17"],
  ])("that are %s are set aside with one warning", async (_, content) => {
    await using bed = await storeBed();
    const store = await bed.open();
    await store.pending.put("one", pending("a"));
    const [name = ""] = await readdir(bed.path("pending"));
    await writeFile(bed.path("pending", name), content);
    expect(await store.pending.get("one")).toBeNull();
    expect(await store.pending.list()).toEqual([]);
    expect(bed.warnings).toEqual(["state file is corrupt and was moved aside"]);
    expect(await readFile(bed.path("pending", `${name}.corrupt`), "utf8")).toBe(
      content,
    );
    await store.pending.put("one", pending("b"));
    expect(await store.pending.get("one")).toEqual(pending("b"));
  });

  it("of a newer livecert stop everything before anything is written", async () => {
    await using bed = await storeBed();
    const store = await bed.open();
    await store.pending.put("one", pending("a"));
    const [name = ""] = await readdir(bed.path("pending"));
    const path = bed.path("pending", name);
    const newer = (await readFile(path, "utf8")).replace(
      '"schema":1',
      '"schema":2',
    );
    await writeFile(path, newer);
    const other = await bed.open();
    await expect(other.pending.get("one")).rejects.toMatchObject({
      code: "state-newer",
    });
    await expect(other.queue.put(queued("a", 1))).rejects.toMatchObject({
      code: "state-newer",
    });
    await expect(other.journal.append([entry("1")])).rejects.toMatchObject({
      code: "state-newer",
    });
    expect(await readdir(bed.path("queue"))).toEqual([]);
    expect(await readdir(bed.path())).not.toContain("journal.jsonl");
    expect(await readFile(path, "utf8")).toBe(newer);
  });

  it("are not opened at all beside a newer livecert's directory", async () => {
    await using bed = await storeBed();
    await mkdir(join(bed.stateDir, "v2"), { recursive: true });
    await expect(bed.open()).rejects.toMatchObject({
      code: "state-newer",
      exitCode: 2,
    });
  });

  it.each([
    ["the state directory", (bed: Bed) => bed.stateDir],
    ["its version's directory", (bed: Bed) => bed.path()],
  ])("are refused where others may write to %s", async (_, which) => {
    await using bed = await storeBed();
    await (await bed.open()).pending.put("one", pending("a"));
    await chmod(which(bed), 0o777);
    await expect(bed.open()).rejects.toMatchObject({
      code: "configuration-unsafe",
    });
  });

  it("leave nothing behind of writers that were killed", async () => {
    await using bed = await storeBed();
    await (await bed.open()).pending.put("one", pending("a"));
    const dead = await mustRun("/bin/sh", ["-c", "echo $$"]);
    const leftover = `.one.json.${dead.stdout.trim()}.0123456789ab.tmp`;
    const living = `.one.json.${String(process.pid)}.0123456789ab.tmp`;
    await writeFile(bed.path("pending", leftover), "half");
    await writeFile(bed.path("pending", living), "half");
    await (await bed.open()).pending.put("one", pending("b"));
    const names = await readdir(bed.path("pending"));
    expect(names).not.toContain(leftover);
    expect(names).toContain(living);
  });
});

describe("the queue", () => {
  it("keeps one entry per lineage, the newest", async () => {
    await using bed = await storeBed();
    const { queue } = await bed.open();
    await queue.put(queued("a", 1));
    await queue.put(queued("b", 1));
    await queue.put(queued("a", 2));
    const entries = (await queue.list()).map(({ entry }) => entry);
    expect(entries).toEqual([queued("a", 2), queued("b", 1)]);
    expect((await queue.get("/etc/letsencrypt/live/a"))?.entry.version).toBe(2);
    expect(await queue.get("/etc/letsencrypt/live/c")).toBeNull();
  });

  it("removes what was read and nothing that came since", async () => {
    await using bed = await storeBed();
    const { queue } = await bed.open();
    await queue.put(queued("a", 1));
    await queue.put(queued("b", 1));
    const read = await queue.list();
    await queue.put(queued("b", 2));
    for (const one of read) await queue.removeIfUnchanged(one);
    expect((await queue.list()).map(({ entry }) => entry)).toEqual([
      queued("b", 2),
    ]);
    for (const one of read) await queue.removeIfUnchanged(one);
    expect(await queue.list()).toHaveLength(1);
    expect(await readdir(bed.path("queue"))).toHaveLength(1);
  });

  it("removes an entry that a person has formatted", async () => {
    await using bed = await storeBed();
    const { queue } = await bed.open();
    await queue.put(queued("a", 1));
    const [name = ""] = await readdir(bed.path("queue"));
    await writeFile(
      bed.path("queue", name),
      JSON.stringify(queued("a", 1), null, 4),
    );
    for (const one of await queue.list()) await queue.removeIfUnchanged(one);
    expect(await queue.list()).toEqual([]);
  });

  it("takes up an entry whose removal was cut short, unless a newer one came", async () => {
    await using bed = await storeBed();
    const { queue } = await bed.open();
    await queue.put(queued("a", 1));
    const [name = ""] = await readdir(bed.path("queue"));
    const text = await readFile(bed.path("queue", name), "utf8");
    await mustRun("mv", [
      bed.path("queue", name),
      bed.path("queue", `${name}.taken`),
    ]);
    expect(await queue.list()).toEqual([]);
    await queue.recover();
    expect((await queue.list()).map(({ entry }) => entry)).toEqual([
      queued("a", 1),
    ]);
    await queue.put(queued("a", 2));
    await writeFile(bed.path("queue", `${name}.taken`), text);
    await queue.recover();
    expect((await queue.list()).map(({ entry }) => entry)).toEqual([
      queued("a", 2),
    ]);
    expect(await readdir(bed.path("queue"))).toEqual([name]);
  });

  it("loses nothing when entries are put and removed at the same time", async () => {
    await using bed = await storeBed();
    const { queue } = await bed.open();
    let version = 0;
    const seen = new Set<number>();
    const writer = (async () => {
      while (version < 150) {
        version += 1;
        await queue.put(queued("a", version));
      }
    })();
    const remove = async () => {
      for (const one of await queue.list()) {
        seen.add(one.entry.version ?? 0);
        await queue.removeIfUnchanged(one);
      }
    };
    const remover = (async () => {
      while (version < 150) {
        await remove();
        await nextTurn();
      }
    })();
    await Promise.all([writer, remover]);
    await remove();
    expect(seen.has(150)).toBe(true);
    expect(await queue.list()).toEqual([]);
  });
});

describe("the journal", () => {
  it("gives the newest entries first, of one lineage if asked", async () => {
    await using bed = await storeBed();
    const { journal } = await bed.open();
    await journal.append([entry("1"), entry("2", "other")]);
    await journal.append([]);
    await journal.append([entry("3")]);
    const runs = async (filter: Parameters<typeof journal.read>[0]) =>
      (await journal.read(filter)).map(({ run }) => run);
    expect(await runs({ limit: 10 })).toEqual(["3", "2", "1"]);
    expect(await runs({ limit: 1 })).toEqual(["3"]);
    expect(await runs({ limit: 10, lineage: "example.org" })).toEqual([
      "3",
      "1",
    ]);
    const path = "/etc/letsencrypt/live/other/fullchain.pem";
    expect(await runs({ limit: 10, lineage: path })).toEqual(["2"]);
  });

  it("skips a torn line and ends it before the next", async () => {
    await using bed = await storeBed();
    const { journal } = await bed.open();
    await journal.append([entry("1")]);
    await appendFile(bed.path("journal.jsonl"), '{"schema":1,"at":"2026');
    expect(await journal.read({ limit: 10 })).toHaveLength(1);
    await journal.append([entry("2")]);
    expect((await journal.read({ limit: 10 })).map(({ run }) => run)).toEqual([
      "2",
      "1",
    ]);
  });

  it("is bounded: two files, the older of which goes", async () => {
    await using bed = await storeBed();
    const place = await openPlace(bed.stateDir, collectWarnings([]));
    const maxBytes = 4_096;
    const journal = openJournal(place, { maxBytes });
    for (let run = 1; run <= 60; run += 1)
      await journal.append([entry(String(run))]);
    const kept = await journal.read({ limit: 1_000 });
    const numbers = kept.map(({ run }) => Number(run));
    expect(numbers).toEqual(
      Array.from({ length: kept.length }, (_, index) => 60 - index),
    );
    expect(kept.length).toBeLessThan(40);
    expect(kept.length).toBeGreaterThan(9);
    for (const name of ["journal.jsonl", "journal.1.jsonl"])
      expect((await stat(bed.path(name))).size).toBeLessThan(2 * maxBytes);
  });

  it("cuts what is told at length", async () => {
    await using bed = await storeBed();
    const { journal } = await bed.open();
    await journal.append([{ ...entry("1"), detail: "x".repeat(100_000) }]);
    const [read] = await journal.read({ limit: 1 });
    expect(read?.detail).toHaveLength(2_000);
  });

  it("keeps whole lines when several writers append at once", async () => {
    await using bed = await storeBed();
    const stores = await Promise.all(
      Array.from({ length: 8 }, () => bed.open()),
    );
    await Promise.all(
      stores.flatMap(({ journal }, writer) =>
        Array.from({ length: 25 }, (_, index) =>
          journal.append([entry(`${String(writer)}-${String(index)}`)]),
        ),
      ),
    );
    const [store] = stores;
    expect(await store?.journal.read({ limit: 1_000 })).toHaveLength(200);
  });
});

describe("a disk that takes nothing", () => {
  it("is a warning when it is full, and what was there stays whole", async () => {
    await using bed = await storeBed();
    await mkdir(bed.stateDir, { mode: 0o700 });
    await mustRun("mount", [
      "-t",
      "tmpfs",
      "-o",
      "size=512k,mode=0700",
      "tmpfs",
      bed.stateDir,
    ]);
    try {
      const store = await bed.open();
      await store.pending.put("one", pending("before"));
      await store.journal.append([entry("1")]);
      await run("dd", [
        "if=/dev/zero",
        `of=${join(bed.stateDir, "filler")}`,
        "bs=1k",
      ]);
      const big = pending("x".repeat(40_000));
      const put = await store.pending.put("one", big);
      expect(put).toMatchObject({ kind: "not-written" });
      expect(put.kind === "not-written" && put.warning).toContain(
        "no space left on the disk",
      );
      const long = Array.from({ length: 100 }, (_, index) =>
        entry(String(index)),
      );
      expect(await store.journal.append(long)).toMatchObject({
        kind: "not-written",
      });
      expect(await store.queue.put(queued("a".repeat(200), 1))).toBeDefined();
      expect(await store.pending.get("one")).toEqual(pending("before"));
      expect(
        (await readdir(bed.path("pending"))).filter((name) =>
          name.endsWith(".tmp"),
        ),
      ).toEqual([]);
      await mustRun("rm", [join(bed.stateDir, "filler")]);
      expect(await store.pending.put("one", big)).toEqual({ kind: "written" });
      expect(await store.journal.append([entry("last")])).toEqual({
        kind: "written",
      });
      const [newest] = await store.journal.read({ limit: 1 });
      expect(newest?.run).toBe("last");
    } finally {
      await mustRun("umount", [bed.stateDir]);
    }
  });

  it("is a warning when it is read-only, also before the first record", async () => {
    await using bed = await storeBed();
    await mkdir(bed.stateDir, { mode: 0o700 });
    await mustRun("mount", [
      "-t",
      "tmpfs",
      "-o",
      "ro,mode=0700",
      "tmpfs",
      bed.stateDir,
    ]);
    try {
      const store = await bed.open();
      const put = await store.pending.put("one", pending("a"));
      expect(put.kind === "not-written" && put.warning).toContain("read-only");
      const appended = await store.journal.append([entry("1")]);
      expect(appended.kind).toBe("not-written");
    } finally {
      await mustRun("umount", [bed.stateDir]);
    }
  });
});
