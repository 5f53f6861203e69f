/**
 * Builds dist/livecert.js, the whole program in one file. V8 parses a file to its end before its first line runs, so what
 * is not needed at once is kept in it as text and compiled when it is first imported: every package, and everything that
 * src/main.ts imports by `import()`. So `--version` parses next to nothing, and a hook no package that it does not use.
 *
 * Node's own modules are loaded by `require` when they are reached; an ES module would load all of them at once.
 */
import { readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import {
  build,
  type BuildOptions,
  type OnResolveArgs,
  type Plugin,
} from "esbuild";

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as {
  version: string;
};

const common = {
  bundle: true,
  platform: "node",
  target: "node20.19",
  legalComments: "none",
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: "warning",
  define: {
    LIVECERT_VERSION: JSON.stringify(version),
    // An ES module's own address, which neither output format has.
    "import.meta.url": "livecertUrl",
  },
} as const satisfies BuildOptions;

const laterAsText: Plugin = {
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
      contents: await textModule(path),
    }));
  },
};

function isForLater({ kind, path, importer }: OnResolveArgs): boolean {
  if (kind === "entry-point" || path.startsWith("node:")) return false;
  const isPackage = /^[^./]/.test(path);
  return (
    isPackage ||
    (importer === resolve("src/main.ts") && kind === "dynamic-import")
  );
}

/** A module that compiles what is at `path` when it is reached, and has its exports. */
async function textModule(path: string): Promise<string> {
  const isPackage = path.includes("/node_modules/");
  const { outputFiles, metafile } = await build({
    ...common,
    entryPoints: [path],
    write: false,
    metafile: true,
    format: "cjs",
    outfile: "later.js",
    minifyIdentifiers: isPackage,
    plugins: isPackage ? [] : [laterAsText],
  });
  const name = relative(isPackage ? "node_modules" : ".", path);
  const lines = [
    'const { compileFunction } = process.getBuiltinModule("node:vm");',
    "const compiled = { exports: {} };",
    `compileFunction(${JSON.stringify(outputFiles[0]?.text)}, ["module", "exports", "require", "livecertUrl"], { filename: "livecert:${name}" })(compiled, compiled.exports, require, livecertUrl);`,
  ];
  const isModule = Object.entries(metafile.inputs).some(
    ([input, { format }]) => path.endsWith(input) && format === "esm",
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

await build({
  ...common,
  entryPoints: ["src/main.ts"],
  outfile: "dist/livecert.js",
  format: "iife",
  plugins: [laterAsText],
  banner: {
    js: `#!/usr/bin/env node
import { createRequire } from "node:module";
const livecertUrl = import.meta.url, require = createRequire(livecertUrl);`,
  },
});
