/**
 * Builds dist/livecert.js, the whole program in one file. Two things keep its start short, since V8 parses a file to its
 * end before the first line runs:
 *
 * - Packages are kept in it as text and compiled when they are first imported, so `--version` parses none of them.
 * - Node's own modules are loaded by `require` when they are reached; an ES module would load all of them at once.
 */
import { readFileSync } from "node:fs";
import { build, type BuildOptions, type Plugin } from "esbuild";

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
  // An ES module's own address, which neither output format has.
  define: { "import.meta.url": "livecertUrl" },
} as const satisfies BuildOptions;

/** Whatever is imported by a bare name, Node's own modules aside. */
const packagesAsText: Plugin = {
  name: "packages as text",
  setup(outer) {
    outer.onResolve({ filter: /^[^./]/ }, async (imported) => {
      if (imported.kind === "entry-point" || imported.path.startsWith("node:"))
        return null;
      if (imported.pluginData === "found") return null;
      const { kind, resolveDir, path } = imported;
      const found = await outer.resolve(path, {
        kind,
        resolveDir,
        pluginData: "found",
      });
      return { ...found, namespace: "package" };
    });
    outer.onLoad({ filter: /.*/, namespace: "package" }, async ({ path }) => ({
      contents: await textModule(path),
    }));
  },
};

/** A module that compiles the package at `path` when it is reached, and has the package's exports. */
async function textModule(path: string): Promise<string> {
  const { outputFiles, metafile } = await build({
    ...common,
    entryPoints: [path],
    write: false,
    metafile: true,
    format: "cjs",
    outfile: "package.js",
    minifyIdentifiers: true,
  });
  const name = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path;
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
  plugins: [packagesAsText],
  define: { ...common.define, LIVECERT_VERSION: JSON.stringify(version) },
  banner: {
    js: `#!/usr/bin/env node
import { createRequire } from "node:module";
const livecertUrl = import.meta.url, require = createRequire(livecertUrl);`,
  },
});
