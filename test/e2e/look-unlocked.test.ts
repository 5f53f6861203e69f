import { copyFile, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RunDocument } from "../../src/core/report/document.ts";
import { besideAnotherRun } from "../support/another-run.ts";
import { HostBed } from "../support/host.ts";
import { serverBlock } from "../support/nginx.ts";
import type { RunResult } from "../support/run.ts";

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

function hookBesideAnotherRun(): Promise<RunResult> {
  return besideAnotherRun(host.livecert, () =>
    host.livecert.run(["hook"], { environment: environmentOf(name) }),
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
  const { stdout } = await host.livecert.run(["history"]);
  return stdout.trimEnd().split("\n");
}

describe("a hook whose lineage is known to be live", () => {
  it("waits for nobody, and leaves one line in the journal and nothing else", async () => {
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
    readonly afterwards: string;
  }>([
    {
      what: "it was renewed again",
      happens: () => host.renew(name),
      afterwards: "deployed",
    },
    {
      what: "its files were replaced without a new version",
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
      happens: async () => {
        await host.nginx.stop();
        await host.nginx.start();
      },
      afterwards: "live",
    },
    {
      what: "another lineage waits in the queue",
      happens: async () => {
        await host.renew(other);
        await besideAnotherRun(host.livecert, () => hook(other));
      },
      afterwards: "live",
    },
    {
      what: "Nginx is stopped",
      happens: () => host.nginx.stop(),
      afterwards: "not-running",
    },
  ])("does wait where $what", async ({ happens, afterwards }) => {
    await happens();
    const reloads = await host.nginx.reconfigurations();
    const { exitCode, stderr } = await hookBesideAnotherRun();
    expect(stderr).toContain("livecert deploy holds since");
    expect(exitCode).toBe(7);
    expect(await host.nginx.reconfigurations()).toBe(reloads);
    const document = await hook(name);
    const own = document.lineages.find((one) => one.name === name);
    expect(own?.outcome).toBe(afterwards);
    if (afterwards === "not-running") {
      await host.nginx.start();
      return;
    }
    expect(await host.isLive(name, address)).toBe(true);
    expect(await host.isLive(other, address)).toBe(true);
  });
});
