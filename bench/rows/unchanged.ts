import { livecertProgram } from "../../test/support/livecert.ts";
import { serve } from "../host.ts";
import { sample, type Command } from "../measure.ts";
import type { Measurement, Progress, Row } from "../row.ts";

const lineages = 1000;

export const unchangedRow: Row = {
  id: "unchanged",
  what: `\`deploy\` over ${lineages} unchanged lineages, CPU time per lineage`,
  bound: 5,
  unit: "ms",
  measure,
};

async function measure(progress: Progress): Promise<Measurement> {
  progress(`openssl issues ${lineages} lineages`);
  await using host = await serve(lineages);
  const { bed } = host;
  const environment = bed.livecert.environment();
  const deploy: Command = {
    program: process.execPath,
    args: [livecertProgram, "deploy"],
    environment,
  };
  const dump: Command = {
    program: bed.nginx.program,
    args: [...bed.nginx.arguments, "-T"],
    environment,
  };
  progress("deploy sees them for the first time, then again unchanged");
  const first = await sample(deploy);
  const before = await bed.nginx.generations();
  const { cpuMs, wallMs } = await sample(deploy);
  if ((await bed.nginx.generations()) !== before)
    throw new Error("deploy reloaded Nginx although all was live");
  const nginx = await sample(dump);
  const each = (ms: number): string => (ms / lineages).toFixed(2);
  return {
    figure: cpuMs / lineages,
    details: [
      `of it ${each(nginx.cpuMs)} ms is what \`nginx -T\` takes to load a certificate; wall clock ${each(wallMs)} ms; the first time ${each(first.cpuMs)} ms of CPU`,
    ],
  };
}
