import { LivecertError } from "../../errors.ts";
import { codeOf } from "./files.ts";

/** What became of a write. The run goes on without its record; the warning is for its report. */
export type Written =
  | { readonly kind: "written" }
  | { readonly kind: "not-written"; readonly warning: string };

export const written: Written = { kind: "written" };

/** What is wrong with the disk, not with how livecert was called. */
const diskFailures: Readonly<Record<string, string>> = {
  ENOSPC: "no space left on the disk",
  EDQUOT: "the disk quota is used up",
  EROFS: "the file system is read-only",
  EIO: "input/output error",
  ESTALE: "the network file system has lost it",
  EMFILE: "too many open files",
  ENFILE: "too many open files",
};

/**
 * Carries out a write.
 *
 * @throws LivecertError `state-unwritable` where the disk is sound and the place or our user is not.
 */
export async function attemptWrite(
  path: string,
  write: () => void | Promise<void>,
): Promise<Written> {
  try {
    await write();
    return written;
  } catch (error) {
    const reason = diskFailures[codeOf(error) ?? ""];
    if (reason === undefined) throw unwritable(path, error);
    return {
      kind: "not-written",
      warning: `cannot write ${path}: ${reason}`,
    };
  }
}

function unwritable(path: string, error: unknown): unknown {
  if (error instanceof LivecertError || codeOf(error) === null) return error;
  return new LivecertError(
    "state-unwritable",
    `cannot write ${path}: ${describe(error)}`,
    {
      remedy: "run livecert as root, or choose another place with --state-dir",
      cause: error,
    },
  );
}

const placeFailures: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  ENOTDIR: "something in its path is not a directory",
  EEXIST: "something else has its name",
  ELOOP: "it is a link",
};

function describe(error: unknown): string {
  return placeFailures[codeOf(error) ?? ""] ?? (error as Error).message;
}

/** What could not be written, each thing once. */
export function warningsOf(results: readonly Written[]): readonly string[] {
  const warnings = results.flatMap((result) =>
    result.kind === "not-written" ? [result.warning] : [],
  );
  return [...new Set(warnings)];
}
