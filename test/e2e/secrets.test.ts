import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Canary } from "../support/canary.ts";
import { HostBed } from "../support/host.ts";
import type { LineageFiles } from "../support/lineage.ts";
import { serverBlock, type ServerBlockText } from "../support/nginx.ts";
import { createKey, encryptKey } from "../support/pki.ts";
import { SyslogBed } from "../support/syslog.ts";
import { tracedCalls, tracing } from "../support/system-calls.ts";

const name = "secret.example.test";
const password = "Canary-4f2b7c19e0-password";

/** A machine on which the key of the renewed lineage is the canary. */
interface Stage {
  readonly bed: HostBed;
  readonly address: string;
  readonly files: LineageFiles;
  readonly canary: Canary;
}

async function createStage(): Promise<Stage> {
  const bed = await HostBed.create();
  await bed.renew(name);
  const address = await bed.nginx.address();
  const stage = { bed, address, files: await bed.files([name]) };
  await configure(stage, {});
  await bed.nginx.start();
  return { ...stage, canary: Canary.ofKey(stage.files.privkey) };
}

function configure(
  { bed, address }: Pick<Stage, "bed" | "address">,
  server: Partial<ServerBlockText>,
): Promise<void> {
  return bed.nginx.configure({
    http: serverBlock({
      listen: [`${address} ssl`],
      names: [name],
      pairs: [bed.pair(name)],
      ...server,
    }),
  });
}

/** Commands that change something, to be run one after the other. */
const changing: readonly (readonly string[])[] = [
  ["hook", "--json"],
  ["hook", "--defer"],
  ["deploy", "--force"],
  ["deploy", name, "--json"],
  ["retry"],
];

/** Those that only look. */
function looking({ bed }: Stage): readonly (readonly string[])[] {
  const { certificate, key } = bed.pair(name);
  return [
    ["status", "--json"],
    ["status"],
    ["check", name, "--json"],
    ["check", certificate],
    ["check", key],
    ["uses"],
    ["uses", "--json"],
    ["doctor"],
    ["history", "--json"],
    ["config", "show"],
  ];
}

/** All that the commands print, write or say to syslog, by where it is. */
async function everythingTold(
  stage: Stage,
): Promise<ReadonlyMap<string, Buffer>> {
  const { bed } = stage;
  await using syslog = await SyslogBed.start();
  const told = new Map<string, Buffer>();
  const environment = {
    ...process.env,
    RENEWED_LINEAGE: bed.certbot.live(name),
    RENEWED_DOMAINS: name,
  };
  const tell = async (command: readonly string[]): Promise<void> => {
    const { stdout, stderr } = await bed.livecert.run(
      [...command, "--log-level", "trace"],
      { environment, through: syslog.through },
    );
    told.set(command.join(" "), Buffer.from(`${stdout}\n${stderr}`));
  };
  for (const command of changing) await tell(command);
  await Promise.all(looking(stage).map(tell));
  told.set("syslog", Buffer.from((await syslog.messages()).join("\n")));
  const { stateDirectory, runDirectory } = bed.livecert;
  for (const directory of [stateDirectory, runDirectory])
    for (const file of await filesBelow(directory))
      told.set(file, await readFile(file));
  return told;
}

async function filesBelow(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, {
    recursive: true,
    withFileTypes: true,
  });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function leaks(
  told: ReadonlyMap<string, Buffer>,
  canary: Canary,
): readonly string[] {
  return [...told].flatMap(([where, content]) => {
    const piece = canary.foundIn(content);
    return piece === null ? [] : [`${where}: ${piece}`];
  });
}

/** The second half of the key's lines is missing, and its END. */
function truncated(pem: string): string {
  return pem.slice(0, Math.floor(pem.length * 0.6));
}

/** One character of the body is another one. */
function damaged(pem: string): string {
  return pem.replace(/(\n[^\n]{20})./, "$1!");
}

/** As a value in Nginx's configuration. */
function inline(pem: string): string {
  return `data:${pem}`;
}

describe("a private key", () => {
  const situations: readonly {
    readonly what: string;
    readonly arrange: (stage: Stage) => Promise<unknown>;
    /** Nginx itself prints the key. */
    readonly isPrintedByNginx?: true;
  }[] = [
    {
      what: "of a sound lineage",
      arrange: ({ bed, files }) => bed.certbot.write(name, files),
    },
    {
      what: "of another lineage",
      arrange: async ({ bed, files }) => {
        const { privkey } = files;
        const other = await bed.files([name]);
        await bed.certbot.write(name, { ...other, privkey });
      },
    },
    {
      what: "that was cut",
      arrange: ({ bed, files }) =>
        bed.certbot.write(name, {
          ...files,
          privkey: truncated(files.privkey),
        }),
    },
    {
      what: "with a damaged line",
      arrange: ({ bed, files }) =>
        bed.certbot.write(name, { ...files, privkey: damaged(files.privkey) }),
    },
    {
      what: "that stands in every file, before the certificate",
      arrange: ({ bed, files: { privkey, cert, chain, fullchain } }) =>
        bed.certbot.write(name, {
          privkey: privkey + fullchain,
          cert: privkey + cert,
          chain: privkey + chain,
          fullchain: privkey + fullchain,
        }),
    },
    {
      what: "in the place of the certificate",
      arrange: ({ bed, files }) =>
        bed.certbot.write(name, { ...files, fullchain: files.privkey }),
    },
    {
      what: "as data: that fits its certificate",
      arrange: async (stage) => {
        const { bed, files } = stage;
        await bed.certbot.write(name, files);
        const { certificate } = bed.pair(name);
        const key = inline(files.privkey);
        await configure(stage, { pairs: [{ certificate, key }] });
      },
    },
    {
      what: "as data: of another certificate",
      isPrintedByNginx: true,
      arrange: async (stage) => {
        const { certificate } = stage.bed.pair(name);
        const key = inline(stage.files.privkey);
        await configure(stage, { pairs: [{ certificate, key }] });
      },
    },
    {
      what: "as data: that was cut",
      isPrintedByNginx: true,
      arrange: async (stage) => {
        const { certificate } = stage.bed.pair(name);
        const key = inline(truncated(stage.files.privkey));
        await configure(stage, { pairs: [{ certificate, key }] });
      },
    },
    {
      what: "as data: in the place of the certificate",
      isPrintedByNginx: true,
      arrange: async (stage) => {
        const { key } = stage.bed.pair(name);
        const certificate = inline(stage.files.privkey);
        await configure(stage, { pairs: [{ certificate, key }] });
      },
    },
    {
      what: "pasted behind a semicolon that ends its directive too early",
      isPrintedByNginx: true,
      arrange: async (stage) => {
        const { certificate } = stage.bed.pair(name);
        const [begin = "", ...lines] = stage.files.privkey.split("\n");
        const key = `data:${begin}"; ${lines.join("\n")}; return "200`;
        await configure(stage, { pairs: [{ certificate, key }] });
      },
    },
    {
      what: "pasted without its label where a path belongs",
      isPrintedByNginx: true,
      arrange: async (stage) => {
        const { certificate } = stage.bed.pair(name);
        const key = stage.files.privkey.split("\n").slice(1, -2).join("");
        await configure(stage, { pairs: [{ certificate, key }] });
      },
    },
  ];

  it.each(situations)(
    "$what is told nowhere",
    async ({ arrange, isPrintedByNginx }) => {
      const stage = await createStage();
      await using bed = stage.bed;
      await arrange(stage);
      const { stderr } = await bed.nginx.test();
      const isPrinted = stage.canary.foundIn(stderr) !== null;
      expect(isPrinted).toBe(isPrintedByNginx ?? false);

      const told = await everythingTold(stage);

      expect(leaks(told, stage.canary)).toEqual([]);
    },
  );

  it("and its password are told nowhere, whether or not they fit", async () => {
    const stage = await createStage();
    await using bed = stage.bed;
    const { files, canary } = stage;
    const privkey = await encryptKey(files.privkey, password);
    await bed.certbot.write(name, { ...files, privkey });
    const passwordFile = join(bed.directory, "passwords");
    await configure(stage, {
      more: `ssl_password_file "${passwordFile}"; return 200;`,
    });
    const secrets = [canary, Canary.ofPassword(password)];

    for (const content of [password, `not-${password}`]) {
      await writeFile(passwordFile, `${content}\n`, { mode: 0o600 });
      const told = await everythingTold(stage);
      expect(secrets.flatMap((secret) => leaks(told, secret))).toEqual([]);
    }
  });

  it("is neither written nor sent nor handed to a child, seen from the kernel", async () => {
    const stage = await createStage();
    await using bed = stage.bed;
    const { files, canary } = stage;
    const rsa = await bed.files([name], { key: await createKey("rsa-2048") });
    for (const renewed of [files, rsa]) {
      await bed.certbot.write(name, renewed);
      const file = join(bed.directory, "trace");
      const calls = ["write", "pwrite64", "writev", "sendto", "sendmsg"];

      const document = await bed.livecert.document(
        ["deploy", name, "--log-level", "trace"],
        { through: tracing(file, [...calls, "execve"]) },
      );

      expect(document.outcome).toBe("deployed");
      const traced = await tracedCalls(file);
      const secret = Canary.ofKey(renewed.privkey);
      expect(traced.filter(({ args }) => secret.foundIn(args))).toEqual([]);
      const programs = traced.filter(({ name: call }) => call === "execve");
      expect(programs.map(({ args }) => args).join("\n")).toContain("openssl");
      // That the search would have found it:
      const served = traced.map(({ args }) => args).join("\n");
      expect(served).toContain(renewed.fullchain.slice(100, 160));
    }
    expect(canary.foundIn(files.privkey)).not.toBeNull();
  });
});
