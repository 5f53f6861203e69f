import { createReadStream } from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { lineageOfPath } from "../../adapters/certbot/lineage-of-path.ts";
import { readStream } from "../../adapters/files/read-stream.ts";
import { composeWorld } from "../../compose.ts";
import type { NginxModel } from "../../core/nginx/model.ts";
import { readModel } from "../../core/nginx/read-model.ts";
import { usesOf } from "../../core/nginx/uses.ts";
import type { UsesDocument } from "../../core/report/document.ts";
import { LivecertError } from "../../errors.ts";
import { discover } from "../../pipeline/discover.ts";
import type { Invocation, UsesArguments } from "../invocation.ts";
import { renderJson } from "../render/json.ts";
import { renderUses } from "../render/uses.ts";

/** Which server blocks and listeners use which certificate files: of a saved dump, or as every Nginx itself tells now. */
export async function run(
  invocation: Invocation<UsesArguments>,
): Promise<number> {
  const { settings, stdout, log } = invocation;
  const { dump } = invocation.arguments;
  const { configurations, warnings } =
    dump === null
      ? await askAll(invocation)
      : { configurations: [await readDump(invocation, dump)], warnings: [] };
  for (const { model } of configurations)
    for (const problem of model.problems)
      log.warn("part of the configuration was not understood", { ...problem });
  const uses = configurations.flatMap(({ target, model, localPath }) => {
    const nameOf = lineageNames(settings.certbotDir);
    const lineageOf = (path: string): string | null => {
      const local = localPath(path);
      return local === null ? null : nameOf(local);
    };
    return usesOf(model, lineageOf).map((use) => ({ target, ...use }));
  });
  stdout.write(
    settings.json
      ? renderJson(documentOf(configurations, uses, warnings))
      : renderUses(uses, stdout),
  );
  return 0;
}

/** What one Nginx has, and where the files that it names lie here. */
interface Configuration {
  /** null: of a saved dump. */
  readonly target: string | null;
  readonly model: NginxModel;
  readonly localPath: (path: string) => string | null;
}

function documentOf(
  configurations: readonly Configuration[],
  uses: UsesDocument["uses"],
  warnings: readonly string[],
): UsesDocument {
  const problems = configurations
    .flatMap(({ model }) => model.problems)
    .map(({ file, line, message }) => `${file}:${String(line)}: ${message}`);
  return { schema: 1, uses, warnings: [...warnings, ...problems] };
}

/** Looks at the disk once for each path, since a thousand server blocks may share one certificate. */
function lineageNames(certbotDir: string): (path: string) => string | null {
  const known = new Map<string, string | null>();
  return (path) => {
    const name = known.get(path);
    if (name !== undefined) return name;
    const found = lineageOfPath(path, certbotDir)?.name ?? null;
    known.set(path, found);
    return found;
  };
}

/** The prefix, which a dump does not tell, matters for pid file and logs only. */
async function readDump(
  { readStdin, workingDirectory }: Invocation<UsesArguments>,
  dump: string,
): Promise<Configuration> {
  const bytes =
    dump === "-"
      ? await readStdin()
      : await readStream(
          createReadStream(resolve(workingDirectory, dump)),
        ).catch((cause: unknown) => {
          throw unreadable(`${dump} cannot be read`, cause);
        });
  if (bytes === null) throw unreadable(`${dump} is larger than 64 MiB`);
  const text = new TextDecoder().decode(bytes);
  const model = readModel(text, { prefix: "/", hostname: hostname() });
  if (model.files.length === 0)
    throw unreadable(`${dump} is no output of nginx -T`);
  return { target: null, model, localPath: (path) => path };
}

/** Of the configurations on disk; of the last good one where that cannot be had. */
async function askAll(invocation: Invocation<UsesArguments>): Promise<{
  readonly configurations: readonly Configuration[];
  readonly warnings: readonly string[];
}> {
  const world = await composeWorld(invocation);
  const configurations: Configuration[] = [];
  const warnings: string[] = [];
  for (const target of world.targets) {
    const { model, configuration, errors } = await discover(world, target);
    const words = errors.join("; ");
    if (model !== null)
      configurations.push({
        target: target.name,
        model,
        localPath: (path) => target.localPath(path),
      });
    if (configuration === "ok") continue;
    warnings.push(
      model === null
        ? `${target.name}: its configuration could not be asked: ${words}`
        : `${target.name}: this is the last configuration that Nginx accepted: ${words}`,
    );
  }
  if (configurations.length === 0) throw unreadable(warnings.join("\n"));
  for (const warning of warnings) invocation.log.warn(warning);
  return { configurations, warnings };
}

function unreadable(message: string, cause?: unknown): LivecertError {
  return new LivecertError("dump-unreadable", message, {
    cause,
    remedy: "nginx -T | livecert uses --dump -",
  });
}
