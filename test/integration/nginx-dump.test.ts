/** Holds the splitting of a dump and the reading of includes against what a real `nginx -T` prints. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { splitDump } from "../../src/core/nginx/dump.ts";
import type { NginxModel } from "../../src/core/nginx/model.ts";
import { readModel } from "../../src/core/nginx/read-model.ts";
import { NginxBed } from "../support/nginx.ts";
import { createPki, type Pki } from "../support/pki.ts";

let bed: NginxBed;
let pki: Pki;
let address: string;

beforeEach(async () => {
  bed = await NginxBed.create();
  pki = await createPki();
  address = await bed.address();
  const { certificate, key } = await pki.intermediate.leaf({ names: ["a"] });
  await place("pair.pem", certificate);
  await place("pair.key", key);
});

afterEach(async () => {
  await bed[Symbol.asyncDispose]();
  await pki[Symbol.asyncDispose]();
});

async function place(name: string, text: string): Promise<void> {
  const path = join(bed.prefix, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** A line as Nginx writes it before each file. */
function marker(name: string): string {
  return `# configuration file ${join(bed.prefix, name)}:`;
}

function server(name: string): string {
  return `server { listen ${address} ssl; server_name ${name}; ssl_certificate pair.pem; ssl_certificate_key pair.key; }`;
}

/** What Nginx prints, read; every file of it must be the file on disk, byte for byte. */
async function readBack(): Promise<NginxModel> {
  const { stdout, stderr, exitCode } = await bed.dump();
  expect(exitCode, stderr).toBe(0);
  for (const { path, text, firstLine } of splitDump(stdout)) {
    expect(text).toBe(await readFile(path, "utf8"));
    expect(stdout.split("\n")[firstLine - 2]).toBe(
      `# configuration file ${path}:`,
    );
  }
  return readModel(stdout, { prefix: bed.prefix, hostname: "h" });
}

function filesBelow(model: NginxModel): readonly string[] {
  return model.files.map((path) => path.slice(bed.prefix.length + 1));
}

test("files that imitate the dump's markers are taken for what they are", async () => {
  await bed.configure({ http: "include conf.d/*.conf;\n" });
  await place(
    "conf.d/b.conf",
    [
      marker("conf.d/b.conf"),
      server("b.test"),
      marker("conf.d/a.conf"),
      server("below-a.test"),
      marker("nginx.conf"),
      marker("elsewhere.conf"),
      `map $host $b { default "`,
      marker("conf.d/d.conf"),
      `";`,
      marker("conf.d/d.conf"),
      "}",
      server("last.test"),
    ].join("\n"),
  );
  await place("conf.d/c.conf", server("c.test"));
  const model = await readBack();
  expect(filesBelow(model)).toEqual([
    "nginx.conf",
    "conf.d/b.conf",
    "conf.d/c.conf",
  ]);
  expect(
    model.servers.map(({ serverNames, file, line }) => [
      serverNames[0],
      file.slice(bed.prefix.length + 1),
      line,
    ]),
  ).toEqual([
    ["b.test", "conf.d/b.conf", 2],
    ["below-a.test", "conf.d/b.conf", 4],
    ["last.test", "conf.d/b.conf", 12],
    ["c.test", "conf.d/c.conf", 1],
  ]);
});

test("includes are opened in the order, by the patterns and from the directory that Nginx uses", async () => {
  await bed.configure({
    http: [
      "include sites/*/site.conf;",
      "include conf.d/[!a-m]*;",
      "include conf.d/?.conf;",
      `include ${bed.prefix}//doubled/*.conf;`,
      "include none/*.conf;",
      "types { include deep/types; }",
      "map $host $m { include deep/map; }",
      "include again.conf; include again.conf;",
    ].join("\n"),
  });
  await place("sites/b/site.conf", server("b.test"));
  await place("sites/a/site.conf", `include snippets/*; ${server("a.test")}`);
  await place("sites/.hidden/site.conf", server("hidden.test"));
  await place("snippets/z", "map $host $z { default 1; }");
  await place("snippets/.z", "no directive");
  await place("conf.d/x.conf", server("x.test"));
  await place("conf.d/a.conf", server("one-letter.test"));
  await place("conf.d/Z.conf", server("capital.test"));
  await place("doubled/d.conf", server("doubled.test"));
  await place("deep/types", "text/html html;");
  await place("deep/map", "a.test 1;");
  await place("again.conf", server("again.test"));
  const model = await readBack();
  expect(model.problems).toEqual([]);
  expect(filesBelow(model)).toEqual([
    ...["nginx.conf", "sites/a/site.conf", "snippets/z", "sites/b/site.conf"],
    ...["conf.d/Z.conf", "conf.d/x.conf", "conf.d/a.conf", "/doubled/d.conf"],
    ...["deep/types", "deep/map", "again.conf"],
  ]);
  expect(model.servers.map(({ serverNames }) => serverNames[0])).toEqual([
    ...["a.test", "b.test", "capital.test", "x.test", "capital.test"],
    ...[
      "one-letter.test",
      "x.test",
      "doubled.test",
      "again.test",
      "again.test",
    ],
  ]);
});
