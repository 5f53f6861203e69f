/** Is a Certbot at work, and is it the one that runs us? */
import { readFileSync, statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { ProcessIdentity } from "../../core/decision/record.ts";
import { ancestorsOf, type ProcessRecord } from "../process/processes.ts";

/** The Certbot whose hook we are. */
export interface CertbotProcess {
  readonly identity: ProcessIdentity;
  /** As on its command line; `run` where it has none. */
  readonly subcommand: string;
  /** Whether it runs the scripts below `renewal-hooks/`. */
  readonly directoryHooks: boolean;
  readonly isDryRun: boolean;
}

/** The nearest Certbot among our ancestors; null by hand, under the service, or where /proc does not show it. */
export function runningCertbot(
  pid: number = process.pid,
): CertbotProcess | null {
  for (const ancestor of ancestorsOf(pid)) {
    const words = certbotWords(ancestor);
    if (words !== null) return describeCertbot(ancestor, words);
  }
  return null;
}

function describeCertbot(
  { pid, startTicks }: ProcessRecord,
  words: readonly string[],
): CertbotProcess {
  const verb = words.find((word) => subcommands.has(word)) ?? "run";
  const files = configurationFiles(words);
  return {
    identity: { pid, startTicks },
    subcommand: otherNames[verb] ?? verb,
    directoryHooks: !isSet("no-directory-hooks", words, files),
    isDryRun: isSet("dry-run", words, files),
  };
}

const otherNames: Readonly<Record<string, string>> = {
  auth: "certonly",
  everything: "run",
};

/** Certbot takes the first word that is one of these for its subcommand (certbot/_internal/cli/helpful.py). */
const subcommands: ReadonlySet<string> = new Set([
  "auth",
  "certificates",
  "certonly",
  "delete",
  "enhance",
  "everything",
  "install",
  "plugins",
  "reconfigure",
  "register",
  "renew",
  "revoke",
  "rollback",
  "run",
  "show_account",
  "unregister",
  "update_account",
  "update_symlinks",
]);

/** The words after the program's name, if this process is a Certbot: a program, a Python script or module of that name. */
function certbotWords(record: ProcessRecord): readonly string[] | null {
  const program = basename(record.executable ?? record.arguments[0] ?? "");
  if (isCertbotName(program)) return record.arguments.slice(1);
  if (!/^(?:python|pypy)[\d.]*(?: \(deleted\))?$/.test(program)) return null;
  return scriptWords(record.arguments);
}

/** Python's own options come before the script or `-m module`; two of them have a value of their own. */
function scriptWords(words: readonly string[]): readonly string[] | null {
  for (let index = 1; index < words.length; index += 1) {
    const word = words[index] ?? "";
    if (/^-[A-Za-z]*m$/.test(word))
      return isCertbotName(words[index + 1] ?? "")
        ? words.slice(index + 2)
        : null;
    if (/^-[A-Za-z]*[XW]$/.test(word)) index += 1;
    else if (!word.startsWith("-"))
      return isCertbotName(basename(word)) ? words.slice(index + 1) : null;
  }
  return null;
}

/** Also `.certbot-wrapped` (Nix), `certbot.main` (a module) and Certbot's name of old. */
function isCertbotName(name: string): boolean {
  return /^\.?(?:certbot|letsencrypt)(?![A-Za-z])/.test(name);
}

type Flag = "no-directory-hooks" | "dry-run";

/** Certbot accepts every beginning of an option's name that no other option shares. */
const shortestForms: Readonly<Record<Flag, string>> = {
  "no-directory-hooks": "--no-di",
  "dry-run": "--dr",
};

function isSet(
  flag: Flag,
  words: readonly string[],
  files: readonly string[],
): boolean {
  const given = words.some(
    (word) =>
      word.startsWith(shortestForms[flag]) && `--${flag}`.startsWith(word),
  );
  const line = new RegExp(
    `^\\s*${flag}\\s*[=:]\\s*(?:true|yes|on|1)\\s*$`,
    "im",
  );
  return given || files.some((file) => line.test(readText(file)));
}

/** Certbot reads its options from these files too (certbot/_internal/constants.py, `config_files`). */
function configurationFiles(words: readonly string[]): readonly string[] {
  const given = words.flatMap((word, index) =>
    word === "-c" || word === "--config" ? (words[index + 1] ?? []) : [],
  );
  const joined = words.flatMap(
    (word) => /^(?:-c|--config=)(\/.*)$/.exec(word)?.[1] ?? [],
  );
  const all = [...given, ...joined];
  return all.length > 0 ? all : ["/etc/letsencrypt/cli.ini"];
}

export type CertbotPresence =
  | { readonly kind: "at-work"; readonly pid: number }
  | { readonly kind: "idle" }
  /** A lock file is there and nobody is seen to hold it: a leftover, or a Certbot in another pid namespace. */
  | { readonly kind: "unknown" };

/**
 * Certbot holds a POSIX record lock on `.certbot.lock` in its directory from its start to its end, hooks included.
 * Source: certbot/_internal/lock.py; proc(5), /proc/locks.
 */
export async function lookForCertbot(
  certbotDir: string,
): Promise<CertbotPresence> {
  const path = join(certbotDir, ".certbot.lock");
  const file = await stat(path, { bigint: true }).catch(() => null);
  if (file === null) return { kind: "idle" };
  const held = readLocks().find(
    (lock) =>
      lock.inode === String(file.ino) && isSameDevice(lock.device, file.dev),
  );
  return held === undefined
    ? { kind: "unknown" }
    : { kind: "at-work", pid: held.pid };
}

/** Whether a Certbot is seen at work on this directory. */
export async function certbotAtWork(certbotDir: string): Promise<boolean> {
  return (await lookForCertbot(certbotDir)).kind === "at-work";
}

interface HeldLock {
  readonly pid: number;
  readonly device: { readonly major: number; readonly minor: number };
  readonly inode: string;
}

/** Lines like `1: POSIX  ADVISORY  WRITE 1234 fd:00:5678 0 EOF`; one that waits has `->` after its number. */
function readLocks(): readonly HeldLock[] {
  const pattern =
    /^\d+: POSIX +ADVISORY +WRITE +(\d+) +([0-9a-f]+):([0-9a-f]+):(\d+) /;
  return readText("/proc/locks")
    .split("\n")
    .flatMap((line) => {
      const [, pid = "", major = "", minor = "", inode = ""] =
        pattern.exec(line) ?? [];
      if (inode === "") return [];
      const device = {
        major: Number.parseInt(major, 16),
        minor: Number.parseInt(minor, 16),
      };
      return [{ pid: Number(pid), device, inode }];
    });
}

/** Empty for anything but a file: a `-c /dev/stdin` of Certbot's is not ours to read. */
function readText(path: string): string {
  try {
    return statSync(path).isFile() ? readFileSync(path, "latin1") : "";
  } catch {
    return "";
  }
}

/** File systems with subvolumes (btrfs, overlay) show programs another device than the kernel's table: major 0 both. */
function isSameDevice(shown: HeldLock["device"], device: bigint): boolean {
  const major = Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn));
  const minor = Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n));
  if (shown.major === 0 && major === 0) return true;
  return shown.major === major && shown.minor === minor;
}
