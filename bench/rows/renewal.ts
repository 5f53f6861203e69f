import { resolve } from "node:path";
import { livecertProgram } from "../../test/support/livecert.ts";
import { waitFor } from "../../test/support/wait.ts";
import { hookEnvironment, serve } from "../host.ts";
import {
  inWords,
  interleave,
  preferred,
  sample,
  type Command,
  type Sample,
} from "../measure.ts";
import type { Measurement, Row } from "../row.ts";

export const renewalRow: Row = {
  id: "renewal",
  what: "renewal to verified live, against a shell hook doing `openssl verify`, `nginx -t`, `nginx -s reload`, poll with `s_client`",
  bound: 1.5,
  unit: "×",
  measure,
};

const shellHook = resolve(import.meta.dirname, "../programs/shell-hook.sh");

async function measure(): Promise<Measurement> {
  await using host = await serve(1);
  const through = await preferred();
  const { bed, address } = host;
  const [name = ""] = host.names;
  const path = `${await bed.nginx.binDirectory()}:${process.env["PATH"] ?? ""}`;
  const environment = {
    ...process.env,
    ...hookEnvironment(host, name),
    PATH: path,
    ADDRESS: address,
    ROOT: bed.pki.rootFile,
  };
  const shell = (looks: number): Command => ({
    program: shellHook,
    args: [],
    environment: { ...environment, LOOKS: String(looks) },
    through,
  });
  const afterRenewal = (command: Command) => async () => {
    await bed.renew(name);
    const taken = await sample(command);
    if (await bed.isLive(name, address)) return taken;
    throw new Error(`${command.program} left the old certificate served`);
  };
  // This one has been seen to be content too early: what it does not wait for is waited for here.
  const afterHastyRenewal = async () => {
    await bed.renew(name);
    const taken = await sample(shell(1));
    await waitFor("the new certificate is served", () =>
      bed.isLive(name, address),
    );
    return taken;
  };
  const seen = await interleave(
    {
      livecert: afterRenewal({
        program: process.execPath,
        args: [livecertProgram, "hook"],
        environment,
        through,
      }),
      shell: afterRenewal(shell(3)),
      hasty: afterHastyRenewal,
    },
    11,
  );
  const ratio = (other: Sample) =>
    (seen.livecert.wallMs / other.wallMs).toFixed(2);
  return {
    figure: seen.livecert.wallMs / seen.shell.wallMs,
    details: [
      `livecert hook ${inWords(seen.livecert)}; shell hook ${inWords(seen.shell)}, until three looks in a row, 0.1 s apart, are good; one that is content with the first good look, whatever the old workers still do, ${inWords(seen.hasty)}, ${ratio(seen.hasty)} ×`,
    ],
  };
}
