/**
 * The process: answers `--version` before anything is loaded, turns signals into an abort, and ends with the exit code.
 */
import { version } from "./version.ts";

const words = process.argv.slice(2);
if (words.includes("--version")) process.stdout.write(`livecert ${version}\n`);
else void start();

async function start(): Promise<void> {
  ignoreGoneReaders();
  const { runCommandLine } = await import("./cli/run.ts");
  const { StoppedBySignal } = await import("./cli/failure.ts");
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      // The second one is Node's to handle: it ends the process at once.
      ending.abort(new StoppedBySignal(signal));
    });
  const exitCode = await runCommandLine({
    words,
    environment: process.env,
    workingDirectory: process.cwd(),
    stdout: process.stdout,
    stderr: process.stderr,
    readStdin,
    signal: ending.signal,
    now: () => new Date(),
  });
  // Nothing that is still open (a connection, a child's pipe) may keep a hook from ending.
  process.exit(exitCode);
}

/** `livecert history | head` is no failure; what is written after the reader has gone is lost, nothing else. */
function ignoreGoneReaders(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
}

async function readStdin(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
