/**
 * Compiled-in defaults kept from one run to the next, in a file of the run directory: they change only with the program,
 * whose file they are kept for.
 */
import { join } from "node:path";
import { readKept, writeKept } from "../store/kept-file.ts";
import { nullable, record, string } from "../store/shape.ts";
import type { CompiledDefaults, DefaultsCache } from "./binary.ts";

interface Kept {
  /** `NginxBinary.identity`. */
  readonly identity: string;
  readonly defaults: CompiledDefaults;
}

const keptShape = record<Kept>({
  identity: string,
  defaults: record<CompiledDefaults>({
    version: string,
    prefix: string,
    configuration: string,
    pidFile: string,
    errorLog: nullable(string),
  }),
});

/** Never throws: what cannot be kept is asked for again. A file that others could have written is not believed. */
export function keepDefaults(runDir: string): DefaultsCache {
  const path = join(runDir, "nginx-defaults.json");
  return {
    get(identity) {
      const kept = read(path);
      return kept?.identity === identity ? kept.defaults : null;
    },
    set: (identity, defaults) => {
      const kept: Kept = { identity, defaults };
      return writeKept(path, () => JSON.stringify(kept));
    },
  };
}

function read(path: string): Kept | null {
  try {
    const value: unknown = JSON.parse(readKept(path)?.toString() ?? "");
    return keptShape(value) ? value : null;
  } catch {
    return null;
  }
}
