import { chmod, chown, mkdir, readFile, symlink } from "node:fs/promises";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  configuredBinary,
  memoryCache,
  parseDefaults,
  readDefaults,
  searchBinaries,
} from "../../src/adapters/nginx/binary.ts";
import { keepDefaults } from "../../src/adapters/nginx/kept-defaults.ts";
import { nginxProgram } from "../support/nginx.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const signal = new AbortController().signal;

/** A program `nginx` that writes a file when it is run, in a directory of this uid. */
async function traitor(root: string, uid: number): Promise<string> {
  const directory = join(root, `of-${uid}`);
  await mkdir(directory);
  const program = join(directory, "nginx");
  await writeFile(program, `#!/bin/sh\n>${join(root, "was-run")}\n`);
  await chmod(program, 0o755);
  await chown(program, uid, uid);
  await chown(directory, uid, uid);
  return directory;
}

describe("the search for the program", () => {
  it("passes over a user's own nginx early in PATH and says so", async () => {
    await using temporary = await temporaryDirectory();
    const directory = await traitor(temporary.path, 1000);
    const { binaries, refused } = await searchBinaries(
      `${directory}:/usr/sbin`,
      [],
    );
    expect(binaries.map(({ path }) => path)).toEqual([nginxProgram]);
    expect(refused).toEqual([
      expect.stringContaining(`${directory}/nginx is not run`),
    ]);
    await expect(readFile(join(temporary.path, "was-run"))).rejects.toThrow(
      "ENOENT",
    );
  });

  it("lists one program once, however many links lead to it", async () => {
    await using temporary = await temporaryDirectory();
    const bin = join(temporary.path, "bin");
    await mkdir(bin);
    await symlink(nginxProgram, join(bin, "openresty"));
    const { binaries } = await searchBinaries(`relative::${bin}:/usr/sbin`, []);
    expect(binaries.map(({ path }) => path)).toEqual([nginxProgram]);
  });

  it("finds nothing where nothing is", async () => {
    expect(await searchBinaries("/nonexistent", [])).toEqual({
      binaries: [],
      refused: [],
    });
  });
});

describe("the program that was set", () => {
  it("is refused as unsafe when others could change it", async () => {
    await using temporary = await temporaryDirectory();
    const directory = await traitor(temporary.path, 1000);
    await expect(configuredBinary(join(directory, "nginx"))).rejects.toThrow(
      expect.objectContaining({ code: "configuration-unsafe" }),
    );
  });

  it("is not found where there is none", async () => {
    await expect(configuredBinary("/nonexistent/nginx")).rejects.toThrow(
      expect.objectContaining({ code: "nginx-not-found" }),
    );
  });
});

describe("the compiled-in defaults", () => {
  it("are what the real program says, and are asked for once", async () => {
    const binary = await configuredBinary(nginxProgram);
    const cache = memoryCache();
    const options = { timeoutMs: 20_000, signal, cache };
    const reading = await readDefaults(binary, options);
    expect(reading).toMatchObject({
      kind: "ok",
      defaults: {
        prefix: "/usr/share/nginx",
        configuration: "/etc/nginx/nginx.conf",
        pidFile: "/run/nginx.pid",
        errorLog: null,
      },
    });
    const gone = { ...binary, path: "/nonexistent/nginx" };
    expect(await readDefaults(gone, options)).toEqual(reading);
  });

  it("are not read from a program that is no Nginx", async () => {
    const binary = await configuredBinary("/bin/true");
    const options = { timeoutMs: 20_000, signal, cache: memoryCache() };
    expect(await readDefaults(binary, options)).toEqual({
      kind: "failed",
      reason: `${binary.path} -V does not answer as an Nginx does`,
    });
  });

  it.each([
    [
      "of a build without options",
      "nginx version: nginx/1.28.0\nconfigure arguments:\n",
      {
        version: "nginx/1.28.0",
        prefix: "/usr/local/nginx",
        configuration: "conf/nginx.conf",
        pidFile: "logs/nginx.pid",
        errorLog: "logs/error.log",
      },
    ],
    [
      "of Angie",
      "Angie version: Angie/1.8.0\nnginx version: nginx/1.27.3\nconfigure arguments: --prefix=/etc/angie --pid-path=/run/angie.pid\n",
      {
        version: "Angie/1.8.0",
        prefix: "/etc/angie",
        configuration: "conf/angie.conf",
        pidFile: "/run/angie.pid",
        errorLog: "logs/error.log",
      },
    ],
    [
      "beside quoted compiler options that look like them",
      "nginx version: openresty/1.27.1.1\nconfigure arguments: --with-cc-opt='-O2 --prefix=/wrong' --prefix='/opt/o r' --error-log-path=stderr\n",
      {
        version: "openresty/1.27.1.1",
        prefix: "/opt/o r",
        configuration: "conf/nginx.conf",
        pidFile: "logs/nginx.pid",
        errorLog: null,
      },
    ],
  ])("%s", (_, output, defaults) => {
    expect(parseDefaults(output)).toEqual(defaults);
  });
});

describe("compiled-in defaults that are kept", () => {
  const defaults = {
    version: "nginx/1.22.1",
    prefix: "/usr/share/nginx",
    configuration: "/etc/nginx/nginx.conf",
    pidFile: "/run/nginx.pid",
    errorLog: null,
  };

  it("are there for the next run, for the same program only", async () => {
    await using temporary = await temporaryDirectory();
    await keepDefaults(temporary.path).set("as it was", defaults);
    const next = keepDefaults(temporary.path);
    expect(next.get("as it was")).toEqual(defaults);
    expect(next.get("upgraded")).toBeNull();
  });

  it("are asked for again where the file is damaged or others could write it", async () => {
    await using temporary = await temporaryDirectory();
    const kept = keepDefaults(temporary.path);
    const file = join(temporary.path, "nginx-defaults.json");
    await kept.set("as it was", defaults);
    await chmod(file, 0o666);
    expect(kept.get("as it was")).toBeNull();
    await writeFile(file, '{"identity":"as it was"');
    await chmod(file, 0o600);
    expect(kept.get("as it was")).toBeNull();
  });

  it("are not missed where there is no run directory", async () => {
    const kept = keepDefaults("/nonexistent");
    await kept.set("as it was", defaults);
    expect(kept.get("as it was")).toBeNull();
  });

  it("are never those of a script, which may start another program tomorrow", async () => {
    await using temporary = await temporaryDirectory();
    const script = join(temporary.path, "nginx");
    await writeFile(script, `#!/bin/sh\nexec ${nginxProgram} "$@"\n`);
    await chmod(script, 0o755);
    const binary = await configuredBinary(script);
    const cache = keepDefaults(temporary.path);
    await readDefaults(binary, { timeoutMs: 20_000, signal, cache });
    expect(cache.get(binary.identity)).toBeNull();
  });
});
