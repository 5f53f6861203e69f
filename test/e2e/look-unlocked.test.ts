import { copyFile, mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createLog } from "../../src/adapters/log/log.ts";
import { openStore } from "../../src/adapters/store/store.ts";
import { emptyBook } from "../../src/core/incidents/record.ts";
import type { RunDocument } from "../../src/core/report/document.ts";
import { besideAnotherRun } from "../support/another-run.ts";
import { HostBed } from "../support/host.ts";
import { serverBlock } from "../support/nginx.ts";
import type { RunResult } from "../support/run.ts";
import { waitFor } from "../support/wait.ts";

const name = "second.example.test";
const other = "other.example.test";
let host: HostBed;
let address: string;

beforeAll(async () => {
  host = await HostBed.create();
  address = await host.nginx.address();
  for (const one of [name, other]) await host.renew(one);
  await host.nginx.configure({ http: blocks() });
  await host.nginx.start();
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

beforeEach(async () => {
  for (const one of [name, other]) await host.renew(one);
  // The reload for the one brings the other live.
  expect((await hook(name)).outcome).toBe("deployed");
  for (const one of [other, name])
    expect((await hook(one)).outcome).toBe("live");
});

function blocks(): string {
  return [name, other]
    .map((one) =>
      serverBlock({
        listen: [`${address} ssl`],
        names: [one],
        pairs: [host.pair(one)],
      }),
    )
    .join("\n");
}

function hook(lineage: string): Promise<RunDocument> {
  return host.livecert.document(["hook"], {
    environment: environmentOf(lineage),
  });
}

function hookBesideAnotherRun(
  ...options: readonly string[]
): Promise<RunResult> {
  return besideAnotherRun(host.livecert, () =>
    host.livecert.run(["hook", ...options], {
      environment: environmentOf(name),
    }),
  );
}

function environmentOf(lineage: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    LIVECERT_LIMITS_LOCK_HOOK: "500ms",
    RENEWED_LINEAGE: host.certbot.live(lineage),
  };
}

/** The state's files but for the journal, with what they hold. */
async function state(): Promise<ReadonlyMap<string, string>> {
  const directory = join(host.livecert.stateDirectory, "v1");
  const names = await readdir(directory, {
    recursive: true,
    withFileTypes: true,
  });
  const files = names
    .filter((one) => one.isFile() && !one.name.startsWith("journal"))
    .map((one) => join(one.parentPath, one.name))
    .sort();
  const texts = await Promise.all(
    files.map(async (file) => [file, await readFile(file, "utf8")] as const),
  );
  return new Map(texts);
}

async function journal(): Promise<readonly string[]> {
  const { stateDirectory } = host.livecert;
  const text = await readFile(join(stateDirectory, "v1/journal.jsonl"), "utf8");
  return text.trimEnd().split("\n");
}

/** That a key fits is only kept of files that are two seconds old: what came later could bear the same times. */
async function untilNothingIsNews(): Promise<void> {
  const { key } = host.pair(name);
  await waitFor("files that are old enough", async () => {
    const { ctimeMs } = await stat(key);
    return Date.now() - ctimeMs > 2_500;
  });
  await waitFor("a hook that leaves the state as it is", async () => {
    const before = await state();
    await hook(name);
    return isDeepStrictEqual(await state(), before);
  });
}

describe("a hook whose lineage is known to be live", () => {
  it("waits for nobody, and leaves one line in the journal and nothing else", async () => {
    await untilNothingIsNews();
    const before = { state: await state(), journal: await journal() };
    const { exitCode, stdout, stderr } = await hookBesideAnotherRun();
    expect(stderr).toBe("");
    expect(stdout).toContain("live, served everywhere as it is on disk");
    expect(exitCode).toBe(0);
    expect(await state()).toEqual(before.state);
    expect((await journal()).length).toBe(before.journal.length + 1);
  });

  it.each<{
    readonly what: string;
    readonly happens: () => Promise<unknown>;
    /** Whether the state lets it look at all. */
    readonly looks: boolean;
    readonly afterwards: string;
  }>([
    {
      what: "it was renewed again",
      looks: false,
      happens: () => host.renew(name),
      afterwards: "deployed",
    },
    {
      what: "its files were replaced without a new version",
      looks: false,
      happens: async () => {
        const live = (kind: "privkey" | "fullchain" | "cert" | "chain") =>
          host.certbot.live(name, kind);
        await host.certbot.write("spare", await host.files([name]));
        for (const kind of ["privkey", "fullchain", "cert", "chain"] as const)
          await copyFile(host.certbot.live("spare", kind), live(kind));
      },
      afterwards: "deployed",
    },
    {
      what: "Nginx was started anew",
      looks: true,
      happens: async () => {
        await host.nginx.stop();
        await host.nginx.start();
      },
      afterwards: "live",
    },
    {
      what: "another lineage waits in the queue",
      looks: false,
      happens: async () => {
        await host.renew(other);
        await besideAnotherRun(host.livecert, () => hook(other));
      },
      afterwards: "live",
    },
    {
      what: "Nginx is stopped",
      looks: true,
      happens: () => host.nginx.stop(),
      afterwards: "not-running",
    },
    {
      what: "a run told of what waits",
      looks: true,
      happens: () => writeBookOfWaiting(),
      afterwards: "live",
    },
  ])("does wait where $what", async ({ happens, looks, afterwards }) => {
    await happens();
    const reloads = await host.nginx.reconfigurations();
    const { exitCode, stderr } = await hookBesideAnotherRun(
      ...["--log-level", "debug"],
    );
    expect(stderr).toContain("livecert deploy holds since");
    expect(exitCode).toBe(7);
    expect(stderr.includes("the look without the lock failed")).toBe(looks);
    expect(await host.nginx.reconfigurations()).toBe(reloads);

    const before = await journal();
    const document = await hook(name);
    if ((await host.nginx.masterPid()) === null) await host.nginx.start();
    const own = document.lineages.find((one) => one.name === name);
    expect(own?.outcome).toBe(afterwards);
    const lines = (await journal()).slice(before.length);
    const names = document.lineages.map((one) => one.name);
    expect(lines.length).toBe(names.length);
    expect(await host.isLive(name, address)).toBe(true);
    expect(await host.isLive(other, address)).toBe(true);
  });

  it("is queued where its record cannot be read", async () => {
    await host.renew(name);
    const record = [...(await state()).keys()].find((path) =>
      path.includes(`sources/${name}`),
    );
    const file = record ?? "";
    await rm(file);
    await mkdir(file);
    const { exitCode } = await host.livecert.run(["hook"], {
      environment: environmentOf(name),
    });
    expect(exitCode).not.toBe(0);
    const waiting = [...(await state()).keys()].filter((path) =>
      path.includes("/queue/"),
    );
    expect(waiting).toEqual([expect.stringContaining(name)]);
    await rm(file, { recursive: true });
    await host.livecert.run(["retry"]);
    expect(await host.isLive(name, address)).toBe(true);
  });
});

/** As a run that got no lock leaves it, with nothing in it that still waits. */
async function writeBookOfWaiting(): Promise<void> {
  const log = createLog({
    level: "error",
    format: { kind: "json", priorities: false },
    descriptor: 2,
    now: () => new Date(),
  });
  const { stateDirectory: stateDir } = host.livecert;
  const { incidents } = await openStore({ stateDir, log });
  await incidents.put("waiting", emptyBook);
}
