import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HostBed } from "../support/host.ts";
import { serverBlock } from "../support/nginx.ts";
import {
  tracedCalls,
  tracing,
  type SystemCall,
} from "../support/system-calls.ts";

const names = ["one.example.test", "two.example.test"] as const;

/** Two lineages: one renewed since Nginx started, the other left half written by a Certbot that died. */
async function createMachine(): Promise<HostBed> {
  const bed = await HostBed.create();
  for (const name of names) await bed.renew(name);
  const address = await bed.nginx.address();
  const blocks = names.map((name) =>
    serverBlock({
      listen: [`${address} ssl`],
      names: [name],
      pairs: [bed.pair(name)],
    }),
  );
  await bed.nginx.configure({ http: blocks.join("") });
  await bed.nginx.start();
  await bed.renew(names[0]);
  const writing = await bed.certbot.begin(
    names[1],
    await bed.files([names[1]]),
  );
  await writing.through("keep fullchain");
  return bed;
}

/** Every file and directory with all that a change of it would change. */
async function listing(directory: string): Promise<readonly string[]> {
  const below = await readdir(directory, { recursive: true });
  const lines = ["", ...below].map(async (path) => {
    const stats = await lstat(join(directory, path), { bigint: true });
    const { ino, mode, uid, gid, size, mtimeNs, ctimeNs } = stats;
    return [path, ino, mode, uid, gid, size, mtimeNs, ctimeNs].join(" ");
  });
  return (await Promise.all(lines)).sort();
}

const commands: readonly (readonly string[])[] = [
  ["hook"],
  ["hook", "--defer"],
  ["hook", "--flush"],
  ["deploy"],
  ["deploy", names[0]],
  ["deploy", names[1], "--force"],
  ["deploy", "--dry-run"],
  ["retry"],
  ["status"],
  ["check"],
  ["check", names[1]],
  ["uses"],
  ["doctor"],
  ["history"],
  ["config", "show"],
];

function environment(bed: HostBed): NodeJS.ProcessEnv {
  return {
    ...process.env,
    RENEWED_LINEAGE: bed.certbot.live(names[0]),
    LIVECERT_LIMITS_SETTLE_HOOK: "100ms",
  };
}

/** Calls that change something by a path; `open` and its kind only with such flags. */
const writers = [
  ...["open", "openat", "openat2", "creat", "truncate", "mknod", "mknodat"],
  ...["mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "utimensat"],
  ...["rename", "renameat", "renameat2", "link", "linkat", "symlink"],
  ...["symlinkat", "chmod", "fchmodat", "chown", "lchown", "fchownat"],
  ...["setxattr", "lsetxattr", "removexattr", "lremovexattr"],
];

function isWrite({ name, args }: SystemCall): boolean {
  const isOpen = name.startsWith("open");
  return !isOpen || /O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE/.test(args);
}

describe("Certbot's directory", () => {
  it("is the same after every command as before", async () => {
    await using bed = await createMachine();
    const before = await listing(bed.certbot.path);

    for (const command of commands) {
      const { stderr } = await bed.livecert.run(command, {
        environment: environment(bed),
      });
      const after = await listing(bed.certbot.path);
      expect(after, command.join(" ")).toEqual(before);
      expect(stderr, command.join(" ")).not.toContain("unexpected");
    }
    expect(await bed.nginx.reconfigurations()).toBeGreaterThan(0);
  });

  it.each([[["deploy"]], [["hook"]], [["doctor"]]])(
    "is not even opened for writing by livecert %s",
    async (command) => {
      await using bed = await createMachine();
      const trace = join(bed.directory, "trace");

      await bed.livecert.run(command, {
        environment: environment(bed),
        through: tracing(trace, writers),
      });

      const calls = await tracedCalls(trace);
      const below = calls.filter(({ args }) => args.includes(bed.certbot.path));
      expect(below.length).toBeGreaterThan(0);
      expect(below.filter(isWrite)).toEqual([]);
    },
  );
});
