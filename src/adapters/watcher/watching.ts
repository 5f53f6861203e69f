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
 */
import { readdirSync, statSync, watch as watchPlainly } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { watch as watchCoarsely } from "chokidar";

export interface Place {
  readonly directory: string;
  readonly manner: "plain" | "coarse";
}

export interface Armed {
  /** Directories that are watched anew: what happened in them before was not seen. */
  readonly fresh: readonly string[];
  /** Directories that can only be polled, with the reason. */
  readonly polled: readonly {
    readonly directory: string;
    readonly reason: string;
  }[];
}

export interface Watching extends AsyncDisposable {
  /** From now on exactly these directories are watched. */
  arm(places: readonly Place[]): Promise<Armed>;
}

export interface WatchingOptions {
  /** Look at this interval (ms) instead of waiting for the kernel's events; null: events, where there are any. */
  readonly pollMs: number | null;
  /** `name`: the entry of the directory that changed; null where that is not known. */
  readonly onChange: (directory: string, name: string | null) => void;
}

/** Where a watch could not be had: how often the directory is looked at. */
const fallbackPollMs = 10_000;
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
      const polled: { directory: string; reason: string }[] = [];
      for (const place of places) {
        const existing = nearestExisting(place.directory);
        const identity = identityOf(existing);
        if (watches.get(place.directory)?.identity === identity) continue;
        await drop(place.directory);
        const { close, reason } = startWatch(place, existing, options, onDead);
        watches.set(place.directory, { identity, close });
        fresh.push(place.directory);
        if (reason !== null)
          polled.push({ directory: place.directory, reason });
      }
      return { fresh, polled };
    },
    async [Symbol.asyncDispose]() {
      for (const directory of [...watches.keys()]) await drop(directory);
    },
  };
}

interface Started {
  readonly close: Watch["close"];
  /** Why it is polled although nobody asked for that; null otherwise. */
  readonly reason: string | null;
}

function startWatch(
  place: Place,
  existing: string,
  { pollMs, onChange }: WatchingOptions,
  onDead: (directory: string) => void,
): Started {
  const { directory } = place;
  const change = changeOf(directory, existing, onChange);
  if (pollMs !== null)
    return { close: poll(existing, pollMs, change), reason: null };
  try {
    const isCoarse = place.manner === "coarse" && hasFewEntries(existing);
    const dead = (): void => onDead(directory);
    const close = isCoarse
      ? startCoarse(existing, change, dead)
      : startPlain(existing, change, dead);
    return { close, reason: null };
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    return { close: poll(existing, fallbackPollMs, change), reason };
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

function startCoarse(
  directory: string,
  change: (name: string | null) => void,
  dead: () => void,
): () => Promise<void> {
  const watcher = watchCoarsely(directory, {
    depth: 0,
    ignoreInitial: true,
    followSymlinks: false,
    ignorePermissionErrors: true,
    atomic: false,
  });
  watcher.on("all", (event, path) => {
    if (path === directory) {
      if (event === "unlinkDir") dead();
      else change(null);
    } else change(basename(path));
  });
  watcher.on("error", dead);
  return () => watcher.close();
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
  return new Map(
    names.map((name) => {
      const stats = statSync(join(directory, name), {
        bigint: true,
        throwIfNoEntry: false,
      });
      if (stats === undefined) return [name, "dangling"];
      const { dev, ino, size, mtimeNs, ctimeNs } = stats;
      return [name, [dev, ino, size, mtimeNs, ctimeNs].join(":")];
    }),
  );
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
