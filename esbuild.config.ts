/**
 * Builds dist/livecert.js, the whole program in one file. V8 parses a file to its end before its first line runs, so what
 * is not needed at once stands in a comment, which V8 passes over, and is compiled when it is first imported: every package,
 * and everything that src/main.ts imports by `import()`. So `--version` parses next to nothing, and a hook no package that
 * it does not use; what a hook does use is kept compiled from one hook to the next (src/code.ts).
 *
 * Node's own modules are loaded by `require` when they are reached; an ES module would load all of them at once. The promises
 * of its file system take as long to load as a hook takes for all that it reads and writes, and it needs none of them: they
 * are loaded when the first is asked for.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { deflateRawSync } from "node:zlib";
import {
  build,
  transform,
  type BuildOptions,
  type OnResolveArgs,
  type Plugin,
} from "esbuild";
import type { Form, Place as TextPlace } from "./src/adapters/code/texts.ts";

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as {
  version: string;
};

const output = {
  platform: "node",
  target: "node20.19",
  legalComments: "none",
} as const satisfies BuildOptions;

const common = {
  ...output,
  bundle: true,
  minifyWhitespace: true,
  minifySyntax: true,
  alias: { "string-width": resolve("src/cli/string-width.ts") },
  logLevel: "warning",
  define: {
    LIVECERT_VERSION: JSON.stringify(version),
    LIVECERT_PAGE: JSON.stringify(
      pack(
        JSON.stringify({
          html: readFileSync("src/service/page/page.html", "utf8"),
          css: readFileSync("src/service/page/page.css", "utf8"),
          js: readFileSync("src/service/page/page.js", "utf8"),
        }),
      ),
    ),
    // An ES module's own address, which neither output format has.
    "import.meta.url": "livecertUrl",
  },
} as const satisfies BuildOptions;

/** In the bundle itself, text is turned into code by src/code.ts; text within text is handed the same. */
type Place = "bundle" | "text";

const laterAsText = (place: Place): Plugin => ({
  name: "later as text",
  setup(outer) {
    outer.onResolve({ filter: /.*/ }, async (imported) => {
      const { kind, resolveDir, path } = imported;
      if (imported.pluginData === "found" || !isForLater(imported)) return null;
      const found = await outer.resolve(path, {
        kind,
        resolveDir,
        pluginData: "found",
      });
      return { ...found, namespace: "later" };
    });
    outer.onLoad({ filter: /.*/, namespace: "later" }, async ({ path }) => ({
      contents: await textModule(path, place),
      resolveDir: resolve("src"),
    }));
  },
});

function isForLater({ kind, path, importer }: OnResolveArgs): boolean {
  if (kind === "entry-point" || path.startsWith("node:")) return false;
  const isPackage = /^[^./]/.test(path);
  const isReached =
    importer === resolve("src/main.ts") && kind === "dynamic-import";
  // What turns text into code cannot be text itself.
  return isPackage || (isReached && path !== "./code.ts");
}

/** What is kept as text, by name: an expression that is the module. */
const texts = new Map<string, string>();

/** A module that compiles what is at `path` when it is reached, and has its exports. */
async function textModule(path: string, place: Place): Promise<string> {
  const packages = path.lastIndexOf("/node_modules/");
  const isPackage = packages !== -1;
  const { outputFiles, metafile } = await build({
    ...common,
    entryPoints: [path],
    write: false,
    metafile: true,
    format: "cjs",
    outfile: "later.js",
    minifyIdentifiers: isPackage,
    plugins: isPackage ? [] : [laterAsText("text")],
  });
  // The same wherever the packages lie: they may be linked from somewhere else.
  const name = isPackage
    ? path.slice(packages + "/node_modules/".length)
    : relative(".", path);
  const written = outputFiles[0]?.text ?? "";
  const body = isPackage ? written : await withShortLocals(written);
  const text = `(function(module,exports,require,livecertUrl,livecertCode){${body}\n})`;
  texts.set(name, text);
  const lines = [
    ...(place === "bundle"
      ? ['import { code as livecertCode } from "./code.ts";']
      : []),
    "const compiled = { exports: {} };",
    `livecertCode.evaluate("${name}")(compiled, compiled.exports, require, livecertUrl, livecertCode);`,
  ];
  const isModule = Object.entries(metafile.inputs).some(
    ([input, { format }]) => resolve(input) === path && format === "esm",
  );
  if (!isModule)
    return [...lines, "module.exports = compiled.exports;"].join("\n");
  const exported = Object.keys((await import(path)) as object)
    // What only `require` sees.
    .filter((word) => word !== "module.exports")
    .map((word) =>
      word === "default"
        ? "export default compiled.exports.default;"
        : `export const ${word} = compiled.exports.${word};`,
    );
  return [...lines, ...exported].join("\n");
}

/** What stands at the top of a script may be anybody's, so it keeps its name: our functions do, in the stack of an error. */
async function withShortLocals(script: string): Promise<string> {
  const { code } = await transform(script, {
    ...output,
    minifyWhitespace: true,
    minifyIdentifiers: true,
  });
  return code;
}

const { outputFiles } = await build({
  ...common,
  entryPoints: ["src/main.ts"],
  write: false,
  format: "iife",
  plugins: [laterAsText("bundle")],
});

/** Packages that every hook uses: what is packed would have to be unpacked, and copied for it. */
const plainPackages = [
  "execa/index.js",
  "p-map/index.js",
  "picocolors/picocolors.js",
];

/**
 * All texts in a comment within a function, whose source V8 hands out without a copy of it, and where each begins in that.
 * Node.js takes some 15 ms to read a megabyte, so what few hooks need is packed.
 */
function inComment(): { readonly source: string; readonly places: string } {
  const missing = plainPackages.find((name) => !texts.has(name));
  if (missing !== undefined) throw new Error(`there is no ${missing}`);
  let source = "function livecertSource(){/*";
  const places = [...texts].map(([name, text]) => {
    const isPlain = name.startsWith("src/") || plainPackages.includes(name);
    const form: Form = isPlain ? "plain" : "packed";
    const written = isPlain ? text : pack(text);
    const end = written.indexOf("*/");
    if (end !== -1)
      throw new Error(
        `${name} would end its comment at: ${written.slice(end - 40, end + 2)}`,
      );
    const digest = createHash("sha256").update(text).digest("hex").slice(0, 32);
    const place: TextPlace = [digest, source.length, written.length, form];
    source += written;
    return [name, place];
  });
  return { source: `${source}*/}`, places: JSON.stringify(places) };
}

function pack(text: string): string {
  return deflateRawSync(text, { level: 9 }).toString("base64");
}

const { source, places } = inComment();
mkdirSync("dist", { recursive: true });
writeFileSync(
  "dist/livecert.js",
  `#!/usr/bin/env node
// Copied to where a package.json says so, or by the name of one, this is a module, which has no require of its own.
var require = typeof require === "function" ? require : process.getBuiltinModule("node:module").createRequire(process.argv[1]);
const livecertRequire = require;
const livecertPromises = new Proxy({}, { get: (_, name) => livecertRequire("node:fs").promises[name] });
require = (name) => name === "node:fs/promises" ? livecertPromises : livecertRequire(name);
const livecertUrl = require("node:url").pathToFileURL(process.argv[1]).href;
const livecertPlaces = new Map(${places});
${outputFiles[0]?.text ?? ""}
${source}
`,
);

// Node.js starts a script faster than a module, and would otherwise look above for what kind of file this is; it can be both.
writeFileSync("dist/package.json", '{ "type": "commonjs" }\n');
