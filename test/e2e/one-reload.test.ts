import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JournalEntry } from "../../src/core/decision/record.ts";
import type { RunDocument } from "../../src/core/report/document.ts";
import { writeScript } from "../support/hook.ts";
import { PebbleBed } from "../support/pebble.ts";
import { RenewalBed } from "../support/renewal.ts";
import type { RunningProgram } from "../support/run.ts";
import { waitFor } from "../support/wait.ts";

const names = Array.from(
  { length: 20 },
  (_, index) => `m${String(index + 1).padStart(2, "0")}.example.test`,
);
/** Certbot renews in the order of the names. */
const [first = "", second = "", third = "", fourth = ""] = names;
/** Renewed among them, and used by no server block. */
const damaged = "m10-damaged.example.test";
let pebble: PebbleBed;

beforeAll(async () => {
  pebble = await PebbleBed.start();
  await pebble.issueEach([...names, damaged]);
});

afterAll(async () => {
  await pebble[Symbol.asyncDispose]();
});

async function createBed(
  lineages: readonly string[] = [first, second, third, fourth],
): Promise<RenewalBed> {
  const bed = await RenewalBed.create({ pebble, names: lineages });
  await bed.installHooks();
  return bed;
}

/** A renewal of all, held by another hook when the second lineage is renewed and queued. */
interface HeldRenewal extends AsyncDisposable {
  readonly certbot: RunningProgram;
  /** Certbot and the hook that holds it are gone, and no post hook has run. */
  kill(): Promise<void>;
}

async function holdRenewal(bed: RenewalBed): Promise<HeldRenewal> {
  const hook = bed.hookPath("deploy", "zz-hangs");
  const reached = join(bed.nginx.prefix, "reached");
  await writeScript(
    hook,
    `[ "\${RENEWED_LINEAGE##*/}" = ${second} ] || exit 0`,
    `: >'${reached}'`,
    "exec sleep 600 >/dev/null 2>&1",
  );
  const certbot = await bed.startRenewal();
  const kill = async (): Promise<void> => {
    certbot.signal("SIGKILL");
    await certbot.ended;
  };
  const held = {
    certbot,
    kill,
    [Symbol.asyncDispose]: async () => {
      await kill();
      await rm(hook);
    },
  };
  await waitFor("Certbot runs the hook that hangs", async () =>
    (await readdir(bed.nginx.prefix)).includes("reached"),
  ).catch(async (error: unknown) => {
    await held[Symbol.asyncDispose]();
    throw error;
  });
  return held;
}

function outcomes({ lineages }: RunDocument): readonly unknown[] {
  return lineages.map(({ name, outcome }) => [name, outcome]);
}

describe("renewal-hooks/{deploy,post}/livecert", () => {
  it("makes one reload for 20 lineages renewed in one run of Certbot, each seen by a client, and rejects a damaged one at once", async () => {
    await using bed = await createBed(names);
    await bed.addHook(
      "deploy",
      "aa-damages",
      `[ "\${RENEWED_LINEAGE##*/}" != ${damaged} ] || : >"$RENEWED_LINEAGE/privkey.pem"`,
    );
    const before = await Promise.all(names.map((name) => bed.served(name)));

    const renewal = await bed.renew();

    expect(renewal.exitCode).toBe(0);
    expect(renewal.stdout).toContain(`${damaged}: rejected`);
    const onDisk = await Promise.all(names.map((name) => bed.onDisk(name)));
    expect(onDisk.filter((one) => before.includes(one))).toEqual([]);
    expect(await bed.notLive()).toEqual([]);
    expect(await bed.reloads()).toBe(1);
    const history = await bed.livecert.run(["history", "--json", "-n", "100"]);
    const { entries } = JSON.parse(history.stdout) as {
      readonly entries: readonly JournalEntry[];
    };
    const deployed = entries.filter(({ outcome }) => outcome === "deployed");
    expect(deployed.map(({ lineage }) => lineage).sort()).toEqual(names);
    expect(new Set(deployed.map(({ run }) => run)).size).toBe(1);
    expect(await bed.queued()).toBe(0);
  });

  it("waits for a Certbot that hangs in another hook, and deploys by hand what a person names", async () => {
    await using bed = await createBed();
    await using held = await holdRenewal(bed);

    const retry = await bed.livecert.document(["retry"]);
    expect(retry).toMatchObject({ outcome: null, exitCode: 0, reloads: 0 });
    expect(await bed.queued()).toBe(2);
    expect(await bed.reloads()).toBe(0);

    const deploy = await bed.livecert.document(["deploy", first]);
    expect(deploy).toMatchObject({ outcome: "deployed", reloads: 1 });
    expect(await bed.served(first)).toBe(await bed.onDisk(first));

    await held.kill();
    const later = await bed.livecert.document(["retry"]);
    expect(outcomes(later)).toEqual([[second, "live"]]);
    expect(await bed.reloads()).toBe(1);
    expect(await bed.queued()).toBe(0);
  });
});

describe("what Certbot left behind when it was killed before its post hooks", () => {
  const anyRun: readonly {
    readonly what: string;
    readonly next: (bed: RenewalBed) => Promise<unknown>;
  }[] = [
    {
      what: "deploy of another lineage",
      next: (bed) => bed.livecert.document(["deploy", fourth]),
    },
    {
      what: "the post hook of a failed renewal",
      next: async (bed) => {
        // Certbot refuses to make such a key, after its pre hooks.
        const weak = ["--key-type", "rsa", "--rsa-key-size", "512"];
        const { exitCode } = await bed.renew(["--cert-name", third, ...weak]);
        expect(exitCode).toBe(1);
      },
    },
    {
      what: "a deploy hook of another Certbot",
      next: (bed) =>
        bed.renew([
          ...["--cert-name", third, "--no-directory-hooks"],
          ...["--deploy-hook", bed.livecert.hookCommand()],
        ]),
    },
  ];

  it.each(anyRun)("is made live by $what", async ({ next }) => {
    await using bed = await createBed();
    {
      await using held = await holdRenewal(bed);
      await held.kill();
    }
    expect(await bed.queued()).toBe(2);
    expect(await bed.notLive()).toEqual([first, second]);

    await next(bed);

    expect(await bed.notLive()).toEqual([]);
    expect(await bed.reloads()).toBe(1);
    expect(await bed.queued()).toBe(0);
  });

  it("is left alone by `certbot renew --dry-run --run-deploy-hooks`, and made live by livecert retry", async () => {
    await using bed = await createBed();
    {
      await using held = await holdRenewal(bed);
      await held.kill();
    }
    const dryRun = await bed.dryRun([
      ...["--cert-name", third, "--run-deploy-hooks"],
    ]);

    expect(dryRun.stdout).toContain(`${third}: live`);
    expect(await bed.reloads()).toBe(0);
    expect(await bed.queued()).toBe(2);

    const retry = await bed.livecert.document(["retry"]);
    expect(retry).toMatchObject({ outcome: "deployed", reloads: 1 });
    expect(await bed.notLive()).toEqual([]);
  });
});
