import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serverBlock } from "../support/nginx.ts";
import { HostBed } from "../support/host.ts";

const repository = resolve(import.meta.dirname, "../..");
const readme = await readFile(join(repository, "README.md"), "utf8");

/** Run by another test, whose file shows the words on the right. */
const elsewhere: Readonly<Record<string, readonly [string, string]>> = {
  "./install.sh --demo": ["test/e2e/demo.test.ts", "--demo"],
  "sudo ./install.sh --dry-run": [
    "test/integration/install.test.ts",
    "--dry-run",
  ],
  "sudo ./install.sh": ["test/integration/install.test.ts", "install.sh"],
  'certbot renew --cert-name example.org --deploy-hook "livecert hook"': [
    "test/e2e/renewal.test.ts",
    "hookCommand",
  ],
  "npm test": [".ci/run", "npm test"],
  "npm run bench": ["package.json", '"bench"'],
};

/** What may come out where everything is live; doctor misses the installed hooks. */
const exitCodes: Readonly<Record<string, readonly number[]>> = {
  "livecert doctor": [0, 3],
};

/** Of the blocks that are to be typed, and of transcripts. */
function commandsOf(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^```(sh|console)\n(.*?)^```/gms)];
  const commands = blocks.flatMap(([, kind, body = ""]) =>
    body
      .split("\n")
      .filter((line) => (kind === "sh" ? line !== "" : line.startsWith("$ ")))
      .map((line) => line.replace(/^\$ /, "")),
  );
  return [...new Set(commands)];
}

const commands = commandsOf(readme);

describe("every command of the README", () => {
  let host: HostBed;

  beforeAll(async () => {
    host = await HostBed.create();
    const address = await host.nginx.address();
    const pair = await host.renew("example.org");
    const listen = [`${address} ssl`];
    await host.nginx.configure({
      http: serverBlock({ listen, names: ["example.org"], pairs: [pair] }),
    });
    await host.nginx.start();
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  it("is there", () => {
    expect(commands.length).toBeGreaterThan(10);
  });

  it.each(commands)("%s", async (command) => {
    const tested = elsewhere[command];
    if (tested !== undefined) {
      const [file, words] = tested;
      expect(await readFile(join(repository, file), "utf8")).toContain(words);
      return;
    }
    const [program, ...args] = command.split(" ");
    expect(program).toBe("livecert");
    const result = await host.livecert.run(args);
    expect(exitCodes[command] ?? [0], result.stderr).toContain(result.exitCode);
  });
});

describe("every link of the README", () => {
  const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map(([, link]) => link);
  it.each(links)("%s leads somewhere", async (link = "") => {
    expect(await readFile(join(repository, link), "utf8")).not.toBe("");
  });
});
