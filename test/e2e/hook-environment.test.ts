import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HostBed } from "../support/host.ts";
import { serverBlock } from "../support/nginx.ts";

const name = "hook.example.test";

/** Served, and renewed since. */
async function createMachine(): Promise<HostBed> {
  const bed = await HostBed.create();
  await bed.renew(name);
  await bed.nginx.configure({
    http: serverBlock({
      listen: [`${await bed.nginx.address()} ssl`],
      names: [name],
      pairs: [bed.pair(name)],
    }),
  });
  await bed.nginx.start();
  await bed.renew(name);
  return bed;
}

interface Variables {
  readonly RENEWED_LINEAGE?: string;
  readonly RENEWED_DOMAINS?: string;
}

/** As much as the kernel lets a single variable hold, less its name (MAX_ARG_STRLEN). */
const longest = 131_000;

const refused: readonly {
  readonly what: string;
  readonly variables: (bed: HostBed) => Variables | Promise<Variables>;
}[] = [
  { what: "no variable at all", variables: () => ({}) },
  { what: "an empty lineage", variables: () => ({ RENEWED_LINEAGE: "" }) },
  {
    what: "a name instead of a path",
    variables: () => ({ RENEWED_LINEAGE: name }),
  },
  {
    what: "a path that climbs out",
    variables: () => ({ RENEWED_LINEAGE: `../../${name}` }),
  },
  {
    what: "the root directory, by a detour",
    variables: (bed) => ({
      RENEWED_LINEAGE: `${bed.certbot.live(name)}/${"../".repeat(40)}`,
    }),
  },
  {
    what: "a newline in the lineage",
    variables: (bed) => ({
      RENEWED_LINEAGE: `${bed.certbot.live(name)}\nlivecert: live`,
    }),
  },
  {
    what: "an escape sequence in the lineage",
    variables: (bed) => ({
      RENEWED_LINEAGE: `${bed.certbot.live(name)}\u001b[2J`,
    }),
  },
  {
    what: "shell characters in the lineage",
    variables: (bed) => ({
      RENEWED_LINEAGE: `${bed.certbot.live(name)};touch ${join(bed.directory, "ran")}`,
    }),
  },
  {
    what: "a command substitution as the lineage",
    variables: (bed) => ({
      RENEWED_LINEAGE: `/$(touch ${join(bed.directory, "ran")})`,
    }),
  },
  {
    what: "a lineage longer than any path",
    variables: () => ({ RENEWED_LINEAGE: `/${"a/".repeat(longest / 2)}` }),
  },
  {
    what: "a lineage that does not exist",
    variables: () => ({ RENEWED_LINEAGE: "/nowhere/live/x" }),
  },
  {
    what: "a file as the lineage",
    variables: async (bed) => {
      await writeFile(join(bed.directory, "file"), "");
      return { RENEWED_LINEAGE: join(bed.directory, "file") };
    },
  },
  {
    what: "links that lead in a circle",
    variables: async (bed) => {
      const circle = join(bed.directory, "circle");
      await symlink(circle, circle);
      return { RENEWED_LINEAGE: circle };
    },
  },
  {
    what: "a newline in the domains",
    variables: (bed) => ({
      RENEWED_LINEAGE: bed.certbot.live(name),
      RENEWED_DOMAINS: "a.test\nb.test",
    }),
  },
  {
    what: "shell characters in the domains",
    variables: (bed) => ({
      RENEWED_LINEAGE: bed.certbot.live(name),
      RENEWED_DOMAINS: `a.test;touch ${join(bed.directory, "ran")}`,
    }),
  },
  {
    what: "a domain without end",
    variables: (bed) => ({
      RENEWED_LINEAGE: bed.certbot.live(name),
      RENEWED_DOMAINS: "a".repeat(longest),
    }),
  },
];

function hook(bed: HostBed, variables: Variables) {
  const environment = { PATH: process.env["PATH"], ...variables };
  return bed.livecert.run(["hook"], { environment });
}

describe("livecert hook, called with", () => {
  it.each(refused)(
    "$what: says so in few words and changes nothing",
    async ({ variables }) => {
      await using bed = await createMachine();
      const given = await variables(bed);

      const { exitCode, stdout, stderr } = await hook(bed, given);

      expect(stderr).toMatch(
        /^livecert: error: RENEWED_(?:LINEAGE|DOMAINS) [ -~]+\nlivecert: hint: [ -~]+\n$/,
      );
      expect(stderr.length).toBeLessThan(2_000);
      expect(stdout).toBe("");
      expect(exitCode).toBe(2);
      expect(await bed.nginx.reconfigurations()).toBe(0);
      expect(await readdir(bed.livecert.stateDirectory)).toEqual([]);
      expect(await readdir(bed.directory)).not.toContain("ran");
    },
  );

  it.each([
    {
      what: "a name of many spaces, quotes and shell characters",
      directory: `a b'"$(id);&|*`,
    },
    { what: "a name that looks like an option", directory: "--force" },
    { what: "a name of two dots more", directory: "..." },
  ])(
    "$what: takes it for a lineage that nothing uses",
    async ({ directory }) => {
      await using bed = await createMachine();
      await bed.renew(directory);

      const { exitCode, stdout } = await hook(bed, {
        RENEWED_LINEAGE: bed.certbot.live(directory),
      });

      expect(stdout).toContain("unused");
      expect(exitCode).toBe(0);
      expect(await bed.nginx.reconfigurations()).toBe(0);
    },
  );

  it("a directory that is no lineage: rejects it and reloads nothing", async () => {
    await using bed = await createMachine();
    const elsewhere = join(bed.directory, "elsewhere");
    await mkdir(elsewhere);

    const { exitCode } = await hook(bed, { RENEWED_LINEAGE: elsewhere });

    expect(exitCode).toBe(3);
    expect(await bed.nginx.reconfigurations()).toBe(0);
  });

  it("as many domains as the kernel passes: deploys", async () => {
    await using bed = await createMachine();
    const domains = Array.from({ length: 9_000 }, (_, n) => `n${n}.example`);

    const { exitCode } = await hook(bed, {
      RENEWED_LINEAGE: bed.certbot.live(name),
      RENEWED_DOMAINS: domains.join(" ").slice(0, longest),
    });

    expect(exitCode).toBe(0);
    expect(await bed.nginx.reconfigurations()).toBe(1);
  });
});
