/**
 * Directories that are held open. Names are only ever looked up in an open directory (`/proc/self/fd/N/NAME` is what
 * openat(2) does, which Node.js lacks), one name at a time and without following a link at its end. So nobody who may
 * write somewhere on the way can lead livecert anywhere else, whatever is swapped at whatever moment.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  type Stats,
} from "node:fs";

const asDirectory =
  constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

export class HeldDirectory implements Disposable {
  readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** A path whose every component can be trusted, or `.`. Throws what the system throws. */
  static open(path: string): HeldDirectory {
    return new HeldDirectory(openSync(path, asDirectory));
  }

  /** A directory in this one; `ELOOP` or `ENOTDIR` for a link. */
  enter(name: string): HeldDirectory {
    return HeldDirectory.open(this.at(name));
  }

  /** The same directory, to be closed on its own. */
  again(): HeldDirectory {
    return HeldDirectory.open(`/proc/self/fd/${String(this.fd)}/.`);
  }

  /** The path of an entry of this very directory, for one system call. */
  at(name: string): string {
    if (name === "" || name === "." || name === ".." || name.includes("/"))
      throw new TypeError(`not the name of an entry: ${name}`);
    return `/proc/self/fd/${String(this.fd)}/${name}`;
  }

  names(): readonly string[] {
    return readdirSync(`/proc/self/fd/${String(this.fd)}`).sort();
  }

  stats(): Stats {
    return fstatSync(this.fd);
  }

  sync(): void {
    fsyncSync(this.fd);
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/** What is wrong with a place, in words; the remedy is the change that mends it. */
export class PlaceError extends Error {
  override readonly name = "PlaceError";
  readonly remedy: string | null;

  constructor(message: string, remedy: string | null = null) {
    super(message);
    this.remedy = remedy;
  }
}

/** As many links as the kernel itself follows (path_resolution(7)). */
const maxLinks = 40;

/**
 * Goes down from `base`, which it takes over, name by name. Links are resolved inside `base`: one that is absolute or leads
 * above it is refused. `mayEnter` is asked of each directory once it is open; where it says no, the walk ends there.
 *
 * @throws PlaceError, and what the system throws
 */
export function descend(
  base: HeldDirectory,
  names: readonly string[],
  mayEnter: (stats: Stats) => boolean,
): {
  readonly directory: HeldDirectory;
  /** What is still to be gone from there. */
  readonly ahead: readonly string[];
} {
  const trail = [base];
  const ahead = [...names];
  let links = 0;
  try {
    while (mayEnter(last(trail).stats())) {
      const name = ahead.shift();
      if (name === undefined) break;
      if (name === "..") {
        if (trail.length === 1) throw leaves(names);
        trail.pop()?.[Symbol.dispose]();
        continue;
      }
      const directory = last(trail);
      if (!lstatSync(directory.at(name)).isSymbolicLink()) {
        trail.push(directory.enter(name));
        continue;
      }
      links += 1;
      const target = readlinkSync(directory.at(name));
      if (links > maxLinks || target.startsWith("/")) throw leaves(names);
      ahead.unshift(...stepsOf(target));
    }
    const directory = last(trail);
    trail.pop();
    return { directory, ahead };
  } catch (error) {
    last(trail)[Symbol.dispose]();
    trail.pop();
    throw error;
  } finally {
    for (const passed of trail) passed[Symbol.dispose]();
  }
}

function last(trail: readonly HeldDirectory[]): HeldDirectory {
  const directory = trail.at(-1);
  if (directory === undefined) throw new Error("an empty trail");
  return directory;
}

function stepsOf(path: string): readonly string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function leaves(names: readonly string[]): PlaceError {
  return new PlaceError(
    `${names.join("/")}: a link in it leads out of the configured directory`,
    "name the place itself in `directory`, or mount the whole of it",
  );
}
