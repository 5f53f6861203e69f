/**
 * The process: answers `--version` before anything is loaded, turns signals into an abort, and ends with the exit code.
 */
import { childCommand } from "./adapters/publish/job.ts";
import type { Process } from "./cli/run.ts";
import { errandCommand } from "./service/errands/command.ts";
import { version } from "./version.ts";

const words = process.argv.slice(2);
if (words.includes("--version")) process.stdout.write(`livecert ${version}\n`);
else if (words[0] === childCommand) void publishAsOwner();
else void start();

/** Started by livecert itself, with the rights of a directory's owner (adapters/publish/publish.ts). */
async function publishAsOwner(): Promise<void> {
  const child = await import("./adapters/publish/child.ts");
  process.stdout.write(child.publishAsOwner());
}

async function start(): Promise<void> {
  ignoreGoneReaders();
  // The build makes of these imports everything that --version does not load.
  const { code } = await import("./code.ts");
  const { abortedBySignals, reportUncaught, runCommandLine, runErrand } =
    await import("./cli/run.ts");
  const signal = abortedBySignals();
  let isCodeKept = true;
  const surroundings: Process = {
    words,
    environment: process.env,
    workingDirectory: workingDirectory(),
    stdout: process.stdout,
    stderr: process.stderr,
    readStdin: () => readStdin(signal),
    openStdin: () => process.stdin,
    signal,
    now: () => new Date(),
    leaveNoTrace: () => {
      isCodeKept = false;
    },
  };
  let uncaught: Promise<number> | null = null;
  const end = async (exitCode: number): Promise<void> => {
    await Promise.all([drain(process.stdout), drain(process.stderr)]);
    if (exitCode === 0 && isCodeKept) await code.save();
    // Whatever is still open (a connection, a child's pipe) must not keep a hook from ending.
    process.exit(await (uncaught ?? exitCode));
  };
  process.on("uncaughtException", (error) => {
    uncaught ??= reportUncaught(error, surroundings);
    void uncaught.then(end);
  });
  const run = words[0] === errandCommand ? runErrand : runCommandLine;
  await end(await run(surroundings));
}

/** Where it was deleted, only a relative path would miss it; packages that ask for it as well would not go on. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    process.chdir("/");
    return "/";
  }
}

/** A pipe takes 64 KiB at a time; what its reader has not fetched yet would be lost at the exit. */
function drain(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write("", () => {
      resolve();
    });
  });
}

/**
 * `livecert history | head` is no failure; what is written after the reader has gone is lost, nothing else. Nor can
 * anybody be told of a log that finds no room.
 */
function ignoreGoneReaders(): void {
  process.stderr.on("error", () => undefined);
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_DESTROYED")
      throw error;
  });
}

async function readStdin(signal: AbortSignal): Promise<Uint8Array | null> {
  signal.addEventListener("abort", () => {
    process.stdin.destroy(signal.reason as Error);
  });
  const { readStream } = await import("./adapters/files/read-stream.ts");
  return readStream(process.stdin);
}
