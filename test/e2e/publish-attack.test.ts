/**
 * Publishing where others read, write, swap and kill. LIVECERT_TEST_PUBLICATIONS is how often a set is published under the
 * eyes of readers and attackers, LIVECERT_TEST_KILLS how many of the system calls are passed over between two kills.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import {
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join, resolve } from "node:path";
import { transform } from "esbuild";
import { describe, expect, it } from "vitest";
import {
  publishSet,
  type PublishResult,
} from "../../src/adapters/publish/publish.ts";
import {
  layouts,
  type Layout,
  type PublicationSetting,
} from "../../src/core/settings/publications.ts";
import { atCall, readReport } from "../support/at-call.ts";
import { Canary } from "../support/canary.ts";
import { livecertProgram } from "../support/livecert.ts";
import { fingerprintOf } from "../support/pki.ts";
import { PublicationBed } from "../support/publication.ts";
import { start, type RunningProgram } from "../support/run.ts";
import { tracedCalls, tracing } from "../support/system-calls.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { waitFor } from "../support/wait.ts";

const publications = Number(process.env["LIVECERT_TEST_PUBLICATIONS"] ?? 40);
const killStep = Number(process.env["LIVECERT_TEST_KILLS"] ?? 6);
const attempts = Math.ceil(Math.min(publications, 200) / 8);
/** For a reader or an attacker. */
const limitMs = 600_000;
const stranger = 1234;
/** Those by which names come and go, and those after which a new file is whole; nobody can see what is between two of them. */
const changing = [
  ...["mkdir", "rename", "link", "symlink", "unlink", "rmdir", "fsync"],
];

const programs = resolve(import.meta.dirname, "../support/programs");

function settingFor(directory: string, layout: Layout): PublicationSetting {
  return {
    name: "web",
    lineage: "any",
    directory,
    subdirectory: [],
    layout,
    files: [
      { kind: "fullchain", name: "ssl.crt" },
      { kind: "key", name: "ssl.key" },
    ],
    owner: null,
    group: null,
    mode: 0o644,
    keyMode: 0o600,
    keep: 2,
  };
}

/** Both files hold the number. */
function publishNumber(
  setting: PublicationSetting,
  number: number,
): Promise<PublishResult> {
  const content = Buffer.from(String(number).padStart(4_000, "."));
  const version = `2026${String(number).padStart(4, "0")}T000000Z-0`;
  return publishSet({
    setting,
    version,
    contents: new Map([
      ["ssl.crt", content],
      ["ssl.key", content],
    ]),
    adopt: null,
    kept: [],
    now: new Date(),
    program: livecertProgram,
    timeoutMs: 60_000,
    signal: new AbortController().signal,
  });
}

async function startReader(
  ...words: readonly string[]
): Promise<RunningProgram> {
  const program = join(programs, "read-pairs.ts");
  const args = ["--import", "tsx", program, ...words];
  return atWork(await start(process.execPath, args, { limitMs }));
}

/** Only then does it see anything, or hear that it is to end. */
async function atWork(program: RunningProgram): Promise<RunningProgram> {
  await waitFor("it is at work", () => program.stdout().includes("\n"));
  return program;
}

/** As the stranger; the program's text is handed over, since that user may not read it. */
async function startAttacker(
  ...words: readonly string[]
): Promise<RunningProgram> {
  const text = await readFile(join(programs, "swap-links.ts"), "utf8");
  const { code } = await transform(text, { loader: "ts", format: "esm" });
  const ids = [`--reuid=${String(stranger)}`, `--regid=${String(stranger)}`];
  const args = [
    ...[...ids, "--clear-groups", process.execPath],
    ...["--input-type=module", "-e", code, "swap-links", ...words],
  ];
  return atWork(await start("setpriv", args, { limitMs }));
}

async function answerOf(program: RunningProgram): Promise<string> {
  program.signal("SIGTERM");
  const { stdout, stderr, exitCode } = await program.ended;
  if (exitCode !== 0) throw new Error(stderr);
  return stdout.slice(stdout.indexOf("\n"));
}

describe("a reader that opens both files in a tight loop", () => {
  it(
    `never meets a mixture during ${String(publications)} publications, where it opens the directory once`,
    { timeout: 600_000 },
    async () => {
      await using temporary = await temporaryDirectory();
      const setting = settingFor(temporary.path, "versioned");
      await publishNumber(setting, 0);
      const place = join(temporary.path, ".livecert-web/current");
      const reader = await startReader(place, "ssl.crt", "ssl.key");
      for (let number = 1; number <= publications; number += 1)
        expect(await publishNumber(setting, number)).toMatchObject({
          kind: "done",
        });
      const { whole, mixed } = JSON.parse(await answerOf(reader)) as {
        whole: number;
        mixed: number;
      };
      expect(mixed).toBe(0);
      expect(whole).toBeGreaterThan(publications);
    },
  );
});

describe("a volume that belongs to somebody else", () => {
  it("is written by a child with that owner's ids, which gets the key by no argument and no variable", async () => {
    await using bed = await PublicationBed.create({ owner: stranger });
    const trace = join(bed.host.directory, "trace");
    const key = await readFile(
      bed.host.certbot.live("published.example.test", "privkey"),
      "utf8",
    );
    const { stdout, stderr } = await bed.run(
      ["deploy", "--json", "--log-level", "trace"],
      { through: tracing(trace, ["execve", "setuid", "openat", "mkdir"]) },
    );

    for (const name of ["ssl.crt", "ssl.key"] as const) {
      const { uid, gid } = await lstat(bed.path(name));
      expect({ uid, gid }).toEqual({ uid: stranger, gid: stranger });
    }
    const pair = new X509Certificate(await readFile(bed.path("ssl.crt")));
    expect(
      pair.checkPrivateKey(
        createPrivateKey(await readFile(bed.path("ssl.key"))),
      ),
    ).toBe(true);
    const calls = await tracedCalls(trace);
    const child = calls.find(
      ({ name, args }) =>
        name === "setuid" && args.startsWith(`${String(stranger)})`),
    );
    expect(child).toBeDefined();
    const writers = calls.filter(
      ({ name, args }) => name !== "execve" && args.includes(".tmp-"),
    );
    expect(new Set(writers.map(({ pid }) => pid))).toEqual(
      new Set([child?.pid]),
    );
    const canary = Canary.ofKey(key);
    expect(canary.foundIn(stdout + stderr)).toBe(null);
    for (const { args } of calls.filter(({ name }) => name === "execve"))
      expect(canary.foundIn(args)).toBe(null);
  });

  it.each(["versioned", "files", "in-place"] as const)(
    "layout %s: nothing outside is written or read while its owner swaps directories for links in a tight loop",
    { timeout: 600_000 },
    async (layout) => {
      await using temporary = await temporaryDirectory();
      const outside = join(temporary.path, "outside");
      const volume = join(temporary.path, "volume");
      const inner = join(volume, "inner");
      for (const directory of [outside, volume, inner]) {
        await mkdir(directory);
        await chown(directory, stranger, stranger);
      }
      for (const name of ["ssl.crt", "ssl.key", "bait"])
        await writeFile(join(outside, name), "OUTSIDE");
      const before = await snapshotOf(outside);
      const setting = {
        ...settingFor(volume, layout),
        subdirectory: ["inner"],
      };
      await publishNumber(setting, 0);
      let number = 0;
      for (const directory of [join(inner, ".livecert-web"), inner]) {
        const attacker = await startAttacker(outside, directory);
        for (let attempt = 0; attempt < attempts; attempt += 1) {
          const { kind } = await publishNumber(setting, (number += 1));
          expect(["done", "failed"]).toContain(kind);
        }
        expect(Number(await answerOf(attacker))).toBeGreaterThan(100);
      }

      expect(await snapshotOf(outside)).toEqual(before);
      expect(await textsBelow(volume)).not.toContain("OUTSIDE");
    },
  );

  it("is refused where a link leads out of it", async () => {
    await using bed = await PublicationBed.create({
      owner: stranger,
      lines: ["subdirectory: certs"],
    });
    await symlink("../..", join(bed.volume, "certs"));
    const document = await bed.document(["deploy"]);
    expect(document.publications).toMatchObject([{ state: "failed" }]);
    expect(document.publications[0]?.reason).toContain("leads out of");
  });
});

async function snapshotOf(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory);
  return Promise.all(
    names.sort().map(async (name) => {
      const { ino, mtimeMs, mode, uid } = await lstat(join(directory, name));
      return [name, ino, mtimeMs, mode, uid].map(String).join(" ");
    }),
  );
}

async function textsBelow(directory: string): Promise<string> {
  const entries = await readdir(directory, {
    recursive: true,
    withFileTypes: true,
  });
  const texts = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => readFile(join(parentPath, name), "utf8")),
  );
  return texts.join("\n");
}

describe("kill -9 at any system call that changes a name", () => {
  it.each(layouts)(
    "layout %s: leaves what it promises, and the next run publishes the new one",
    { timeout: 1_200_000 },
    async (layout) => {
      await using bed = await PublicationBed.create({ layout });
      const store = join(bed.volume, ".livecert-web");
      await bed.document(["deploy"]);
      const kept = [await bed.published()];
      const acted: string[] = [];
      for (let number = 1; ; number += killStep) {
        await bed.renew();
        await age(store);
        const call = await deployKilledAt(bed, number);
        if (call === null) break;
        acted.push(call);
        const possible = [kept.at(-1), await bed.onDisk()];
        expect(possible, call).toContain(await pairIn(join(store, "current")));
        if (layout === "versioned")
          expect(possible, call).toContain(await pairIn(bed.volume));
        if (layout === "files") await expectWholeFiles(bed);

        const document = await bed.document(["deploy"]);
        expect(document.outcome, call).not.toBe("unpublished");
        expect(await pairIn(bed.volume), call).toBe(await bed.onDisk());
        kept.push(await bed.published());
        const left = await readdir(bed.volume, { recursive: true });
        expect(left.filter((name) => name.includes(".tmp-"))).toEqual([]);
      }
      // From the first call in the volume up to the last one of the run, which is elsewhere.
      const places = acted.map((call) =>
        call.includes("/proc/self/fd/") || call.includes(bed.volume)
          ? "volume"
          : "state",
      );
      expect(places[0]).toBe("volume");
      expect(places.at(-1)).toBe("state");
      if (killStep > 1) return;
      const names = acted
        .filter((_, index) => places[index] === "volume")
        .map((call) => call.split(" ")[0]);
      expect(names).toEqual(expect.arrayContaining(["mkdir", "rename"]));
      // One version goes for each that comes.
      expect(names).toEqual(expect.arrayContaining(["unlink", "rmdir"]));
    },
  );
});

/** The call, with its file; null: the run came to its end before. */
async function deployKilledAt(
  bed: PublicationBed,
  number: number,
): Promise<string | null> {
  const report = join(bed.host.directory, "report");
  await bed.run(["deploy"], {
    through: atCall(report, {
      calls: changing,
      from: "/.livecert-web",
      number,
      action: { kind: "kill" },
    }),
  });
  return (await readReport(report)).acted;
}

/** As if all versions had been there for long, so that the next publication removes one. */
async function age(store: string): Promise<void> {
  const before = new Date(Date.now() - 3_600_000);
  const entries = await readdir(store, { withFileTypes: true });
  for (const entry of entries.filter((entry) => entry.isDirectory()))
    await utimes(join(store, entry.name), before, before);
}

/** The certificate's fingerprint; throws where the key is another's. */
async function pairIn(directory: string): Promise<string> {
  const text = await readFile(join(directory, "ssl.crt"), "utf8");
  const key = createPrivateKey(await readFile(join(directory, "ssl.key")));
  if (!new X509Certificate(text).checkPrivateKey(key))
    throw new Error(`a mixture in ${directory}`);
  return fingerprintOf(text);
}

async function expectWholeFiles(bed: PublicationBed): Promise<void> {
  await bed.published();
  createPrivateKey(await readFile(bed.path("ssl.key")));
}
