/** livecert's own needs: Node.js, helper programs, state, run directory, and somebody who takes up what failed. */
import { constants, type Stats } from "node:fs";
import { access, lstat, readdir, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { checkOwnership, findProgram } from "../adapters/process/trust.ts";
import { isNewer } from "../adapters/store/records.ts";
import {
  foundOr,
  ok,
  problem,
  unknown,
  warning,
  type Check,
  type Diagnosis,
} from "./check.ts";
import type { Machine } from "./machine.ts";
import { asRoot, quoted } from "./remedies.ts";
import { readJson } from "./read-json.ts";
import { lookAtRetry } from "./retry.ts";

export const ownChecks: readonly Check[] = [
  {
    group: "livecert",
    name: "node",
    looksAt: "the version of Node.js",
    look: () => Promise.resolve([judgeNode(process.versions.node)]),
  },
  {
    group: "livecert",
    name: "programs",
    looksAt: "the programs that livecert calls: openssl, flock and logger",
    look: lookAtPrograms,
  },
  {
    group: "livecert",
    name: "state",
    looksAt: "the directory where livecert remembers what it did",
    look: (machine) => lookAtState(machine),
  },
  {
    group: "livecert",
    name: "run-directory",
    looksAt: "the directory of the lock",
    look: (machine) => lookAtPlace(machine, machine.settings.runDir, "run-dir"),
  },
  {
    group: "livecert",
    name: "retry",
    looksAt:
      "what is pending, and the timer or cron entry that takes it up again",
    look: async (machine) => [await lookAtRetry(machine)],
  },
];

/** What Debian 13 ships. */
const oldestNode = { major: 20, minor: 19 };

export function judgeNode(version: string): Diagnosis {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isNewEnough =
    major > oldestNode.major ||
    (major === oldestNode.major && minor >= oldestNode.minor);
  return isNewEnough
    ? ok(`Node.js ${version}`)
    : problem(
        `Node.js is ${version}; livecert needs ${String(oldestNode.major)}.${String(oldestNode.minor)} or newer`,
        "apt-get install nodejs",
      );
}

/** What happens without each. */
const programs = {
  openssl: {
    severity: warning,
    effect:
      "chains are judged by a handshake in memory alone, which finds one fault at a time",
    remedy: "apt-get install openssl",
  },
  flock: {
    severity: problem,
    effect: "no lock can be taken, so nothing is deployed",
    remedy: "apt-get install util-linux",
  },
  logger: {
    severity: warning,
    effect: "failures are not told to syslog, and certbot -q shows none either",
    remedy: "apt-get install bsdutils",
  },
} as const;

async function lookAtPrograms(): Promise<readonly Diagnosis[]> {
  const found = await Promise.all(
    Object.entries(programs).map(async ([name, needed]) => {
      const program = await findProgram(name);
      if (program.kind === "found") return [];
      const reason =
        program.kind === "absent"
          ? `there is no ${name}`
          : `${program.path} is not run: ${program.reason}`;
      return [needed.severity(`${reason}, so ${needed.effect}`, needed.remedy)];
    }),
  );
  return foundOr(
    found.flat(),
    `${Object.keys(programs).join(", ")} are in place`,
  );
}

async function lookAtState(machine: Machine): Promise<readonly Diagnosis[]> {
  const { stateDir } = machine.settings;
  const newer = await findNewer(stateDir);
  const place = await lookAtPlace(machine, stateDir, "state-dir");
  if (newer === null) return place;
  return [
    problem(
      `${newer} was written by a newer livecert, so nothing is deployed`,
      "install the newer livecert again",
    ),
    ...place.filter(({ verdict }) => verdict !== "ok"),
  ];
}

/** A directory or a record of a later schema; null where there is none. */
async function findNewer(stateDir: string): Promise<string | null> {
  const names = await readdir(stateDir).catch(() => []);
  const later = names.find(
    (name) => Number(/^v(\d+)$/.exec(name)?.[1] ?? 0) > 1,
  );
  if (later !== undefined) return join(stateDir, later);
  const records = await readdir(join(stateDir, "v1"), {
    recursive: true,
  }).catch(() => []);
  for (const name of records.filter((one) => one.endsWith(".json"))) {
    const path = join(stateDir, "v1", name);
    if (isNewer(await readJson(path))) return path;
  }
  return null;
}

const leastFreeBytes = 16 * 1024 * 1024;

/** A directory that need not exist yet: then the nearest one above it counts. */
async function lookAtPlace(
  { isRoot }: Machine,
  directory: string,
  option: string,
): Promise<readonly Diagnosis[]> {
  const existing = await nearestExisting(directory);
  const stats = await lstat(existing).catch(() => null);
  if (stats?.isDirectory() !== true)
    return [
      isRoot
        ? problem(
            `${existing} is no directory`,
            `name another place with --${option}`,
          )
        : unknown(`${existing} cannot be looked at`, asRoot),
    ];
  const ownership = await checkOwnership(existing);
  if (ownership.kind === "untrusted")
    return [
      isRoot
        ? problem(
            `${directory} could be changed by others: ${ownership.reason}`,
            `chown root ${quoted(existing)} && chmod go-w ${quoted(existing)}`,
          )
        : unknown(ownership.reason, asRoot),
    ];
  const reason = await unwritableReason(existing);
  if (reason !== null)
    return [
      isRoot
        ? problem(
            `${existing} cannot be written: ${reason}`,
            `name another place with --${option}`,
          )
        : unknown(`${existing} can be written by root only`, asRoot),
    ];
  return foundOr(
    [...judgeMode(directory, existing, stats), ...(await judgeSpace(existing))],
    existing === directory ? directory : `${directory}, made when first needed`,
  );
}

/** Also of a sticky directory, where others could put files of their own. */
function judgeMode(
  directory: string,
  existing: string,
  { mode }: Pick<Stats, "mode">,
): readonly Diagnosis[] {
  const isOurs = existing === directory;
  return isOurs && (mode & 0o022) !== 0
    ? [
        problem(
          `${directory} can be written by others (mode ${(mode & 0o7777).toString(8)})`,
          `chmod go-w ${quoted(directory)}`,
        ),
      ]
    : [];
}

async function judgeSpace(directory: string): Promise<readonly Diagnosis[]> {
  const { bavail, bsize, files, ffree } = await statfs(directory);
  const freeBytes = bavail * bsize;
  const isFull = freeBytes < leastFreeBytes;
  const hasNoInodes = files > 0 && ffree < 16;
  if (!isFull && !hasNoInodes) return [];
  const rest = isFull
    ? `${String(Math.floor(freeBytes / 1024 / 1024))} MiB are free`
    : "hardly a file can be made";
  return [
    warning(
      `${rest} on the file system of ${directory}: what livecert did could not be remembered`,
      `df -h ${quoted(directory)}`,
    ),
  ];
}

async function nearestExisting(directory: string): Promise<string> {
  for (let path = directory; ; path = dirname(path)) {
    if (path === dirname(path)) return path;
    const isThere = await lstat(path).then(
      () => true,
      (error: unknown) => (error as NodeJS.ErrnoException).code !== "ENOENT",
    );
    if (isThere) return path;
  }
}

const accessFailures: Readonly<Record<string, string>> = {
  EROFS: "the file system is read-only",
  EACCES: "permission denied",
};

async function unwritableReason(directory: string): Promise<string | null> {
  return access(directory, constants.W_OK).then(
    () => null,
    (error: unknown) => {
      const { code = "", message } = error as NodeJS.ErrnoException;
      return accessFailures[code] ?? message;
    },
  );
}
