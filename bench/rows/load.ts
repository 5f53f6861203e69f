import { livecertProgram } from "../../test/support/livecert.ts";
import { hookEnvironment, serve } from "../host.ts";
import { startLoad } from "../load.ts";
import { sample } from "../measure.ts";
import type { Measurement, Progress, Row } from "../row.ts";

const renewals = 5;

export const loadRow: Row = {
  id: "load",
  what: "handshakes or requests failed during a reload under load",
  bound: 0,
  unit: "",
  measure,
};

async function measure(progress: Progress): Promise<Measurement> {
  await using host = await serve(1);
  const { bed, address } = host;
  const [name = ""] = host.names;
  const [ip = "", port = ""] = address.split(":");
  const environment = {
    ...process.env,
    ...hookEnvironment(host, name),
  };
  const before = await bed.nginx.generations();
  progress(`${renewals} renewals go live while clients keep asking`);
  const end = startLoad({
    host: ip,
    port: Number(port),
    servername: name,
    root: bed.pki.root.certificate,
    clients: 4,
  });
  for (let renewal = 1; renewal <= renewals; renewal++) {
    await bed.renew(name);
    await sample({
      program: process.execPath,
      args: [livecertProgram, "hook"],
      environment,
    });
    if (!(await bed.isLive(name, address)))
      throw new Error("a renewal did not go live");
  }
  const { handshakes, requests, repeated, failures } = await end();
  const reloads = (await bed.nginx.generations()) - before;
  if (reloads !== renewals || handshakes === 0 || requests === 0)
    throw new Error(`only ${reloads} reloads, ${handshakes} handshakes`);
  return {
    figure: failures.length,
    details: [
      `${handshakes} new connections and ${requests} requests over kept ones during ${reloads} reloads; ${repeated} of the latter met the end of their connection and were repeated, as RFC 9112 asks of clients`,
      ...new Set(failures),
    ],
  };
}
