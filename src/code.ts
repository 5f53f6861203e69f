/**
 * How the parts of the bundle that are kept as text become code; the build writes calls of it (esbuild.config.ts). The
 * compiled form is kept for hooks, one for each way of calling them, and for `deploy`; commands that only look leave nothing
 * behind.
 */
import { isAbsolute, join } from "node:path";
import { openCodeCache } from "./adapters/code/cache.ts";
import { textsOf, type Place } from "./adapters/code/texts.ts";
import { errandCommand } from "./service/errands/command.ts";

/** Both are written by the build: where each text lies, and a function whose own source they lie in. */
declare const livecertPlaces: ReadonlyMap<string, Place>;
declare const livecertSource: () => void;

const words = process.argv.slice(2);

/** A hook, and whatever is about one thing, ends before V8 begins to optimise. */
const commandsOverEverything = ["deploy", "status", errandCommand];

// What goes through all lineages ends within seconds, and never gets back what the optimising compiler of Node.js 20 takes for
// what is barely warm; later ones have a cheap one before it, and other flags. V8 refuses code compiled under other flags, so
// this comes first.
if (
  process.versions.v8.startsWith("11.") &&
  commandsOverEverything.includes(words[0] ?? "")
)
  process
    .getBuiltinModule("node:v8")
    .setFlagsFromString("--interrupt-budget=400000");

export const code = openCodeCache(
  textsOf(livecertSource.toString(), livecertPlaces),
  keptFile(words, process.env),
);

/** In the run directory, as far as it can be known before anything is loaded: not by the configuration file. */
function keptFile(
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
): string | null {
  const [command] = words;
  if (command !== "hook" && command !== "deploy") return null;
  const directory =
    afterFlag(words, "--run-dir") ??
    environment["LIVECERT_RUN_DIR"] ??
    "/run/livecert";
  if (!isAbsolute(directory)) return null;
  const mode = ["--defer", "--flush"].find((flag) => words.includes(flag));
  return join(directory, `${command}${mode ?? ""}.code`);
}

function afterFlag(words: readonly string[], flag: string): string | undefined {
  const joined = words.find((word) => word.startsWith(`${flag}=`));
  const place = words.indexOf(flag);
  return (
    joined?.slice(flag.length + 1) ?? words[place === -1 ? NaN : place + 1]
  );
}
