import { createReadStream } from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { lineageOfPath } from "../../adapters/certbot/lineages.ts";
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

/** Which server blocks and listeners use which certificate files: of a saved dump, or as Nginx itself tells now. */
export async function run(
  invocation: Invocation<UsesArguments>,
): Promise<number> {
  const { settings, stdout, log } = invocation;
  const model = await obtainModel(invocation);
  for (const problem of model.problems)
    log.warn("part of the configuration was not understood", { ...problem });
  const uses = usesOf(model, lineageNames(settings.certbotDir));
  stdout.write(
    settings.json
      ? renderJson(documentOf(model, uses))
      : renderUses(uses, stdout),
  );
  return 0;
}

function documentOf(
  { problems }: NginxModel,
  uses: UsesDocument["uses"],
): UsesDocument {
  const warnings = problems.map(
    ({ file, line, message }) => `${file}:${String(line)}: ${message}`,
  );
  return { schema: 1, uses, warnings };
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

function obtainModel(
  invocation: Invocation<UsesArguments>,
): Promise<NginxModel> {
  const { dump } = invocation.arguments;
  return dump === null ? askNginx(invocation) : readDump(invocation, dump);
}

/** The prefix, which a dump does not tell, matters for pid file and logs only. */
async function readDump(
  { readStdin, workingDirectory }: Invocation<UsesArguments>,
  dump: string,
): Promise<NginxModel> {
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
  return model;
}

/** Of the configuration on disk; the last good one where that cannot be had. */
async function askNginx(
  invocation: Invocation<UsesArguments>,
): Promise<NginxModel> {
  const world = await composeWorld(invocation);
  const errors: string[] = [];
  for (const target of world.targets) {
    const { model, ...discovery } = await discover(world, target);
    errors.push(...discovery.errors);
    if (model === null) continue;
    if (discovery.configuration !== "ok")
      invocation.log.warn(
        "this is the last configuration that Nginx accepted",
        {
          errors: discovery.errors,
        },
      );
    return model;
  }
  throw unreadable(errors.join("\n"));
}

function unreadable(message: string, cause?: unknown): LivecertError {
  return new LivecertError("dump-unreadable", message, {
    cause,
    remedy: "nginx -T | livecert uses --dump -",
  });
}
