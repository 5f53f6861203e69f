import { lstatSync } from "node:fs";
import {
  givenByEnvironment,
  givenByFlags,
  mergeSettings,
  type MergedSettings,
} from "../core/settings/merge.ts";
import { absolutePath } from "../core/settings/value.ts";
import { LivecertError } from "../errors.ts";
import type { Environment } from "./invocation.ts";
import type { ParsedLine } from "./parsed-line.ts";

export type LoadedSettings = Omit<
  Extract<MergedSettings, { kind: "ok" }>,
  "kind"
>;

const defaultFile = "/etc/livecert/livecert.yaml";

/**
 * Reads and merges what the configuration file, the environment and the command line say. Without a file nothing that
 * reads YAML is loaded.
 *
 * @throws LivecertError configuration-invalid with all problems; what readConfigurationFile throws
 */
export async function loadSettings(
  line: ParsedLine,
  environment: Environment,
  workingDirectory: string,
): Promise<LoadedSettings> {
  const path = configurationPath(line, environment, workingDirectory);
  const file =
    path === null
      ? null
      : await (
          await import("../adapters/config/file.ts")
        ).readConfigurationFile(path);
  const merged = mergeSettings([
    ...(file?.given ?? []),
    ...givenByEnvironment(environment, workingDirectory),
    ...givenByFlags(line.flags, workingDirectory),
  ]);
  const problems = [
    ...(file?.problems ?? []),
    ...(merged.kind === "invalid" ? merged.problems : []),
  ];
  if (merged.kind === "invalid" || problems.length > 0)
    throw new LivecertError("configuration-invalid", problems.join("\n"), {
      remedy: "livecert config schema shows what a configuration may hold",
    });
  return merged;
}

/** A file that was asked for must exist; the default one need not. */
function configurationPath(
  line: ParsedLine,
  environment: Environment,
  workingDirectory: string,
): string | null {
  const asked = line.config ?? environment["LIVECERT_CONFIG"] ?? "";
  if (asked !== "") return absolutePath(workingDirectory, asked);
  return isAbsent(defaultFile) ? null : defaultFile;
}

/** Only what is surely absent; what cannot be looked at is refused later, with its reason. */
function isAbsent(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}
