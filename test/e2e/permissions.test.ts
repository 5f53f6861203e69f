import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HostBed } from "../support/host.ts";
import { livecertProgram } from "../support/livecert.ts";
import { serverBlock } from "../support/nginx.ts";
import { run } from "../support/run.ts";
import { tracedCalls, tracing } from "../support/system-calls.ts";

const name = "modes.example.test";

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

/** Everything below a directory and itself, as `MODE PATH`. */
async function modesBelow(directory: string): Promise<readonly string[]> {
  const below = await readdir(directory, { recursive: true });
  const modes = ["", ...below].map(async (path) => {
    const stats = await stat(join(directory, path));
    const kind = stats.isDirectory() ? "directory" : "file";
    return `${kind} ${(stats.mode & 0o7777).toString(8)} ${path}`;
  });
  return Promise.all(modes);
}

describe("files that livecert writes", () => {
  it.each(["000", "022", "077", "277", "777"])(
    "are 0600 in directories of 0700 under the umask %s",
    async (umask) => {
      await using bed = await createMachine();
      const base = join(bed.directory, "var");
      const trace = join(bed.directory, "trace");
      const environment = {
        ...bed.livecert.environment(),
        RENEWED_LINEAGE: bed.certbot.live(name),
        LIVECERT_STATE_DIR: join(base, "state"),
        LIVECERT_RUN_DIR: join(base, "run"),
      };
      const words = (args: readonly string[]) => [
        ...["-c", `umask ${umask}; exec "$@"`, "sh"],
        ...tracing(trace, ["openat"]),
        ...[process.execPath, livecertProgram, ...args],
      ];

      for (const args of [["check", name], ["hook"], ["deploy"]]) {
        const { exitCode, stderr } = await run("sh", words(args), {
          environment,
        });
        expect(exitCode, stderr).toBe(0);
        // Those that are gone again, too: none was ever open to others.
        const created = (await tracedCalls(trace)).filter(
          ({ args: given }) =>
            given.includes(base) && /O_(?:WRONLY|RDWR).*O_CREAT/.test(given),
        );
        expect(
          created.filter(({ args: given }) => !/, 0600\)/.test(given)),
        ).toEqual([]);
      }

      const modes = await modesBelow(base);
      expect(modes.length).toBeGreaterThan(8);
      expect(
        modes.filter((line) => !/^(?:file 600|directory 700) /.test(line)),
      ).toEqual([]);
    },
  );
});
