/**
 * Ten times as many lineages as livecert promises anything for. Measured only where it is asked for by name: issuing them
 * alone takes minutes. LIVECERT_BENCH_LINEAGES: another number of them.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { livecertProgram } from "../../test/support/livecert.ts";
import { mustRun } from "../../test/support/run.ts";
import { temporaryDirectory } from "../../test/support/temporary.ts";
import { serve, type ServingHost } from "../host.ts";
import { sample, type Command, type Sample } from "../measure.ts";
import { mebibytes, memoryIn, startWatcher, type Memory } from "../resting.ts";
import {
  measuredOnce,
  type Measurement,
  type Progress,
  type Row,
} from "../row.ts";

const lineages = Number(process.env["LIVECERT_BENCH_LINEAGES"] ?? 10_000);

interface Seen {
  readonly first: Sample;
  readonly status: Sample;
  readonly dump: Sample;
  readonly deploy: Sample;
  /** Lineages of which a deployment of another one opened a file. */
  readonly read: number;
  readonly watcher: Memory;
}

const seen = measuredOnce(look);

export const manyRows: readonly Row[] = [
  {
    id: "many-status",
    what: `\`status\` over ${lineages} lineages`,
    bound: 10,
    unit: "s",
    measure: async (progress) => statusOf(await seen(progress)),
  },
  {
    id: "many-deploy",
    what: `other lineages read for the deployment of one among ${lineages}`,
    bound: 0,
    unit: "",
    measure: async (progress) => deployOf(await seen(progress)),
  },
  {
    id: "many-watcher",
    what: `watcher at rest with ${lineages} lineages: resident memory`,
    bound: 80,
    unit: "MiB",
    measure: async (progress) => watcherOf(await seen(progress)),
  },
];

function statusOf({ status, dump, first }: Seen): Measurement {
  return {
    figure: status.wallMs / 1000,
    details: [
      `CPU ${seconds(status.cpuMs)}; \`nginx -T\` alone ${seconds(dump.wallMs)}; the very first \`deploy\` ${seconds(first.wallMs)} (CPU ${seconds(first.cpuMs)})`,
    ],
  };
}

function deployOf({ deploy, read }: Seen): Measurement {
  return {
    figure: read,
    details: [
      `renewed and deployed after ${seconds(deploy.wallMs)} (CPU ${seconds(deploy.cpuMs)}); Nginx itself reads all of them, twice`,
    ],
  };
}

function watcherOf({ watcher }: Seen): Measurement {
  return {
    figure: watcher.residentBytes / 2 ** 20,
    details: [
      `${mebibytes(watcher.ownBytes)} MiB without what it shares with files`,
    ],
  };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

async function look(progress: Progress): Promise<Seen> {
  progress(`${lineages} lineages are issued`);
  await using host = await serve(lineages);
  progress("deploy sees them for the first time");
  const first = await sample(livecert(host, "deploy"));
  progress(`status; that took ${seconds(first.wallMs)}`);
  const status = await sample(livecert(host, "status"));
  const { program, arguments: words } = host.bed.nginx;
  const dump = await sample({
    program,
    args: [...words, "-T"],
    environment: process.env,
  });
  progress(
    `one of them is renewed and deployed; status took ${seconds(status.wallMs)}`,
  );
  const [name = "", traced = ""] = host.names;
  await host.bed.renew(name);
  const deploy = await sample(livecert(host, "deploy", name, ...patience));
  progress(`another one, watched; that took ${seconds(deploy.wallMs)}`);
  await host.bed.renew(traced);
  const read = await othersRead(host, traced);
  progress("the watcher looks everything through");
  await using watcher = startWatcher(host);
  await host.bed.livecert.firstPresence(watcher.pid, 1_800_000);
  await pause(30_000);
  return {
    first,
    status,
    dump,
    deploy,
    read,
    watcher: memoryIn(watcher.pid),
  };
}

/** Nginx takes some ten seconds to read ten thousand certificates, and more under strace's eyes. */
const patience = [
  ...["--limits-nginx-command", "10m"],
  ...["--limits-generation-max", "10m"],
];

function livecert({ bed }: ServingHost, ...args: readonly string[]): Command {
  return {
    program: process.execPath,
    args: [livecertProgram, ...args],
    environment: bed.livecert.environment(),
  };
}

/** Of livecert's own process, by its system calls; Nginx reads its files in processes of its own. */
async function othersRead(
  { bed, names }: ServingHost,
  name: string,
): Promise<number> {
  await using directory = await temporaryDirectory();
  const trace = join(directory.path, "trace");
  await mustRun(
    "strace",
    [
      ...["-ff", "--seccomp-bpf", "-o", trace],
      ...["-e", "trace=execve,open,openat,openat2"],
      ...[process.execPath, livecertProgram, "deploy", name, ...patience],
    ],
    { environment: bed.livecert.environment(), limitMs: 900_000 },
  );
  const files = await readdir(directory.path);
  const traces = await Promise.all(
    files.map((file) => readFile(join(directory.path, file), "utf8")),
  );
  const opened = traces
    .filter((text) => !text.includes(`execve("${bed.nginx.program}"`))
    .join("\n");
  if (!opened.includes(`/${name}/`))
    throw new Error("the trace does not even show the lineage's own files");
  return names.filter(
    (other) => other !== name && opened.includes(`/${other}/`),
  ).length;
}
