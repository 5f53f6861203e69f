import { livecertProgram } from "../../test/support/livecert.ts";
import { serve } from "../host.ts";
import { interleave, preferred, sample, type Command } from "../measure.ts";
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
  progress(`${lineages} lineages are issued`);
  await using host = await serve(lineages);
  const { bed } = host;
  const environment = bed.livecert.environment();
  const through = await preferred();
  const deploy: Command = {
    program: process.execPath,
    args: [livecertProgram, "deploy"],
    environment,
    through,
  };
  const dump: Command = {
    program: bed.nginx.program,
    args: [...bed.nginx.arguments, "-T"],
    environment,
    through,
  };
  progress("deploy sees them for the first time, then again unchanged");
  const first = await sample(deploy);
  const before = await bed.nginx.generations();
  const seen = await interleave(
    { deploy: () => sample(deploy), nginx: () => sample(dump) },
    5,
  );
  if ((await bed.nginx.generations()) !== before)
    throw new Error("deploy reloaded Nginx although all was live");
  const each = (ms: number): string => (ms / lineages).toFixed(2);
  return {
    figure: seen.deploy.cpuMs / lineages,
    details: [
      `of it ${each(seen.nginx.cpuMs)} ms is what \`nginx -T\` takes to load a certificate; wall clock ${each(seen.deploy.wallMs)} ms; the first time ${each(first.cpuMs)} ms of CPU`,
    ],
  };
}
