/**
 * The ownership rule: livecert often runs as root, so what it runs, reads as its configuration or keeps as its state must
 * be out of everybody else's reach. That holds for the file and for every directory on the way to it, links included: who
 * may write to a directory may replace what lies in it, unless the directory is sticky and the entry is not theirs.
 *
 * A run asks about a hundred names, which the kernel knows by heart: each look by a promise would cost ten times as much.
 */
import {
  accessSync,
  constants,
  lstatSync,
  readlinkSync,
  statSync,
  type Stats,
} from "node:fs";
import { dirname, isAbsolute, join, parse, resolve } from "node:path";
import { programPath } from "./environment.ts";

export type Ownership =
  /** `resolved`: the path without any link, which is what was checked. */
  | { readonly kind: "trusted"; readonly resolved: string }
  | { readonly kind: "untrusted"; readonly reason: string };

export type FoundProgram =
  | { readonly kind: "found"; readonly path: string }
  | { readonly kind: "absent" }
  | {
      readonly kind: "untrusted";
      readonly path: string;
      readonly reason: string;
    };

/** As many links as the kernel itself follows (path_resolution(7)). */
const maxLinks = 40;

/**
 * Whether only root and our own user can change what `path` leads to. Never throws; a path that does not exist or cannot
 * be looked at is untrusted, with that as the reason.
 */
export function checkOwnership(path: string): Promise<Ownership> {
  return Promise.resolve(lookAtOwnership(path));
}

/**
 * The same, at once.
 *
 * @param root where the path and all links on the way to it begin: another process's `/proc/PID/root`
 */
export function lookAtOwnership(path: string, root = ""): Ownership {
  try {
    return walk(resolve(path), root);
  } catch (error) {
    return untrusted(`${path}: ${lookFailure(error)}`);
  }
}

/** The first trusted program of that name along a search path; by default the system's directories, never our PATH. */
export function findProgram(
  name: string,
  searchPath: string = programPath,
): Promise<FoundProgram> {
  return Promise.resolve(lookFor(name, searchPath));
}

function lookFor(name: string, searchPath: string): FoundProgram {
  let refused: FoundProgram = { kind: "absent" };
  for (const directory of searchPath.split(":").filter(isAbsolute)) {
    const path = join(directory, name);
    if (!isProgram(path)) continue;
    const ownership = lookAtOwnership(path);
    if (ownership.kind === "trusted") return { kind: "found", path };
    if (refused.kind === "absent")
      refused = { kind: "untrusted", path, reason: ownership.reason };
  }
  return refused;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Goes down from the root, one name at a time, and starts again at a link's target. */
function walk(path: string, root: string): Ownership {
  const look = (place: string): Stats => lstatSync(root + place);
  let checked = parse(path).root;
  let ahead = namesOf(path);
  let links = 0;
  let directory = look(checked);
  const rootReason = reasonAgainst(checked, directory, null);
  if (rootReason !== null) return untrusted(rootReason);

  for (;;) {
    const name = ahead.shift();
    if (name === undefined) return { kind: "trusted", resolved: checked };
    const next = join(checked, name);
    const stats = look(next);
    const reason = reasonAgainst(next, stats, directory);
    if (reason !== null) return untrusted(reason);
    if (!stats.isSymbolicLink()) {
      checked = next;
      directory = stats;
      continue;
    }
    links += 1;
    if (links > maxLinks) return untrusted(`${path}: too many links`);
    const target = resolve(dirname(next), readlinkSync(root + next));
    ahead = [...namesOf(target), ...ahead];
    checked = parse(target).root;
    directory = look(checked);
  }
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "");
}

/** null: nobody else can change it. `parent` is null for the root directory. */
function reasonAgainst(
  path: string,
  stats: Stats,
  parent: Stats | null,
): string | null {
  if (!isOurs(stats.uid))
    return `${path} belongs to uid ${String(stats.uid)}, not to root`;
  if (stats.isSymbolicLink()) return null;
  const shared = (stats.mode & 0o022) !== 0;
  if (!shared) return null;
  const sticky = stats.isDirectory() && (stats.mode & 0o1000) !== 0;
  if (sticky && parent !== null) return null;
  return `${path} can be written by ${writers(stats.mode)} (mode ${octal(stats.mode)})`;
}

function isOurs(uid: number): boolean {
  return uid === 0 || uid === process.getuid?.();
}

function writers(mode: number): string {
  return (mode & 0o002) !== 0 ? "everybody" : "its group";
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}

function untrusted(reason: string): Ownership {
  return { kind: "untrusted", reason };
}

const lookFailures: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  ENOTDIR: "does not exist",
  EACCES: "permission denied",
};

function lookFailure(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return lookFailures[code ?? ""] ?? message;
}
