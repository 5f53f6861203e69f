import { join, resolve } from "node:path";
import { build } from "esbuild";
import { livecertProgram } from "../../test/support/livecert.ts";
import { hookEnvironment, serve, type ServingHost } from "../host.ts";
import { sample } from "../measure.ts";
import type { Measurement, Row } from "../row.ts";
import { compareWithNothing } from "../starts.ts";

export const hookRow: Row = {
  id: "hook",
  what: "`hook` when already live, against `node -e 0`",
  bound: 2.5,
  unit: "×",
  measure,
};

async function measure(): Promise<Measurement> {
  await using host = await serve(1);
  const [name = ""] = host.names;
  const environment = hookEnvironment(host, name);
  const hook = { args: [livecertProgram, "hook"], environment };
  // The first one takes note of what it finds; Certbot calls again for what is live already.
  await sample({
    program: process.execPath,
    args: hook.args,
    environment: { ...process.env, ...environment },
  });
  const before = await host.bed.nginx.generations();
  const measurement = await compareWithNothing(
    {
      "livecert hook": hook,
      "bare execa + pino + nginx -T + one probe": {
        args: await reference(host, name),
      },
    },
    15,
  );
  if ((await host.bed.nginx.generations()) !== before)
    throw new Error("the hook reloaded Nginx although all was live");
  return measurement;
}

/** The reference as one bundled file, as livecert is. */
async function reference(
  { bed, address }: ServingHost,
  name: string,
): Promise<readonly string[]> {
  const outfile = join(bed.directory, "reference.mjs");
  await build({
    entryPoints: [resolve(import.meta.dirname, "../programs/reference.ts")],
    bundle: true,
    minify: true,
    platform: "node",
    target: "node20.19",
    format: "esm",
    outfile,
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
  });
  const { program, prefix, configuration } = bed.nginx;
  const dump = [program, "-p", prefix, "-c", configuration, "-T"];
  return [outfile, address, name, ...dump];
}
