/**
 * How the parts of the bundle that are kept as text become code; the build writes calls of it (esbuild.config.ts). Only
 * hooks are in such a hurry that the compiled form is kept for them, one for each way of calling them.
 */
import { isAbsolute, join } from "node:path";
import { openCodeCache } from "./adapters/code/cache.ts";
import { textsOf, type Place } from "./adapters/code/texts.ts";

/** Both are written by the build: where each text lies, and a function whose own source they lie in. */
declare const livecertPlaces: ReadonlyMap<string, Place>;
declare const livecertSource: () => void;

export const code = openCodeCache(
  textsOf(livecertSource.toString(), livecertPlaces),
  keptFile(process.argv.slice(2), process.env),
);

/** In the run directory, as far as it can be known before anything is loaded: not by the configuration file. */
function keptFile(
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
): string | null {
  if (words[0] !== "hook") return null;
  const directory =
    afterFlag(words, "--run-dir") ??
    environment["LIVECERT_RUN_DIR"] ??
    "/run/livecert";
  if (!isAbsolute(directory)) return null;
  const mode = ["--defer", "--flush"].find((flag) => words.includes(flag));
  return join(directory, `hook${mode ?? ""}.code`);
}

function afterFlag(words: readonly string[], flag: string): string | undefined {
  const joined = words.find((word) => word.startsWith(`${flag}=`));
  const place = words.indexOf(flag);
  return (
    joined?.slice(flag.length + 1) ?? words[place === -1 ? NaN : place + 1]
  );
}
