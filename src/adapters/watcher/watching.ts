/**
 * Tells that something changed in a directory, never what: the files themselves are read when they are judged.
 *
 * - `plain`: one `fs.watch`, which sees Certbot switch a link (a watch on the link itself, or a recursive one, does not) and
 *   costs one inotify watch however many files there are.
 * - `coarse`: chokidar, which also follows files that are replaced by others of the same name. It keeps a record of every
 *   entry, so it is for directories with few of them.
 *
 * A directory that does not exist is waited for at the nearest one above it that does. A watch whose directory was
 * deleted, replaced or mounted over is dead without a word, so `arm` is asked again and again with the same list.
 *
 * Where the kernel gives no watch (its limits are shared with every program of the user), the directory is polled from then
 * on: asking again and again for what was refused would be work without end.
 */
import { readdirSync, statSync, watch as watchPlainly } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { watch as watchCoarsely } from "chokidar";

export interface Place {
  readonly directory: string;
  readonly manner: "plain" | "coarse";
}

/** A directory that can only be polled. */
export interface Refused {
  readonly directory: string;
  /** The system's code: `ENOSPC` for too many watches, `EMFILE` for too many watchers or files. */
  readonly reason: string;
}

export interface Watching extends AsyncDisposable {
  /**
   * From now on exactly these directories are watched. Answers with those that are watched anew: what happened in them
   * before was not seen.
   */
  arm(places: readonly Place[]): Promise<readonly string[]>;
}

export interface WatchingOptions {
  /** Look at this interval (ms) instead of waiting for the kernel's events; null: events, where there are any. */
  readonly pollMs: number | null;
  /** `name`: the entry of the directory that changed; null where that is not known. */
  readonly onChange: (directory: string, name: string | null) => void;
  /** Once for each directory that is polled although nobody asked for that; at once or after a while. */
  readonly onRefused: (refused: Refused) => void;
}

/** Where a watch could not be had: how often the directory is looked at. */
export const fallbackPollMs = 10_000;
/** chokidar keeps a watch and a record for each; larger directories are watched plainly. */
const fewEntries = 200;

interface Watch {
  readonly identity: string;
  readonly close: () => Promise<void> | void;
}

export function openWatching(options: WatchingOptions): Watching {
  const watches = new Map<string, Watch>();

  const drop = async (directory: string): Promise<void> => {
    const watch = watches.get(directory);
    watches.delete(directory);
    await watch?.close();
  };
  /** It is armed anew the next time. */
  const onDead = (directory: string): void => {
    void drop(directory);
    options.onChange(directory, null);
  };

  return {
    async arm(places) {
      const wanted = new Set(places.map(({ directory }) => directory));
      for (const directory of [...watches.keys()])
        if (!wanted.has(directory)) await drop(directory);
      const fresh: string[] = [];
      for (const place of places) {
        const existing = nearestExisting(place.directory);
        const identity = identityOf(existing);
        if (watches.get(place.directory)?.identity === identity) continue;
        await drop(place.directory);
        const close = startWatch(place, existing, options, onDead);
        watches.set(place.directory, { identity, close });
        fresh.push(place.directory);
      }
      return fresh;
    },
    async [Symbol.asyncDispose]() {
      for (const directory of [...watches.keys()]) await drop(directory);
    },
  };
}

function startWatch(
  place: Place,
  existing: string,
  options: WatchingOptions,
  onDead: (directory: string) => void,
): Watch["close"] {
  const { directory } = place;
  const { pollMs, onRefused } = options;
  const change = changeOf(directory, existing, options.onChange);
  if (pollMs !== null) return poll(existing, pollMs, change);
  const dead = (): void => onDead(directory);
  const pollInstead = (error: unknown): Watch["close"] => {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    onRefused({ directory, reason });
    return poll(existing, fallbackPollMs, change);
  };
  try {
    return place.manner === "coarse" && hasFewEntries(existing)
      ? startCoarse(existing, change, { dead, pollInstead })
      : startPlain(existing, change, dead);
  } catch (error) {
    return pollInstead(error);
  }
}

/** While a directory is waited for, only the next name on the way to it counts. */
function changeOf(
  directory: string,
  existing: string,
  onChange: WatchingOptions["onChange"],
): (name: string | null) => void {
  if (existing === directory) return (name) => onChange(directory, name);
  const [next] = relative(existing, directory).split("/");
  return (name) => {
    if (name === null || name === next) onChange(directory, null);
  };
}

function startPlain(
  directory: string,
  change: (name: string | null) => void,
  dead: () => void,
): () => void {
  const watcher = watchPlainly(directory, (event, name) => {
    change(name);
    // Deleted or moved away, unless a file in it bears its name.
    if (event === "rename" && name === basename(directory)) dead();
  });
  watcher.on("error", dead);
  return () => watcher.close();
}

/** chokidar learns only after a while that it is given no watch; from then on this is a poll. */
function startCoarse(
  directory: string,
  change: (name: string | null) => void,
  otherwise: {
    readonly dead: () => void;
    readonly pollInstead: (error: unknown) => Watch["close"];
  },
): Watch["close"] {
  const watcher = watchCoarsely(directory, {
    depth: 0,
    ignoreInitial: true,
    followSymlinks: false,
    ignorePermissionErrors: true,
    atomic: false,
  });
  const closeWatcher = (): Promise<void> => {
    const closed = watcher.close();
    // It forgets all listeners when it is closed, and an error that nobody listens to would end the process.
    watcher.on("error", () => undefined);
    return closed;
  };
  let close: Watch["close"] = closeWatcher;
  watcher.on("all", (event, path) => {
    if (path === directory) {
      if (event === "unlinkDir") otherwise.dead();
      else change(null);
    } else change(basename(path));
  });
  watcher.once("error", (error) => {
    void closeWatcher();
    close = otherwise.pollInstead(error);
    // What happened since the refusal was not seen.
    change(null);
  });
  return () => close();
}

/** For file systems without events: compares what the entries lead to. */
function poll(
  directory: string,
  intervalMs: number,
  change: (name: string | null) => void,
): () => void {
  let before = look(directory);
  const timer = setInterval(() => {
    const now = look(directory);
    const changed = namesThatDiffer(before, now);
    before = now;
    for (const name of changed) change(name);
  }, intervalMs);
  return () => clearInterval(timer);
}

/** Identity and times by name; empty where there is no such directory. */
function look(directory: string): ReadonlyMap<string, string> {
  let names: readonly string[];
  try {
    names = readdirSync(directory);
  } catch {
    return new Map();
  }
  return new Map(names.map((name) => [name, entryAt(join(directory, name))]));
}

/** Or why it cannot be told: a dangling link, one that leads to itself, a server of files that does not answer. */
function entryAt(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, {
      bigint: true,
    });
    return [dev, ino, size, mtimeNs, ctimeNs].join(":");
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

function namesThatDiffer(
  before: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
): readonly string[] {
  const names = new Set([...before.keys(), ...now.keys()]);
  return [...names].filter((name) => before.get(name) !== now.get(name));
}

function nearestExisting(directory: string): string {
  let existing = directory;
  while (identityOf(existing) === absent && dirname(existing) !== existing)
    existing = dirname(existing);
  return existing;
}

const absent = "absent";

/** Inode numbers are used again at once, so the birth counts too. */
function identityOf(directory: string): string {
  try {
    const stats = statSync(directory, { bigint: true, throwIfNoEntry: false });
    if (stats?.isDirectory() !== true) return absent;
    const { dev, ino, birthtimeNs } = stats;
    return [directory, dev, ino, birthtimeNs].join(":");
  } catch {
    return absent;
  }
}

function hasFewEntries(directory: string): boolean {
  try {
    return readdirSync(directory).length <= fewEntries;
  } catch {
    return false;
  }
}
