import { setTimeout as sleep } from "node:timers/promises";
import { startLoad, type Tally } from "../../../bench/load.ts";
import type { Claim } from "../claim.ts";
import { Machine, name } from "../machine.ts";

const renewals = { short: 6, whole: 50 } as const;
/** Of each kind: those that connect anew each time, and those that keep their connection. */
const clients = 4;

export const loadClaim: Claim = {
  id: "load",
  what: "No handshake and no request fails while renewals go live under load",
  prove: async ({ extent, progress }) => {
    await using machine = await Machine.start();
    const count = renewals[extent];
    const failures: string[] = [];
    const startedMs = performance.now();
    progress(`${count} renewals go live`);
    const busy = await underLoad(machine, async () => {
      for (let renewal = 1; renewal <= count; renewal++) {
        await machine.renew();
        const { exitCode, stderr } = await machine.hook();
        if (exitCode !== 0 || !(await machine.isLive()))
          failures.push(`renewal ${renewal} did not go live: ${stderr}`);
      }
    });
    const tookMs = performance.now() - startedMs;
    progress("the same load without reloads");
    const quiet = await underLoad(machine, () => sleep(tookMs));
    const reloads = await machine.bed.nginx.reconfigurations();
    if (reloads !== count) failures.push(`${reloads} reloads`);
    return {
      tried: busy.handshakes + busy.requests,
      failures: [...failures, ...busy.failures],
      details: [
        `${busy.handshakes} new connections and ${busy.requests} requests over kept ones during ${reloads} reloads; ${busy.repeated} of the latter met the end of their connection and were repeated, as RFC 9112 asks of clients`,
        `99 % were answered within ${percentile99(busy)} ms, half of them within ${median(busy)} ms; without reloads ${percentile99(quiet)} ms and ${median(quiet)} ms, with ${quiet.handshakes + quiet.requests} answers in the same time`,
      ],
    };
  },
};

async function underLoad(
  { address, bed }: Machine,
  work: () => Promise<void>,
): Promise<Tally> {
  const [host = "", port = ""] = address.split(":");
  const end = startLoad({
    host,
    port: Number(port),
    servername: name,
    root: bed.pki.root.certificate,
    clients,
  });
  try {
    await work();
  } finally {
    await end();
  }
  return end();
}

const percentile99 = (tally: Tally): string => quantile(tally, 0.99);
const median = (tally: Tally): string => quantile(tally, 0.5);

function quantile({ latenciesMs }: Tally, share: number): string {
  const sorted = latenciesMs.toSorted((one, other) => one - other);
  return (sorted[Math.floor(share * sorted.length)] ?? NaN).toFixed(1);
}
